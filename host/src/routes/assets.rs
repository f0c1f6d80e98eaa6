//! Static files of a project. tower-http does the work; this decides what is no file of the
//! project: names that begin with a dot, and `node_modules`.

use std::path::Path;

use axum::body::Body;
use axum::response::Response;
use http::{HeaderValue, Method, header};
use http_body_util::BodyExt;
use tower_http::services::ServeDir;

use crate::error::RouteError;
use crate::router::Request;

pub(crate) async fn serve(directory: &Path, request: Request) -> Result<Response, RouteError> {
    let readable = matches!(*request.method(), Method::GET | Method::HEAD);
    if !readable || request.uri().path().split('/').any(is_private) {
        return Err(RouteError::NotFound);
    }
    let Ok(response) = ServeDir::new(directory).try_call(request).await else {
        return Err(RouteError::NotFound);
    };
    let mut response = response.map(|body| Body::new(body.map_err(axum::Error::new)));
    // As PartyKit does for its files.
    let any = HeaderValue::from_static("*");
    response
        .headers_mut()
        .insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, any);
    if response.status() == http::StatusCode::NOT_FOUND {
        return Err(RouteError::NotFound);
    }
    Ok(response)
}

/// Encoded dots are decoded by nobody before this, and so are refused with their percent sign.
fn is_private(segment: &str) -> bool {
    let hidden = segment.starts_with('.') || segment.to_ascii_lowercase().starts_with("%2e");
    hidden || segment == "node_modules"
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dotfiles_and_node_modules_are_private_however_they_are_written() {
        for segment in [".env", "..", "%2eenv", "%2Egit", "node_modules"] {
            assert!(is_private(segment), "{segment}");
        }
        assert!(!is_private("index.html"));
    }
}

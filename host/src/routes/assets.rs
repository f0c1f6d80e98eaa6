//! Static files of a project. tower-http does the work; this decides what is no file of the
//! project: names that begin with a dot, `node_modules`, and a folder without its slash.

use std::path::Path;

use axum::body::Body;
use axum::response::Response;
use http::{HeaderValue, Method, StatusCode, header};
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
    // A folder without its slash would be redirected; PartyKit has no file of that name.
    if matches!(
        response.status(),
        StatusCode::NOT_FOUND | StatusCode::TEMPORARY_REDIRECT
    ) {
        return Err(RouteError::NotFound);
    }
    if let Some(text) = response
        .headers()
        .get(header::CONTENT_TYPE)
        .and_then(as_utf8)
    {
        response.headers_mut().insert(header::CONTENT_TYPE, text);
    }
    Ok(response)
}

/// The type of a text with the encoding that all of a project's texts have; none for other types,
/// and for those that already say an encoding.
fn as_utf8(kind: &HeaderValue) -> Option<HeaderValue> {
    let kind = match kind.to_str().ok()? {
        // The older of two names: browsers and PartyKit say the newer.
        "application/javascript" => "text/javascript",
        kind => kind,
    };
    let is_text =
        kind.starts_with("text/") || matches!(kind, "application/json" | "application/xhtml+xml");
    if !is_text || kind.contains(';') {
        return None;
    }
    HeaderValue::try_from(format!("{kind}; charset=utf-8")).ok()
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

    #[test]
    fn texts_say_that_they_are_utf8_and_others_say_nothing() {
        let said = |kind: &'static str| as_utf8(&HeaderValue::from_static(kind));
        let text = HeaderValue::from_static("text/css; charset=utf-8");
        assert_eq!(said("text/css"), Some(text));
        assert!(said("application/json").is_some());
        for kind in ["image/png", "text/plain; charset=ascii"] {
            assert!(said(kind).is_none(), "{kind}");
        }
    }
}

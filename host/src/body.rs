//! Between the HTTP library's requests and responses and those of core.

use std::time::Duration;

use axum::body::Body;
use http::uri::Scheme;
use http::{HeaderMap, HeaderName, HeaderValue, header};
use http_body_util::BodyExt;
use hyper::body::Body as _;
use partykit_core::{Content, Field, RequestHead, Response};
use partykit_rooms::RequestBody;
use tokio::time::timeout;

use crate::error::RouteError;

/// Set by proxies that are trusted and forged by clients that are not; none is trusted yet.
const FORGEABLE: [&str; 1] = ["x-real-ip"];
const FORGEABLE_PREFIXES: [&str; 2] = ["cf-", "x-forwarded-"];

/// Bodies up to this size are read before the room is asked; larger ones, and those that do not
/// say how large they are, come piece by piece as the room reads them.
const WHOLE_BYTES_MAX: u64 = 64 * 1024;

/// A request's body as the room gets it, and the stream of one that comes in pieces.
pub(crate) async fn read(
    body: Body,
    max: u64,
    limit: Duration,
) -> Result<(RequestBody, Option<Body>), RouteError> {
    if body.is_end_stream() {
        return Ok((RequestBody::None, None));
    }
    match body.size_hint().exact() {
        Some(size) if size > max => Err(RouteError::BodyTooLarge { max }),
        Some(size) if size <= WHOLE_BYTES_MAX => match timeout(limit, body.collect()).await {
            Ok(Ok(collected)) => Ok((RequestBody::Whole(collected.to_bytes()), None)),
            Ok(Err(_)) => Err(RouteError::BodyBroken),
            Err(_) => Err(RouteError::BodyTooSlow),
        },
        _ => Ok((RequestBody::Pieces, Some(body))),
    }
}

/// Method, absolute URL and headers as room code sees them. The scheme is that of HTTP as in
/// PartyKit, for WebSockets too.
pub(crate) fn head<B>(
    request: &http::Request<B>,
    client: std::net::IpAddr,
) -> Result<RequestHead, RouteError> {
    let host = request
        .headers()
        .get(header::HOST)
        .and_then(|host| host.to_str().ok());
    let host = host.or_else(|| request.uri().authority().map(|host| host.as_str()));
    let path = request
        .uri()
        .path_and_query()
        .map_or("/", |path| path.as_str());
    let mut headers = fields(request.headers());
    for name in ["cf-connecting-ip", "x-real-ip"] {
        headers.push((name.to_owned(), client.to_string()));
    }
    let scheme = request.extensions().get::<Scheme>();
    let scheme = scheme.map_or("http", Scheme::as_str);
    let url = format!("{scheme}://{}{path}", host.unwrap_or("localhost"));
    // As URLs are written in `request.url`. What cannot be parsed is the client's fault.
    let url = url::Url::parse(&url).map_err(|_| RouteError::Url)?;
    Ok(RequestHead {
        method: request.method().as_str().to_owned(),
        url: url.into(),
        headers,
    })
}

fn fields(headers: &HeaderMap) -> Vec<Field> {
    let kept = headers
        .iter()
        .filter(|(name, _)| !is_forgeable(name.as_str()));
    kept.map(|(name, value)| (name.as_str().to_owned(), latin1(value.as_bytes())))
        .collect()
}

fn is_forgeable(name: &str) -> bool {
    FORGEABLE.contains(&name)
        || FORGEABLE_PREFIXES
            .iter()
            .any(|prefix| name.starts_with(prefix))
}

/// Fetch reads header bytes as Latin-1.
fn latin1(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| char::from(*byte)).collect()
}

/// Headers that say how a message is carried are the HTTP library's to write.
fn is_framing(name: &HeaderName) -> bool {
    [
        header::CONNECTION,
        header::TRANSFER_ENCODING,
        header::CONTENT_LENGTH,
        header::UPGRADE,
    ]
    .contains(name)
}

/// To what the HTTP library sends. A header it cannot send is left out.
pub(crate) fn to_http(response: Response) -> http::Response<Body> {
    let whole = match &response.body {
        Content::Whole(bytes) => Body::from(bytes.clone()),
        // Only ever given with a body of its own.
        Content::Pieces(_) => Body::empty(),
    };
    with_body(response, whole)
}

/// The same, with a body that is written piece by piece.
pub(crate) fn with_body(response: Response, body: Body) -> http::Response<Body> {
    let mut http = http::Response::new(body);
    // Statuses were checked when the guest answered.
    *http.status_mut() =
        http::StatusCode::from_u16(response.status).unwrap_or(http::StatusCode::OK);
    for (name, value) in response.headers {
        let bytes: Vec<u8> = value
            .chars()
            .map(|c| u8::try_from(u32::from(c)).unwrap_or(b'?'))
            .collect();
        let name = HeaderName::try_from(name);
        if let (Ok(name), Ok(value)) = (name, HeaderValue::from_bytes(&bytes))
            && !is_framing(&name)
        {
            http.headers_mut().append(name, value);
        }
    }
    http
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn headers_a_client_could_forge_are_replaced_by_what_the_host_knows() {
        let request = http::Request::get("/party/r?x=1")
            .header("host", "example.org:1999")
            .header("CF-Connecting-IP", "6.6.6.6")
            .header("x-forwarded-for", "6.6.6.6")
            .header("x-mine", "kept \u{e9}")
            .body(())
            .unwrap();
        let head = head(&request, "127.0.0.1".parse().unwrap()).unwrap();
        assert_eq!(head.url, "http://example.org:1999/party/r?x=1");
        assert!(
            !head
                .headers
                .iter()
                .any(|(_, value)| value.contains("6.6.6.6"))
        );
        let ip = ("cf-connecting-ip".to_owned(), "127.0.0.1".to_owned());
        assert!(head.headers.contains(&ip));
    }

    #[test]
    fn a_response_keeps_its_headers_but_not_those_of_framing() {
        let headers = vec![
            ("set-cookie".to_owned(), "a=1".to_owned()),
            ("set-cookie".to_owned(), "b=2".to_owned()),
            ("content-length".to_owned(), "999".to_owned()),
            ("bad name".to_owned(), "x".to_owned()),
        ];
        let http = to_http(Response {
            status: 418,
            headers,
            body: Content::Whole("tea".into()),
        });
        assert_eq!(http.status(), 418);
        assert_eq!(http.headers().get_all("set-cookie").iter().count(), 2);
        assert_eq!(http.headers().len(), 2);
    }
}

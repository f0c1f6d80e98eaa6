//! The two addresses of `live`: its script, and the WebSocket that the script opens.

use axum::body::Body;
use axum::response::Response;
use fastwebsockets::{Frame, OpCode, Payload, WebSocketError, upgrade};
use http::{HeaderValue, header};
use tokio::io::split;

use super::party::{check_handshake, is_upgrade};
use crate::error::RouteError;
use crate::live::{Listener, Live, SCRIPT, SCRIPT_PATH, SOCKET_PATH};
use crate::router::Request;

/// Pages say nothing; what they send is read to notice that they leave.
const MESSAGE_BYTES_MAX: usize = 1024;

/// The answer, if the request is for one of these addresses.
pub(crate) fn serve(live: &Live, request: &mut Request) -> Option<Result<Response, RouteError>> {
    match request.uri().path() {
        SCRIPT_PATH => Some(Ok(script())),
        SOCKET_PATH => Some(socket(live, request)),
        _ => None,
    }
}

fn script() -> Response {
    let mut response = Response::new(Body::from(SCRIPT));
    let kind = HeaderValue::from_static("text/javascript; charset=utf-8");
    response.headers_mut().insert(header::CONTENT_TYPE, kind);
    let fresh = HeaderValue::from_static("no-cache");
    response.headers_mut().insert(header::CACHE_CONTROL, fresh);
    response
}

fn socket(live: &Live, request: &mut Request) -> Result<Response, RouteError> {
    // What is told contains lines of source code, which no other site's page may read.
    if !is_upgrade(request) || !is_own_page(request) {
        return Err(RouteError::NotFound);
    }
    check_handshake(request)?;
    let Ok((response, upgraded)) = upgrade::upgrade(request) else {
        return Err(RouteError::Handshake("Sec-WebSocket-Key"));
    };
    tokio::spawn(tell(upgraded, live.listen()));
    Ok(response.map(|_| Body::empty()))
}

/// Whether the page that asks comes from here: browsers say where a page is from, and pages cannot
/// change it.
fn is_own_page(request: &Request) -> bool {
    let text = |name| {
        request
            .headers()
            .get(name)
            .and_then(|value: &HeaderValue| value.to_str().ok())
    };
    let (Some(origin), Some(host)) = (text(header::ORIGIN), text(header::HOST)) else {
        return false;
    };
    origin
        .split_once("://")
        .is_some_and(|(_, from)| from == host)
}

/// Until the page has gone or nobody tells any more.
async fn tell(upgraded: upgrade::UpgradeFut, mut listener: Listener) {
    let Ok(mut socket) = upgraded.await else {
        return;
    };
    socket.set_auto_close(false);
    socket.set_auto_pong(false);
    socket.set_max_message_size(MESSAGE_BYTES_MAX);
    let (mut read, mut write) = socket.split(split);
    let left = async {
        loop {
            let nothing = |_: Frame<'_>| async { Ok::<(), WebSocketError>(()) };
            match read.read_frame(&mut { nothing }).await {
                Ok(frame) if frame.opcode != OpCode::Close => {}
                _ => return,
            }
        }
    };
    let told = async {
        while let Some(state) = listener.next().await {
            let frame = Frame::text(Payload::Owned(state.into_bytes()));
            if write.write_frame(frame).await.is_err() {
                return;
            }
        }
    };
    tokio::select! {
        () = left => {}
        () = told => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_pages_of_this_host_may_listen() {
        let from = |origin: Option<&str>| {
            let mut builder = http::Request::get(SOCKET_PATH).header("host", "localhost:1999");
            if let Some(origin) = origin {
                builder = builder.header("origin", origin);
            }
            is_own_page(&builder.body(Body::empty()).unwrap())
        };
        assert!(from(Some("http://localhost:1999")));
        assert!(from(Some("https://localhost:1999")));
        for origin in [
            None,
            Some("http://localhost:2000"),
            Some("https://evil.example"),
            Some("null"),
        ] {
            assert!(!from(origin), "{origin:?}");
        }
    }
}

//! The two addresses of `live`: its script, and the WebSocket that the script opens. And which
//! pages are given the script: those that a person looks at.

use axum::body::Body;
use axum::response::Response;
use fastwebsockets::{Frame, OpCode, Payload, WebSocketError, upgrade};
use http::{HeaderValue, header};
use partykit_core::{Content, Response as RoomResponse};
use tokio::io::split;

use super::party::{check_handshake, is_upgrade};
use crate::error::RouteError;
use crate::live::{Listener, Live, PageOf, SCRIPT, SCRIPT_PATH, SOCKET_PATH, with_script};
use crate::router::Request;

/// Pages say nothing; what they send is read to notice that they leave.
const MESSAGE_BYTES_MAX: usize = 1024;

/// Pages above this size are not given the script: nobody writes such a one by hand.
pub(crate) const PAGE_BYTES_MAX: usize = 8 * 1024 * 1024;

/// What a page is given, if anything.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Pages {
    AsTheyAre,
    /// With the script of `live`.
    Live,
}

impl Pages {
    /// The script is for what a person looks at: code that fetches a page gets it as it is.
    pub(crate) fn answering(request: &Request, live: Option<&Live>) -> Self {
        match live {
            Some(_) if navigates(request) => Self::Live,
            _ => Self::AsTheyAre,
        }
    }
}

/// Whether a browser shows the answer as a page.
pub(crate) fn navigates(request: &Request) -> bool {
    let mode = request.headers().get("sec-fetch-mode");
    mode.is_some_and(|mode| mode == "navigate")
}

/// A whole answer of a room: a page gets the script. What is written piece by piece, what is
/// compressed and what is a part of something stays as it is.
pub(crate) fn of_room(mut response: RoomResponse, pages: Pages) -> RoomResponse {
    let Content::Whole(body) = &response.body else {
        return response;
    };
    let is_whole = !matches!(response.status, 204 | 206 | 304);
    let fits = (1..=PAGE_BYTES_MAX).contains(&body.len());
    if pages == Pages::Live && is_whole && fits && is_readable_page(&response) {
        response.body = Content::Whole(with_script(body, PageOf::Room).into());
    }
    response
}

fn is_readable_page(response: &RoomResponse) -> bool {
    let value = |wanted: &str| {
        let is_it = |(name, _): &&(String, String)| name.eq_ignore_ascii_case(wanted);
        response.headers.iter().find(is_it)
    };
    let Some((_, kind)) = value("content-type") else {
        return false;
    };
    let kind = kind.to_ascii_lowercase();
    let essence = kind.split(';').next().unwrap_or("").trim();
    // Of all that a page may be encoded in, only this is not read as ASCII is.
    essence == "text/html" && !kind.contains("utf-16") && value("content-encoding").is_none()
}

/// What is shown to a browser that goes to a room of a project without code: what is wrong comes
/// to cover it, and when that is mended it is loaded again.
pub(crate) fn without_code(mut response: RoomResponse) -> RoomResponse {
    let Content::Whole(text) = &response.body else {
        return response;
    };
    let page = [b"<!doctype html><pre>", text.as_ref(), b"</pre>"].concat();
    response.body = Content::Whole(with_script(&page, PageOf::Room).into());
    let kind = "text/html; charset=utf-8".to_owned();
    response.headers.retain(|(name, _)| name != "content-type");
    response.headers.push(("content-type".to_owned(), kind));
    response
}

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

//! Requests that address a room: an HTTP request becomes one event and waits for its answer, an
//! upgrade becomes a connection whose handshake is answered when the room says so.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use axum::response::Response;
use bytestring::ByteString;
use fastwebsockets::upgrade;
use http::{HeaderValue, Method, Version, header};
use partykit_core::{
    CloseInfo, ConnectionHandle, ConnectionInfo, RequestHead, RoomKey, close_code,
};
use partykit_rooms::{ExchangeId, Input, RequestBody};
use tokio::sync::{mpsc, oneshot};

use crate::app::App;
use crate::body;
use crate::driver::{
    Answer, Delivery, ExchangeEnds, Handshake, Peer, RoomHandle, random_connection_id,
};
use crate::error::RouteError;
use crate::exchange::feed;
use crate::router::Request;
use crate::routes::live::{self, Pages};
use crate::socket::{Outbound, Socket, refuse, serve};

/// As the reference: the Upgrade header alone decides, in any case, with any method.
pub(crate) fn is_upgrade(request: &Request) -> bool {
    let upgrade = request.headers().get(header::UPGRADE);
    upgrade.is_some_and(|value| value.as_bytes().eq_ignore_ascii_case(b"websocket"))
}

/// An HTTP request to a room.
pub(crate) async fn request(
    app: &Arc<App>,
    key: RoomKey,
    client: IpAddr,
    request: Request,
) -> Result<Response, RouteError> {
    let pages = Pages::answering(&request, app.live.as_ref());
    let head = body::head(&request, client)?;
    let max = app.directory.maker().limits.body_bytes_max;
    let limit = Duration::from_millis(app.limits.body_piece_ms);
    let (body, stream) = tokio::select! {
        biased;
        read = body::read(request.into_body(), max, limit) => read?,
        () = app.stopping() => return Err(RouteError::Stopping),
    };
    let mut asked = ask(app, &key, head, body, stream).await?;
    let answer = (&mut asked.answered)
        .await
        .map_err(|_| RouteError::NoAnswer)?;
    asked.is_answered = true;
    Ok(match answer {
        Answer::Whole(response) => body::to_http(live::of_room(response, pages)),
        Answer::Pieces(response, pieces) => body::with_body(response, Body::new(pieces)),
    })
}

/// A request that is not answered. Dropped before it is, which is what happens when the client
/// goes away, it tells the room.
struct Asked {
    room: Arc<RoomHandle>,
    exchange: ExchangeId,
    answered: oneshot::Receiver<Answer>,
    is_answered: bool,
}

impl Drop for Asked {
    fn drop(&mut self) {
        if !self.is_answered {
            self.room.tell_later(Input::Gone {
                exchange: self.exchange,
            });
        }
    }
}

/// Brings a request to its room; one that was evicted meanwhile is asked for again.
async fn ask(
    app: &Arc<App>,
    key: &RoomKey,
    mut head: RequestHead,
    mut body: RequestBody,
    stream: Option<Body>,
) -> Result<Asked, RouteError> {
    loop {
        let room = app.directory.get_or_create(key)?;
        let exchange = room.next_exchange();
        let (answer, answered) = oneshot::channel();
        let (pulls, pulled) = mpsc::unbounded_channel();
        let pulls = stream.is_some().then_some(pulls);
        let ends = ExchangeEnds {
            answer: Some(answer),
            pulls,
            parts: None,
        };
        let mut asked = Asked {
            room: room.clone(),
            exchange,
            answered,
            is_answered: false,
        };
        match room
            .deliver(Delivery::Request {
                exchange,
                head,
                body,
                ends,
            })
            .await
        {
            Ok(()) => {
                if let Some(stream) = stream {
                    let limit = Duration::from_millis(app.limits.body_piece_ms);
                    tokio::spawn(feed(room, exchange, stream, pulled, limit));
                }
                return Ok(asked);
            }
            Err(Delivery::Request {
                head: head_back,
                body: body_back,
                ..
            }) => {
                (head, body) = (head_back, body_back);
            }
            Err(_) => return Err(RouteError::NoAnswer),
        }
        asked.is_answered = true;
    }
}

/// A WebSocket to a room. The 101 is held back until the room has accepted.
pub(crate) async fn connect(
    app: &Arc<App>,
    key: RoomKey,
    client: IpAddr,
    mut request: Request,
) -> Result<Response, RouteError> {
    check_handshake(&request)?;
    let head = body::head(&request, client)?;
    let protocol = first_protocol(&request);
    let Ok((mut response, upgraded)) = upgrade::upgrade(&mut request) else {
        return Err(RouteError::Handshake("Sec-WebSocket-Key"));
    };
    response
        .headers_mut()
        .extend(protocol.map(|name| (header::SEC_WEBSOCKET_PROTOCOL, name)));

    let mut held = match join(app, &key, head).await {
        Ok(held) => held,
        Err(error) => {
            let Some(code) = error.close_code() else {
                return Err(error);
            };
            let wait = Duration::from_millis(app.limits.close_ms);
            app.sockets
                .spawn(refuse(upgraded, code, error.to_string(), wait));
            return Ok(response.map(|_| Body::empty()));
        }
    };
    let answer = (&mut held.answered)
        .await
        .map_err(|_| RouteError::NoAnswer)?;
    held.is_answered = true;
    match answer {
        Handshake::Refused(response) => Ok(body::to_http(response)),
        Handshake::Open => {
            app.sockets.spawn(serve(upgraded, held.socket(app)));
            Ok(response.map(|_| Body::empty()))
        }
    }
}

/// RFC 6455, section 4.2.1, as far as the library does not look.
pub(super) fn check_handshake(request: &Request) -> Result<(), RouteError> {
    let header = |name| request.headers().get(name).map(HeaderValue::as_bytes);
    if header(header::SEC_WEBSOCKET_VERSION) != Some(b"13") {
        return Err(RouteError::WebSocketVersion);
    }
    // Section 4.1.
    if request.method() != Method::GET {
        return Err(RouteError::Handshake("the method GET"));
    }
    if request.version() < Version::HTTP_11 {
        return Err(RouteError::Handshake("HTTP/1.1"));
    }
    // One line or several: proxies add their own.
    let lines = request.headers().get_all(header::CONNECTION);
    let says_upgrade = lines
        .iter()
        .flat_map(|line| line.as_bytes().split(|byte| *byte == b','))
        .any(|word| word.trim_ascii().eq_ignore_ascii_case(b"upgrade"));
    if !says_upgrade {
        return Err(RouteError::Handshake("`Connection: Upgrade`"));
    }
    let mut keys = request
        .headers()
        .get_all(header::SEC_WEBSOCKET_KEY)
        .into_iter();
    // Section 11.3.1: once and no more.
    match (keys.next(), keys.next()) {
        (Some(key), None) if is_16_bytes_in_base64(key.as_bytes()) => Ok(()),
        _ => Err(RouteError::Handshake(
            "one Sec-WebSocket-Key of 16 bytes in base64",
        )),
    }
}

/// 22 digits, of which the last one has only two bits, and the padding.
fn is_16_bytes_in_base64(key: &[u8]) -> bool {
    let is_digit = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/');
    let Some(digits) = key.strip_suffix(b"==").filter(|digits| digits.len() == 22) else {
        return false;
    };
    digits.iter().all(is_digit) && digits.last().is_some_and(|last| b"AQgw".contains(last))
}

/// The first subprotocol offered: a client that offers some fails when none comes back.
fn first_protocol(request: &Request) -> Option<HeaderValue> {
    let offered = request.headers().get(header::SEC_WEBSOCKET_PROTOCOL)?;
    let first = offered.as_bytes().split(|byte| *byte == b',').next()?;
    HeaderValue::from_bytes(first.trim_ascii()).ok()
}

/// A connection whose handshake is not answered. Dropped before it is, which is what happens when
/// the client goes away, it tells the room.
struct Held {
    room: Arc<RoomHandle>,
    connection: ConnectionHandle,
    outbound: Arc<Outbound>,
    answered: oneshot::Receiver<Handshake>,
    is_answered: bool,
}

impl Held {
    fn socket(&self, app: &App) -> Socket {
        Socket {
            room: self.room.clone(),
            connection: self.connection,
            outbound: self.outbound.clone(),
            message_bytes_max: self.room.limits.message_bytes_max,
            limits: app.limits.clone(),
        }
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        if !self.is_answered {
            let reason = ByteString::new();
            let info = CloseInfo {
                code: close_code::ABNORMAL,
                reason,
                was_clean: false,
            };
            self.room.tell(Input::Closed {
                is_waiting: false,
                client: self.connection,
                info,
            });
        }
    }
}

/// Asks the room in; one that was evicted meanwhile is asked for again.
async fn join(app: &Arc<App>, key: &RoomKey, head: RequestHead) -> Result<Held, RouteError> {
    let id = connection_id(&head.url);
    let uri = ByteString::from(head.url.as_str());
    let mut request = head;
    loop {
        let room = app.directory.get_or_create(key)?;
        let max = room.limits.connection_buffer_bytes_max;
        let (handshake, answered) = oneshot::channel();
        let outbound = Arc::new(Outbound::new(max));
        let connection = room.next_connection();
        let mut held = Held {
            room: room.clone(),
            connection,
            outbound,
            answered,
            is_answered: false,
        };
        let client = ConnectionInfo {
            handle: connection,
            id: id.clone(),
            uri: uri.clone(),
        };
        let peer = Peer {
            outbound: held.outbound.clone(),
            handshake: Some(handshake),
            is_leaving: false,
        };
        match room
            .deliver(Delivery::Connect {
                client,
                request,
                peer,
            })
            .await
        {
            Ok(()) => return Ok(held),
            Err(Delivery::Connect { request: back, .. }) => request = back,
            Err(_) => return Err(RouteError::NoAnswer),
        }
        held.is_answered = true;
    }
}

/// The client's own id, or a random one.
fn connection_id(url: &str) -> ByteString {
    let given = url::Url::parse(url).ok().and_then(|url| {
        let pair = url.query_pairs().find(|(name, _)| name == "_pk");
        pair.map(|(_, value)| ByteString::from(value.into_owned()))
    });
    given
        .filter(|id| !id.is_empty())
        .unwrap_or_else(random_connection_id)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_connection_id_is_the_decoded_pk_or_random() {
        assert_eq!(connection_id("http://h/party/r?a=1&_pk=a%20b+c"), "a b c");
        assert_eq!(connection_id("http://h/party/r?_pk=").len(), 36);
        assert_ne!(
            connection_id("http://h/party/r"),
            connection_id("http://h/party/r")
        );
    }

    #[test]
    fn an_incomplete_handshake_is_refused_with_what_it_lacks() {
        let request = |version: &str, connection: &str, key: &str| {
            let builder = http::Request::get("/party/r")
                .header("sec-websocket-version", version)
                .header("connection", connection)
                .header("sec-websocket-key", key);
            check_handshake(&builder.body(Body::empty()).unwrap())
        };
        let key = "dGhlIHNhbXBsZSBub25jZQ==";
        assert_eq!(request("13", "keep-alive, Upgrade", key), Ok(()));
        assert_eq!(
            request("8", "Upgrade", key),
            Err(RouteError::WebSocketVersion)
        );
        assert!(matches!(
            request("13", "close", key),
            Err(RouteError::Handshake(_))
        ));
        let lines = http::Request::get("/party/r")
            .header("sec-websocket-version", "13")
            .header("connection", "keep-alive")
            .header("connection", "Upgrade")
            .header("sec-websocket-key", key);
        let mut lines = lines.body(Body::empty()).unwrap();
        assert_eq!(check_handshake(&lines), Ok(()), "two lines are one list");
        *lines.version_mut() = Version::HTTP_10;
        let refused = check_handshake(&lines);
        assert!(matches!(refused, Err(RouteError::Handshake("HTTP/1.1"))));
        let keys = [
            "short",
            "",
            "dGhlIHNhbXBsZSBub25jZQ=",
            "dGhlIHNhbXBsZSBub25jZSE=",
            "dGhlIHNhbXBsZSBub25jZR==",
            "dGhlIHNhbXBsZSBub25j Q==",
            "dGhlIHNhbXBsZSBub25jZQAA",
            "dGhlIHNhbXBsZSBub2_-ZQ==",
        ];
        for key in keys {
            let refused = request("13", "Upgrade", key);
            assert!(matches!(refused, Err(RouteError::Handshake(_))), "{key}");
        }
        let twice = http::Request::get("/party/r")
            .header("sec-websocket-version", "13")
            .header("connection", "upgrade")
            .header("sec-websocket-key", key)
            .header("sec-websocket-key", key);
        let refused = check_handshake(&twice.body(Body::empty()).unwrap());
        assert!(matches!(refused, Err(RouteError::Handshake(_))));
    }
}

//! The upgrade: one fixed request, and the one answer to it that is right.

use super::error::{Error, Result};

/// The sample nonce of RFC 6455 1.3 and its known answer: the handshake can so be verified without
/// computing a SHA-1.
const KEY: &str = "dGhlIHNhbXBsZSBub25jZQ==";
const ACCEPT: &str = "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=";

/// An answer whose head is longer is none.
pub(super) const HEAD_BYTES_MAX: usize = 32 * 1024;

pub(super) fn request(host: &str, path: &str) -> String {
    format!(
        "GET {path} HTTP/1.1\r\nHost: {host}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
         Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: {KEY}\r\n\r\n"
    )
}

/// Where the head ends, once it does.
pub(super) fn head_end(bytes: &[u8]) -> Option<usize> {
    find(bytes, b"\r\n\r\n").map(|at| at + 4)
}

/// Where `needle` begins.
fn find(bytes: &[u8], needle: &[u8]) -> Option<usize> {
    bytes
        .windows(needle.len())
        .position(|window| window == needle)
}

/// Checks the head of the answer; `body` is what came behind it.
///
/// # Errors
/// It is another answer than 101 to our request.
pub(super) fn check(head: &[u8], body: &[u8]) -> Result<()> {
    let head = String::from_utf8_lossy(head);
    let mut lines = head.split("\r\n");
    let status = lines
        .next()
        .and_then(|line| line.split(' ').nth(1)?.parse().ok());
    match status {
        Some(101) => {}
        Some(status) => {
            let body = String::from_utf8_lossy(body).chars().take(200).collect();
            return Err(Error::Http(status, body));
        }
        None => return Error::protocol("bad status line"),
    }
    let (mut upgraded, mut accepted) = (false, false);
    for (name, value) in lines.filter_map(|line| line.split_once(':')) {
        let value = value.trim();
        match name.to_ascii_lowercase().as_str() {
            "upgrade" => upgraded = value.eq_ignore_ascii_case("websocket"),
            "sec-websocket-accept" => accepted = value == ACCEPT,
            "sec-websocket-extensions" | "sec-websocket-protocol" => {
                return Error::protocol(format!("unrequested {name}: {value}"));
            }
            _ => {}
        }
    }
    if upgraded && accepted {
        Ok(())
    } else {
        Error::protocol("bad upgrade answer")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const RIGHT: &str = "HTTP/1.1 101 Switching Protocols\r\nUpgrade: WebSocket\r\n\
                         Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n";

    #[test]
    fn only_the_right_answer_passes() {
        assert_eq!(head_end(RIGHT.as_bytes()), Some(RIGHT.len()));
        assert!(check(RIGHT.as_bytes(), b"").is_ok());
        let other_key = RIGHT.replace("s3p", "S3P");
        let extension = RIGHT.replace("\r\n\r\n", "\r\nSec-WebSocket-Extensions: x\r\n\r\n");
        for wrong in [other_key, extension, RIGHT.replace("WebSocket\r", "h2c\r")] {
            assert!(
                matches!(check(wrong.as_bytes(), b""), Err(Error::Protocol(_))),
                "{wrong}"
            );
        }
        let refused = RIGHT.replace("101", "403");
        assert!(
            matches!(check(refused.as_bytes(), b"no"), Err(Error::Http(403, body)) if body == "no")
        );
    }
}

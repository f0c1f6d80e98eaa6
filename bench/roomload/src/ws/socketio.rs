//! Socket.IO as far as one event named "m" with one text needs it, for servers that speak it.

use super::error::{Error, Result};

pub(super) const PATH: &str = "/socket.io/?EIO=4&transport=websocket&room=";
const HEAD: &[u8] = b"42[\"m\",\"";
const TAIL: &[u8] = b"\"]";
const PING: &[u8] = b"2";
pub(super) const PONG: &[u8] = b"3";
/// Connects to the default namespace.
pub(super) const CONNECT: &[u8] = b"40";

/// What a message of the transport means.
pub(super) enum Packet {
    /// The handshake's first: the server introduces itself.
    Opened,
    /// The namespace is connected.
    Connected,
    /// Wants a [`PONG`].
    Ping,
    /// The event; where its text begins and ends within the message.
    Event(usize, usize),
}

pub(super) fn event(payload: &[u8]) -> [&[u8]; 3] {
    [HEAD, payload, TAIL]
}

/// # Errors
/// A packet that no server sends to this client.
pub(super) fn read(message: &[u8]) -> Result<Packet> {
    if message == PING {
        return Ok(Packet::Ping);
    }
    if message.starts_with(b"0{") {
        return Ok(Packet::Opened);
    }
    if message.starts_with(b"40{") {
        return Ok(Packet::Connected);
    }
    if message.starts_with(HEAD) && message.ends_with(TAIL) {
        return Ok(Packet::Event(HEAD.len(), message.len() - TAIL.len()));
    }
    let shown = String::from_utf8_lossy(&message[..message.len().min(80)]);
    Error::protocol(format!("socket.io packet: {shown}"))
}

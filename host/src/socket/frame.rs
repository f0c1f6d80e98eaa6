//! Encodes what the server sends: RFC 6455, section 5.2, unmasked and never fragmented.

use bytes::{BufMut, Bytes, BytesMut};
use partykit_core::Message;

const FIN: u8 = 0x80;
const TEXT: u8 = 0x1;
const BINARY: u8 = 0x2;
const CLOSE: u8 = 0x8;
const PING: u8 = 0x9;
const PONG: u8 = 0xA;

/// Up to here a payload is copied behind its header, so that a frame is one piece of memory and
/// one part of a vectored write; above it, it is shared.
const COPY_BYTES_MAX: usize = 4096;

/// Section 5.5: a control frame carries at most so much; two bytes of a Close frame are its code.
const CONTROL_BYTES_MAX: usize = 125;

/// One encoded frame; cloning it shares the bytes.
#[derive(Debug, Clone)]
pub(crate) struct Frame {
    /// Header, and the payload where that is small.
    head: Bytes,
    payload: Option<Bytes>,
}

impl Frame {
    pub(crate) fn message(message: &Message) -> Self {
        match message {
            Message::Text(text) => Self::new(TEXT, text.as_bytes(), || text.as_bytes().clone()),
            Message::Binary(bytes) => Self::new(BINARY, bytes, || bytes.clone()),
        }
    }

    /// Without a code the frame is empty. A reason too long is cut between two characters.
    pub(crate) fn close(code: Option<u16>, reason: &str) -> Self {
        let mut payload = BytesMut::with_capacity(CONTROL_BYTES_MAX);
        if let Some(code) = code {
            let cut = reason.floor_char_boundary(CONTROL_BYTES_MAX - 2);
            payload.put_u16(code);
            payload.put_slice(reason.get(..cut).unwrap_or_default().as_bytes());
        }
        Self::new(CLOSE, &payload, Bytes::new)
    }

    pub(crate) fn ping() -> Self {
        Self::new(PING, b"", Bytes::new)
    }

    /// `payload` is that of a ping, and so short enough.
    pub(crate) fn pong(payload: &[u8]) -> Self {
        Self::new(PONG, payload, Bytes::new)
    }

    fn new(opcode: u8, payload: &[u8], share: impl FnOnce() -> Bytes) -> Self {
        let shared = payload.len() > COPY_BYTES_MAX;
        let mut head = BytesMut::with_capacity(10 + if shared { 0 } else { payload.len() });
        head.put_u8(FIN | opcode);
        match payload.len() {
            length @ 0..=125 => head.put_u8(length as u8),
            length @ 126..=0xFFFF => {
                head.put_u8(126);
                head.put_u16(length as u16);
            }
            length => {
                head.put_u8(127);
                head.put_u64(length as u64);
            }
        }
        if shared {
            return Self {
                head: head.freeze(),
                payload: Some(share()),
            };
        }
        head.put_slice(payload);
        Self {
            head: head.freeze(),
            payload: None,
        }
    }

    pub(crate) fn len(&self) -> usize {
        self.head.len() + self.payload.as_ref().map_or(0, Bytes::len)
    }

    /// The frame's pieces in order.
    pub(crate) fn pieces(&self) -> impl Iterator<Item = &Bytes> {
        std::iter::once(&self.head).chain(&self.payload)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bytes(frame: &Frame) -> Vec<u8> {
        frame.pieces().flat_map(|piece| piece.to_vec()).collect()
    }

    fn text(length: usize) -> Frame {
        Frame::message(&Message::Text("x".repeat(length).into()))
    }

    #[test]
    fn section_5_1_and_6_1_what_a_server_sends_is_whole_unmasked_and_without_reserved_bits() {
        let long = Message::Binary(vec![0; 100_000].into());
        let frames = [
            text(3),
            Frame::message(&long),
            Frame::close(Some(1000), "x"),
            Frame::close(None, ""),
            Frame::ping(),
            Frame::pong(&[0; 125]),
        ];
        for frame in frames {
            let bytes = bytes(&frame);
            assert_eq!(bytes[0] & 0xF0, FIN, "FIN alone");
            assert_eq!(bytes[1] & 0x80, 0, "no mask");
        }
    }

    #[test]
    fn section_5_2_lengths_use_the_shortest_form() {
        assert_eq!(bytes(&text(0)), [0x81, 0]);
        assert_eq!(bytes(&text(125))[..2], [0x81, 125]);
        assert_eq!(bytes(&text(126))[..4], [0x81, 126, 0, 126]);
        assert_eq!(bytes(&text(65_535))[..4], [0x81, 126, 0xFF, 0xFF]);
        assert_eq!(
            bytes(&text(65_536))[..10],
            [0x81, 127, 0, 0, 0, 0, 0, 1, 0, 0]
        );
        assert_eq!(text(70_000).len(), 70_010);
    }

    #[test]
    fn section_5_5_a_close_reason_is_cut_between_characters_at_123_bytes() {
        let frame = bytes(&Frame::close(Some(1011), &"é".repeat(100)));
        assert_eq!(frame[..4], [0x88, 2 + 122, 0x03, 0xF3]);
        assert!(std::str::from_utf8(&frame[4..]).is_ok());
        assert_eq!(bytes(&Frame::close(None, "ignored")), [0x88, 0]);
    }

    #[test]
    fn section_5_2_pings_pongs_and_binary_have_their_opcodes() {
        assert_eq!(bytes(&Frame::ping()), [0x89, 0]);
        assert_eq!(bytes(&Frame::pong(b"ab")), [0x8A, 2, b'a', b'b']);
        assert_eq!(
            bytes(&Frame::message(&Message::Text("Hello".into()))),
            *b"\x81\x05Hello",
            "5.7"
        );
        assert_eq!(
            bytes(&Frame::message(&Message::Binary("b".into()))),
            [0x82, 1, b'b']
        );
    }
}

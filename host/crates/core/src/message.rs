//! WebSocket messages and how a connection ends. Payloads are reference counted, so that a
//! broadcast to a thousand connections shares one buffer.

use bytes::Bytes;
use bytestring::ByteString;

/// One WebSocket message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Message {
    /// Well-formed UTF-8.
    Text(ByteString),
    /// Any bytes.
    Binary(Bytes),
}

impl Message {
    /// Size of the payload in bytes.
    #[must_use]
    pub fn len(&self) -> usize {
        match self {
            Self::Text(text) => text.len(),
            Self::Binary(bytes) => bytes.len(),
        }
    }

    /// Whether the payload is empty.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The payload, whatever its kind.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        match self {
            Self::Text(text) => text.as_bytes(),
            Self::Binary(bytes) => bytes,
        }
    }
}

/// How a connection ended, or is to end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CloseInfo {
    /// RFC 6455 status code; 1005 where none was given, 1006 where the peer vanished.
    pub code: u16,
    /// The reason given, or nothing.
    pub reason: ByteString,
    /// Whether both sides exchanged Close frames.
    pub was_clean: bool,
}

/// The one table of close codes that the host itself sends.
pub mod close_code {
    /// The room is done with the connection, nothing is wrong.
    pub const NORMAL: u16 = 1000;
    /// The peer broke RFC 6455.
    pub const PROTOCOL: u16 = 1002;
    /// Means "no code" where a code is reported; never sent.
    pub const NO_STATUS: u16 = 1005;
    /// Means "no Close frame came" where a code is reported; never sent.
    pub const ABNORMAL: u16 = 1006;
    /// Text that is not UTF-8.
    pub const INVALID_DATA: u16 = 1007;
    /// A message above the limit.
    pub const TOO_BIG: u16 = 1009;
    /// The guest or the storage failed.
    pub const FAILED: u16 = 1011;
    /// New code, or the host is shutting down: come back at once.
    pub const RESTART: u16 = 1012;
    /// Too slow, too full or backing off: come back later.
    pub const TRY_LATER: u16 = 1013;

    /// RFC 6455, section 7.4: below 1000 nothing is defined, and four codes only ever say what
    /// was seen. As PartyKit, which lets rooms use the reserved ones between.
    #[must_use]
    pub fn may_be_sent(code: u16) -> bool {
        (1000..=4999).contains(&code) && !matches!(code, 1004 | NO_STATUS | ABNORMAL | 1015)
    }
}

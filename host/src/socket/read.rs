//! Reads one WebSocket: from fastwebsockets' frames to whole messages, with what RFC 6455 demands
//! of a server and the library leaves to its caller (masking, order of fragments, total size,
//! UTF-8, Close frames).

use bytes::{Bytes, BytesMut};
use bytestring::ByteString;
use fastwebsockets::{Frame, OpCode, Payload, WebSocketError, WebSocketRead};
use partykit_core::{Message, close_code};
use tokio::io::AsyncRead;

use super::lengths::LongLength;

/// Section 5.5.
const CONTROL_BYTES_MAX: usize = 125;

/// What a peer sends.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Incoming {
    Message(Message),
    Ping(Bytes),
    Pong,
    /// Its Close frame; `None` when that was empty.
    Close(Option<(u16, ByteString)>),
}

/// Why nothing more can be read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum ReadEnd {
    /// The stream ended or broke without a Close frame.
    Gone,
    /// The peer broke the protocol: close with this code and reason.
    Violation { code: u16, reason: &'static str },
    /// A message larger than allowed.
    TooBig { max: u64 },
}

/// Puts messages together.
pub(super) struct MessageReader<S> {
    frames: WebSocketRead<S>,
    assembly: Assembly,
}

/// What is known of the message that is being read.
struct Assembly {
    bytes_max: u64,
    /// The fragments so far of a message whose end has not come, and whether it is text.
    partial: Option<(bool, BytesMut)>,
}

impl<S: AsyncRead + Unpin> MessageReader<S> {
    pub(super) fn new(mut frames: WebSocketRead<S>, bytes_max: u64) -> Self {
        frames.set_auto_close(false);
        frames.set_auto_pong(false);
        // The library refuses a frame of exactly its limit.
        frames.set_max_message_size(usize::try_from(bytes_max).unwrap_or(usize::MAX).max(125) + 1);
        Self {
            frames,
            assembly: Assembly {
                bytes_max,
                partial: None,
            },
        }
    }

    /// The next thing the peer says. Not cancel-safe: a dropped call may lose a header.
    pub(super) async fn next(&mut self) -> Result<Incoming, ReadEnd> {
        loop {
            let frame = read_frame(&mut self.frames, self.assembly.bytes_max).await?;
            if let Some(incoming) = self.assembly.take(frame)? {
                return Ok(incoming);
            }
        }
    }
}

async fn read_frame<S: AsyncRead + Unpin>(
    frames: &mut WebSocketRead<S>,
    max: u64,
) -> Result<Frame<'_>, ReadEnd> {
    // Pings and closes are answered by us: the library never owes a frame.
    let mut nothing_owed = |_| std::future::ready(Ok::<_, WebSocketError>(()));
    frames
        .read_frame(&mut nothing_owed)
        .await
        .map_err(|error| match error {
            WebSocketError::FrameTooLarge => ReadEnd::TooBig { max },
            WebSocketError::ReservedBitsNotZero => violation("a reserved bit is set"),
            WebSocketError::ControlFrameFragmented => violation("a control frame is fragmented"),
            WebSocketError::PingFrameTooLarge => violation("a control frame is too long"),
            WebSocketError::InvalidUTF8 => INVALID_TEXT,
            WebSocketError::InvalidValue => violation("the opcode is unknown"),
            WebSocketError::IoError(error) if is_long_length(&error) => {
                violation("a length is not in its shortest form")
            }
            _ => ReadEnd::Gone,
        })
}

fn is_long_length(error: &std::io::Error) -> bool {
    error
        .get_ref()
        .is_some_and(|inner| inner.is::<LongLength>())
}

impl Assembly {
    /// Sections 5.1 to 5.6: what a frame is in the light of those before it.
    fn take(&mut self, mut frame: Frame<'_>) -> Result<Option<Incoming>, ReadEnd> {
        if !is_masked(&mut frame) {
            return Err(violation("a frame is not masked"));
        }
        let (opcode, last) = (frame.opcode, frame.fin);
        let payload = owned(frame.payload);
        match opcode {
            OpCode::Ping => Ok(Some(Incoming::Ping(payload.freeze()))),
            OpCode::Pong if payload.len() > CONTROL_BYTES_MAX => Err(TOO_LONG),
            OpCode::Pong => Ok(Some(Incoming::Pong)),
            OpCode::Close => close(payload).map(|close| Some(Incoming::Close(close))),
            OpCode::Text | OpCode::Binary if self.partial.is_some() => {
                Err(violation("a message begins inside another"))
            }
            OpCode::Text | OpCode::Binary => self.fragment(opcode == OpCode::Text, payload, last),
            OpCode::Continuation => match self.partial.take() {
                None => Err(violation("a continuation without a beginning")),
                Some((is_text, mut whole)) => {
                    if (whole.len() + payload.len()) as u64 > self.bytes_max {
                        return Err(ReadEnd::TooBig {
                            max: self.bytes_max,
                        });
                    }
                    whole.extend_from_slice(&payload);
                    self.fragment(is_text, whole, last)
                }
            },
        }
    }

    fn fragment(
        &mut self,
        is_text: bool,
        payload: BytesMut,
        last: bool,
    ) -> Result<Option<Incoming>, ReadEnd> {
        if payload.len() as u64 > self.bytes_max {
            return Err(ReadEnd::TooBig {
                max: self.bytes_max,
            });
        }
        if !last {
            self.partial = Some((is_text, payload));
            return Ok(None);
        }
        let payload = payload.freeze();
        let message = match is_text {
            true => Message::Text(ByteString::try_from(payload).map_err(|_| INVALID_TEXT)?),
            false => Message::Binary(payload),
        };
        Ok(Some(Incoming::Message(message)))
    }
}

const INVALID_TEXT: ReadEnd = ReadEnd::Violation {
    code: close_code::INVALID_DATA,
    reason: "text that is not UTF-8",
};
const TOO_LONG: ReadEnd = violation("a control frame is too long");

const fn violation(reason: &'static str) -> ReadEnd {
    ReadEnd::Violation {
        code: close_code::PROTOCOL,
        reason,
    }
}

/// The library keeps the mask to itself, but writes it into a header on demand.
fn is_masked(frame: &mut Frame<'_>) -> bool {
    let mut head = [0; 16];
    frame.fmt_head(&mut head);
    head[1] & 0x80 != 0
}

fn owned(payload: Payload<'_>) -> BytesMut {
    match payload {
        Payload::Bytes(bytes) => bytes,
        other => BytesMut::from(&other[..]),
    }
}

/// Sections 5.5.1 and 7.4: an empty Close frame, or a code that may be sent and a reason.
fn close(payload: BytesMut) -> Result<Option<(u16, ByteString)>, ReadEnd> {
    if payload.len() > CONTROL_BYTES_MAX {
        return Err(TOO_LONG);
    }
    let Some((code, reason)) = payload.split_first_chunk() else {
        let empty = payload.is_empty();
        return if empty {
            Ok(None)
        } else {
            Err(violation("a Close frame of one byte"))
        };
    };
    let code = u16::from_be_bytes(*code);
    let sendable = matches!(code, 1000..=1003 | 1007..=1014 | 3000..=4999);
    if !sendable {
        return Err(violation("a close code that may not be sent"));
    }
    let reason = ByteString::try_from(reason).map_err(|_| INVALID_TEXT)?;
    Ok(Some((code, reason)))
}

#[cfg(test)]
#[path = "read_tests.rs"]
mod tests;

//! The bodies of one HTTP exchange on this side of the room: pieces of a request's body are read
//! when the room asks for them, pieces of a response's body wait here until the client takes them.
//!
//! Bounded by the room: it asks for one piece at a time, and counts what its client has not taken
//! (`body_buffer_bytes_max`). What breaks off is an error of the stream, never a clean end.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use axum::body::Body;
use bytes::Bytes;
use http_body_util::BodyExt;
use hyper::body::{Body as HttpBody, Frame};
use partykit_rooms::{ExchangeId, Input};
use tokio::sync::mpsc;
use tokio::time::timeout;

use crate::driver::RoomHandle;

/// The client must not take a response that broke off for a whole one.
#[derive(Debug, thiserror::Error)]
#[error("the room failed before its response was whole")]
pub(crate) struct BrokenOff;

/// What is sent towards a client.
#[derive(Debug)]
pub(crate) enum Part {
    Piece(Bytes),
    End,
}

/// The room's end of a response in pieces. Dropped without `End`, the response breaks off.
pub(crate) type PartSender = mpsc::UnboundedSender<Part>;

/// The client's end of a response in pieces.
pub(crate) struct PiecesBody {
    parts: mpsc::UnboundedReceiver<Part>,
    room: Arc<RoomHandle>,
    exchange: ExchangeId,
    ended: bool,
    /// What came before a break has had its chance to be written.
    flushed: bool,
}

impl PiecesBody {
    pub(crate) fn new(room: Arc<RoomHandle>, exchange: ExchangeId) -> (PartSender, Self) {
        let (sender, parts) = mpsc::unbounded_channel();
        (
            sender,
            Self {
                parts,
                room,
                exchange,
                ended: false,
                flushed: false,
            },
        )
    }
}

impl HttpBody for PiecesBody {
    type Data = Bytes;
    type Error = BrokenOff;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BrokenOff>>> {
        match std::task::ready!(self.parts.poll_recv(context)) {
            Some(Part::Piece(piece)) => {
                let (exchange, bytes) = (self.exchange, piece.len() as u64);
                self.room.tell_later(Input::BodyTaken { exchange, bytes });
                Poll::Ready(Some(Ok(Frame::data(piece))))
            }
            Some(Part::End) => {
                self.ended = true;
                let exchange = self.exchange;
                self.room.tell_later(Input::BodySent { exchange });
                Poll::Ready(None)
            }
            None if self.ended => Poll::Ready(None),
            None if !self.flushed => {
                // hyper gives up what it holds when a body fails, the head too, but writes it out
                // when a body has nothing for it now.
                self.flushed = true;
                context.waker().wake_by_ref();
                Poll::Pending
            }
            None => {
                self.ended = true;
                Poll::Ready(Some(Err(BrokenOff)))
            }
        }
    }
}

impl Drop for PiecesBody {
    fn drop(&mut self) {
        if !self.ended {
            self.room.tell_later(Input::Gone {
                exchange: self.exchange,
            });
        }
    }
}

/// Reads a request's body as the room asks for it, until its end, its limit, or until the room
/// does not want more. Terminates when the sender of `pulls` is dropped.
pub(crate) async fn feed(
    room: Arc<RoomHandle>,
    exchange: ExchangeId,
    mut body: Body,
    mut pulls: mpsc::UnboundedReceiver<()>,
    piece_limit: Duration,
) {
    let max = room.limits.body_bytes_max;
    let mut read = 0;
    while pulls.recv().await.is_some() {
        let failure = match timeout(piece_limit, next_piece(&mut body)).await {
            Err(_) => Some("the rest of the request body did not come in time".to_owned()),
            Ok(Some(Ok(piece))) => {
                read += piece.len() as u64;
                if read <= max {
                    room.tell(Input::BodyPiece { exchange, piece });
                    continue;
                }
                Some(format!(
                    "the request body is larger than {max} bytes (body_bytes_max)"
                ))
            }
            // Who waits for the answer is told in the same way.
            Ok(Some(Err(error))) if is_gone(&error) => {
                return room.tell(Input::Gone { exchange });
            }
            Ok(Some(Err(_))) => Some("the request body could not be read".to_owned()),
            Ok(None) => None,
        };
        room.tell(Input::BodyEnd { exchange, failure });
        return;
    }
}

/// Skips trailers and empty frames.
async fn next_piece(body: &mut Body) -> Option<Result<Bytes, axum::Error>> {
    loop {
        match body.frame().await? {
            Err(error) => return Some(Err(error)),
            Ok(frame) => {
                if let Ok(piece) = frame.into_data()
                    && !piece.is_empty()
                {
                    return Some(Ok(piece));
                }
            }
        }
    }
}

/// Whether a body ended because its client has gone, and not because it sent what is no body.
fn is_gone(error: &(dyn std::error::Error + 'static)) -> bool {
    use std::io::ErrorKind as Kind;
    let gone = [
        Kind::UnexpectedEof,
        Kind::ConnectionReset,
        Kind::ConnectionAborted,
        Kind::BrokenPipe,
    ];
    let mut causes = std::iter::successors(Some(error), |error| error.source());
    causes.any(|cause| {
        let hyper = cause.downcast_ref::<hyper::Error>();
        let io = cause.downcast_ref::<std::io::Error>();
        hyper.is_some_and(|error| error.is_incomplete_message() || error.is_closed())
            || io.is_some_and(|error| gone.contains(&error.kind()))
    })
}

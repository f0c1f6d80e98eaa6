//! The life of one connection after its handshake: a read loop and a write loop, until both sides
//! have closed, one is gone, or a time limit passes. Whatever happens, the room is told once.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use bytestring::ByteString;
use fastwebsockets::{Role, WebSocketError, after_handshake_split};
use hyper::upgrade::Upgraded;
use hyper_util::rt::TokioIo;
use partykit_core::{CloseInfo, ConnectionHandle, close_code};
use partykit_rooms::Input;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, ReadBuf};
use tokio::net::TcpStream;
use tokio::time::timeout;

use super::frame::Frame;
use super::lengths::Lengths;
use super::outbound::Outbound;
use super::read::{Incoming, MessageReader, ReadEnd};
use super::write::{Heartbeat, WriteEnd, write_loop};
use crate::config::HostLimits;
use crate::driver::RoomHandle;
use crate::patience::Patient;

/// What the room reads when a message was too large; the text is the reference's.
const ON_ERROR: &str = "internal error";

/// One accepted connection.
pub(crate) struct Socket {
    pub(crate) room: Arc<RoomHandle>,
    pub(crate) connection: ConnectionHandle,
    pub(crate) outbound: Arc<Outbound>,
    pub(crate) message_bytes_max: u64,
    pub(crate) limits: HostLimits,
}

impl Socket {
    /// Once for each connection.
    fn tell_closed(&self, info: CloseInfo) {
        self.tell_end(info, false);
    }

    fn tell_end(&self, info: CloseInfo, is_waiting: bool) {
        self.room.tell(Input::Closed {
            client: self.connection,
            info,
            is_waiting,
        });
    }
}

/// Runs a connection until it has ended, and tells the room.
pub(crate) async fn serve<F>(upgrade: F, socket: Socket)
where
    F: Future<Output = Result<fastwebsockets::WebSocket<TokioIo<Upgraded>>, WebSocketError>>,
{
    match upgrade.await {
        Err(_) => socket.tell_closed(gone()),
        Ok(websocket) => match websocket
            .into_inner()
            .into_inner()
            .downcast::<TokioIo<Patient<TcpStream>>>()
        {
            // The plain socket, without a lock between its halves.
            Ok(parts) => {
                let (read, write) = parts.io.into_inner().into_inner().into_split();
                // A copy of a few bytes: they would keep the parser's whole buffer for as long as
                // the connection lives.
                let read_already = Bytes::copy_from_slice(&parts.read_buf);
                drop(parts.read_buf);
                run(prefixed(read_already, read), write, &socket).await;
            }
            Err(upgraded) => {
                let (read, write) = tokio::io::split(TokioIo::new(upgraded));
                run(read, write, &socket).await;
            }
        },
    }
}

/// What the HTTP parser has read beyond the handshake comes first.
fn prefixed(read_already: Bytes, rest: impl AsyncRead + Unpin) -> impl AsyncRead + Unpin {
    std::io::Cursor::new(read_already).chain(rest)
}

/// Every byte that arrives shows that the peer is there: a large message on a slow line comes in
/// one frame, inside which no pong can be sent.
struct Heard<'a, R> {
    inner: R,
    outbound: &'a Outbound,
}

impl<R: AsyncRead + Unpin> AsyncRead for Heard<'_, R> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<std::io::Result<()>> {
        let read = Pin::new(&mut self.inner).poll_read(context, buffer);
        if read.is_ready() {
            self.outbound.heard();
        }
        read
    }
}

fn gone() -> CloseInfo {
    CloseInfo {
        code: close_code::ABNORMAL,
        reason: ByteString::new(),
        was_clean: false,
    }
}

async fn run(
    mut read: impl AsyncRead + Unpin,
    mut write: impl AsyncWrite + Unpin,
    socket: &Socket,
) {
    let heard = Heard {
        inner: &mut read,
        outbound: &socket.outbound,
    };
    let (frames, _) = after_handshake_split(Lengths::new(heard), tokio::io::sink(), Role::Server);
    let mut reader = MessageReader::new(frames, socket.message_bytes_max);
    let heartbeat = Heartbeat {
        ping_interval: Duration::from_millis(socket.limits.ping_interval_ms),
        pong: Duration::from_millis(socket.limits.pong_ms),
        close: Duration::from_millis(socket.limits.close_ms),
    };
    let mut writing = Box::pin(write_loop(&mut write, &socket.outbound, heartbeat));
    let mut reading = Box::pin(read_loop(&mut reader, socket));
    let wait = Duration::from_millis(socket.limits.close_ms);
    let first = tokio::select! {
        info = &mut reading => Ok(info),
        end = &mut writing => Err(end),
    };
    let mut unread = false;
    match first {
        Ok(info) => {
            unread = !info.was_clean;
            read_first(info, socket, &mut writing, wait).await;
            drop(writing);
        }
        Err(end) => {
            drop(writing);
            socket.tell_closed(match end {
                // Ours is out; theirs is still to come.
                WriteEnd::Closed => {
                    let closing = with_pongs(&mut reading, &mut write, &socket.outbound);
                    timeout(wait, closing).await.unwrap_or_else(|_| gone())
                }
                WriteEnd::Broken | WriteEnd::Silent => gone(),
            });
        }
    }
    drop(reading);
    // The peer may be gone already.
    let _ = write.shutdown().await;
    if unread {
        // Closing a socket with unread bytes resets it, and the reset would overtake the Close
        // frame that says why.
        let _ = timeout(wait, tokio::io::copy(&mut read, &mut tokio::io::sink())).await;
    }
}

/// The peer has said its last. Our Close frame goes out behind what is queued; when it does not,
/// the connection is simply dropped.
async fn read_first(
    info: CloseInfo,
    socket: &Socket,
    mut writing: impl Future<Output = WriteEnd> + Unpin,
    wait: Duration,
) {
    let outbound = &socket.outbound;
    if !info.was_clean || outbound.is_closing() {
        socket.tell_closed(info);
        let _ = timeout(wait, writing).await;
        return;
    }
    // Theirs came first. The room has until then to say what it still has for this peer, the last
    // words of onClose among them, and then answers it.
    let code = (info.code != close_code::NO_STATUS).then_some(info.code);
    let reason = info.reason.clone();
    socket.tell_end(info, true);
    if timeout(wait, &mut writing).await.is_err() {
        outbound.close(code, &reason);
        let _ = timeout(wait, writing).await;
    }
}

/// Reads on after our Close frame, and answers pings meanwhile (section 5.5.2).
async fn with_pongs(
    reading: impl Future<Output = CloseInfo>,
    mut write: impl AsyncWrite + Unpin,
    outbound: &Outbound,
) -> CloseInfo {
    let answering = async {
        loop {
            outbound.filled().await;
            let pong = outbound.take_late_pong();
            for piece in pong.iter().flat_map(Frame::pieces) {
                // A peer that does not take it any more ends with the reading.
                let _ = write.write_all(piece).await;
            }
        }
    };
    tokio::select! {
        info = reading => info,
        () = answering => gone(),
    }
}

/// Reads until the peer's Close frame, a violation or the end of the stream. In the last two cases
/// our own Close frame has been queued; the answer to a peer's is the room's.
async fn read_loop<S: AsyncRead + Unpin>(
    reader: &mut MessageReader<S>,
    socket: &Socket,
) -> CloseInfo {
    let outbound = &socket.outbound;
    loop {
        let incoming = reader.next().await;
        match incoming {
            Ok(Incoming::Message(message)) => {
                socket
                    .room
                    .message(socket.connection, message, outbound)
                    .await;
            }
            Ok(Incoming::Ping(payload)) => outbound.pong(&payload),
            Ok(Incoming::Pong) => {}
            Ok(Incoming::Close(None)) => {
                let code = close_code::NO_STATUS;
                return CloseInfo {
                    code,
                    reason: ByteString::new(),
                    was_clean: true,
                };
            }
            Ok(Incoming::Close(Some((code, reason)))) => {
                return CloseInfo {
                    code,
                    reason,
                    was_clean: true,
                };
            }
            Err(ReadEnd::Gone) => {
                // Nobody is left to read what waits.
                outbound.forget_queued();
                outbound.close(None, "");
                return gone();
            }
            Err(ReadEnd::Violation { code, reason }) => {
                outbound.close(Some(code), reason);
                return CloseInfo {
                    code,
                    reason: reason.into(),
                    was_clean: false,
                };
            }
            Err(ReadEnd::TooBig { max }) => {
                let reason = format!("Message is too large: more than {max} bytes");
                outbound.close(Some(close_code::TOO_BIG), &reason);
                let error = ON_ERROR.to_owned();
                socket.room.tell(Input::Error {
                    client: socket.connection,
                    error,
                });
                let code = close_code::TOO_BIG;
                return CloseInfo {
                    code,
                    reason: reason.into(),
                    was_clean: false,
                };
            }
        }
    }
}

//! One connection: buffers, messages, the closing handshake.

use std::future::poll_fn;
use std::io;
use std::pin::{Pin, pin};
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpStream;

use super::error::{Error, Result};
use super::socketio::{self, Packet};
use super::{frame, handshake};
use crate::clock::now_ns;
use crate::target::{Proto, Target};

/// Read bytes that are given back to the buffer once so many are behind us.
const USED_BYTES_MAX: usize = 16 * 1024;
/// Room for the next read.
const SPARE_BYTES_MIN: usize = 1024;
const GROWTH: std::ops::RangeInclusive<usize> = 2048..=256 * 1024;
/// A server that does not answer a Close by then will not.
const CLOSE_LIMIT: Duration = Duration::from_secs(2);

/// One whole application message; its bytes are read with [`Connection::data`].
pub(crate) struct Message {
    op: u8,
    start: usize,
    end: usize,
    joined: bool,
}

/// A WebSocket client.
pub(crate) struct Connection {
    socket: TcpStream,
    read: Vec<u8>,
    read_at: usize,
    write: Vec<u8>,
    write_at: usize,
    /// The message whose fragments are being read, and its kind; 0 for none.
    fragments: Vec<u8>,
    fragments_op: u8,
    mask: u32,
    proto: Proto,
    op: u8,
}

impl Connection {
    /// TCP connect, upgrade, and (for Socket.IO) namespace connect.
    pub(crate) async fn open(target: &Target, room: &str) -> Result<Self> {
        let socket = TcpStream::connect(target.addr).await?;
        socket.set_nodelay(true)?;
        let mut connection = Self {
            socket,
            read: Vec::with_capacity(2048),
            read_at: 0,
            write: Vec::with_capacity(512),
            write_at: 0,
            fragments: Vec::new(),
            fragments_op: 0,
            mask: 0x9E37_79B9 ^ ((room.len() as u32) << 7) ^ now_ns() as u32 | 1,
            proto: target.proto,
            op: if target.binary {
                frame::BINARY
            } else {
                frame::TEXT
            },
        };
        let path = match target.proto {
            Proto::Ws => target.path(room),
            Proto::Socketio => format!("{}{room}", socketio::PATH),
        };
        connection
            .upgrade(&handshake::request(&target.host, &path))
            .await?;
        if target.proto == Proto::Socketio {
            connection.join_namespace().await?;
        }
        Ok(connection)
    }

    async fn upgrade(&mut self, request: &str) -> Result<()> {
        self.socket.write_all(request.as_bytes()).await?;
        let end = loop {
            if let Some(end) = handshake::head_end(&self.read) {
                break end;
            }
            if self.read.len() > handshake::HEAD_BYTES_MAX {
                return Error::protocol("response head too long");
            }
            if self.socket.read_buf(&mut self.read).await? == 0 {
                return Error::protocol("closed during upgrade");
            }
        };
        let (head, body) = self.read.split_at(end);
        handshake::check(head, body)?;
        self.read_at = end;
        Ok(())
    }

    async fn join_namespace(&mut self) -> Result<()> {
        loop {
            while let Some(message) = self.next_raw()? {
                match socketio::read(self.data(&message))? {
                    Packet::Opened => self.push_raw(frame::TEXT, &[socketio::CONNECT]),
                    Packet::Connected => return Ok(()),
                    _ => return Error::protocol("socket.io: an event before the handshake"),
                }
            }
            self.pump().await?;
        }
    }

    /// Queues one message, text unless the target says binary.
    #[inline]
    pub(crate) fn push(&mut self, payload: &[u8]) {
        match self.proto {
            Proto::Ws => self.push_raw(self.op, &[payload]),
            Proto::Socketio => self.push_raw(frame::TEXT, &socketio::event(payload)),
        }
    }

    fn push_raw(&mut self, op: u8, parts: &[&[u8]]) {
        // xorshift32
        self.mask ^= self.mask << 13;
        self.mask ^= self.mask >> 17;
        self.mask ^= self.mask << 5;
        frame::write(&mut self.write, op, parts, self.mask.to_le_bytes());
    }

    /// Whether something queued has not been written yet.
    pub(crate) fn has_queued(&self) -> bool {
        self.write_at < self.write.len()
    }

    /// Writes what is queued and reads at least one byte. Safe to cancel.
    pub(crate) async fn pump(&mut self) -> Result<()> {
        if self.read_at == self.read.len() {
            self.read.clear();
            self.read_at = 0;
        } else if self.read_at > USED_BYTES_MAX {
            self.forget_read();
        }
        if self.read.capacity() - self.read.len() < SPARE_BYTES_MIN {
            let more = self.read.capacity().clamp(*GROWTH.start(), *GROWTH.end());
            self.read.reserve(more);
        }
        poll_fn(|context| {
            if let Poll::Ready(Err(error)) = self.poll_write(context) {
                return Poll::Ready(Err(error));
            }
            match pin!(self.socket.read_buf(&mut self.read)).poll(context) {
                Poll::Ready(Ok(0)) => Poll::Ready(Err(Error::Closed(1006))),
                Poll::Ready(Ok(_)) => Poll::Ready(Ok(())),
                Poll::Ready(Err(error)) => Poll::Ready(Err(error.into())),
                Poll::Pending => Poll::Pending,
            }
        })
        .await
    }

    fn poll_write(&mut self, context: &mut Context<'_>) -> Poll<Result<()>> {
        while self.has_queued() {
            let queued = &self.write[self.write_at..];
            match Pin::new(&mut self.socket).poll_write(context, queued) {
                Poll::Ready(Ok(0)) => {
                    return Poll::Ready(Err(io::Error::from(io::ErrorKind::WriteZero).into()));
                }
                Poll::Ready(Ok(written)) => self.write_at += written,
                Poll::Ready(Err(error)) => return Poll::Ready(Err(error.into())),
                Poll::Pending => return Poll::Pending,
            }
        }
        self.write.clear();
        self.write_at = 0;
        Poll::Ready(Ok(()))
    }

    /// Writes all that is queued, without reading.
    pub(crate) async fn flush(&mut self) -> Result<()> {
        poll_fn(|context| self.poll_write(context)).await
    }

    #[inline]
    pub(crate) fn data(&self, message: &Message) -> &[u8] {
        let from = if message.joined {
            &self.fragments
        } else {
            &self.read
        };
        &from[message.start..message.end]
    }

    /// The next whole application message already read, if any.
    #[inline]
    pub(crate) fn next(&mut self) -> Result<Option<Message>> {
        loop {
            let Some(mut message) = self.next_raw()? else {
                return Ok(None);
            };
            if message.op != self.op {
                let (got, wanted) = (message.op, self.op);
                return Error::protocol(format!("message of type {got} instead of {wanted}"));
            }
            if self.proto == Proto::Ws {
                return Ok(Some(message));
            }
            match socketio::read(self.data(&message))? {
                Packet::Ping => self.push_raw(frame::TEXT, &[socketio::PONG]),
                Packet::Event(start, end) => {
                    message.end = message.start + end;
                    message.start += start;
                    return Ok(Some(message));
                }
                _ => return Error::protocol("socket.io: a second handshake"),
            }
        }
    }

    fn next_raw(&mut self) -> Result<Option<Message>> {
        loop {
            let unread = &self.read[self.read_at..];
            let Some(head) = frame::Head::parse(unread)? else {
                return Ok(None);
            };
            let whole = head.length + head.payload;
            if unread.len() < whole {
                self.make_space(whole - unread.len());
                return Ok(None);
            }
            let start = self.read_at + head.length;
            self.read_at += whole;
            if let Some(message) = self.take(&head, start)? {
                return Ok(Some(message));
            }
        }
    }

    /// Makes space for the rest of a frame, so that one more read may finish it.
    fn make_space(&mut self, missing: usize) {
        if self.read.capacity() - self.read.len() < missing {
            self.forget_read();
            self.read.reserve(missing);
        }
    }

    fn forget_read(&mut self) {
        self.read.drain(..self.read_at);
        self.read_at = 0;
    }

    /// What a frame whose payload begins at `start` completes.
    fn take(&mut self, head: &frame::Head, start: usize) -> Result<Option<Message>> {
        let end = start + head.payload;
        match head.op {
            frame::TEXT | frame::BINARY if self.fragments_op != 0 => {
                Error::protocol("new message inside a fragmented one")
            }
            frame::TEXT | frame::BINARY if head.fin => Ok(Some(Message {
                op: head.op,
                start,
                end,
                joined: false,
            })),
            frame::TEXT | frame::BINARY => {
                self.fragments_op = head.op;
                self.fragments.clear();
                self.fragments.extend_from_slice(&self.read[start..end]);
                Ok(None)
            }
            frame::CONTINUATION => self.take_continuation(head.fin, start, end),
            frame::PING | frame::PONG | frame::CLOSE => {
                if !head.fin || head.payload > frame::CONTROL_BYTES_MAX {
                    return Error::protocol("bad control frame");
                }
                self.take_control(head.op, start, end).map(|()| None)
            }
            op => Error::protocol(format!("opcode {op}")),
        }
    }

    fn take_continuation(
        &mut self,
        fin: bool,
        start: usize,
        end: usize,
    ) -> Result<Option<Message>> {
        if self.fragments_op == 0 {
            return Error::protocol("continuation without a start");
        }
        self.fragments.extend_from_slice(&self.read[start..end]);
        if !fin {
            return Ok(None);
        }
        let op = std::mem::take(&mut self.fragments_op);
        Ok(Some(Message {
            op,
            start: 0,
            end: self.fragments.len(),
            joined: true,
        }))
    }

    fn take_control(&mut self, op: u8, start: usize, end: usize) -> Result<()> {
        match op {
            frame::PING => {
                let payload = self.read[start..end].to_vec();
                self.push_raw(frame::PONG, &[&payload]);
                Ok(())
            }
            frame::CLOSE => {
                let code = self.read[start..end].first_chunk();
                Err(Error::Closed(
                    code.map_or(1005, |code| u16::from_be_bytes(*code)),
                ))
            }
            _ => Ok(()),
        }
    }

    /// Sends a message and waits for one answer, whole.
    pub(crate) async fn ask(&mut self, payload: &[u8]) -> Result<Vec<u8>> {
        self.push(payload);
        loop {
            if let Some(message) = self.next()? {
                return Ok(self.data(&message).to_vec());
            }
            self.pump().await?;
        }
    }

    /// Closing handshake. True when the server answered with a Close frame.
    pub(crate) async fn close(mut self) -> bool {
        self.push_raw(frame::CLOSE, &[&1000u16.to_be_bytes()]);
        let answered = tokio::time::timeout(CLOSE_LIMIT, async {
            loop {
                match self.next_raw() {
                    Ok(Some(_)) => continue,
                    Ok(None) => {}
                    Err(Error::Closed(_)) => return true,
                    Err(_) => return false,
                }
                if self.pump().await.is_err() {
                    return false;
                }
            }
        });
        let answered = answered.await;
        // It is over, whatever is still to be said about it.
        let _ = self.socket.shutdown().await;
        answered == Ok(true)
    }
}

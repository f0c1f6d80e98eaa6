//! A small RFC 6455 client over tokio.
//!
//! Hand-written so that the generator stays cheaper than the servers it
//! measures: one read may deliver many frames and one write may carry many,
//! and nothing is allocated per message. It is also stricter than most
//! libraries: a masked frame, a reserved bit, a bad handshake or a broken
//! fragment sequence from the server is an error, never skipped.

use std::future::poll_fn;
use std::io;
use std::pin::Pin;
use std::task::Poll;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, ReadBuf};
use tokio::net::TcpStream;

use crate::target::{Proto, Target};

pub const OP_TEXT: u8 = 1;
pub const OP_BIN: u8 = 2;
pub const OP_CLOSE: u8 = 8;
const OP_PING: u8 = 9;
const OP_PONG: u8 = 10;

/// The sample nonce of RFC 6455 1.3 and its known answer: lets the handshake
/// be verified without a SHA-1 dependency.
const KEY: &str = "dGhlIHNhbXBsZSBub25jZQ==";
const ACCEPT: &str = "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=";

const SIO_HEAD: &[u8] = b"42[\"m\",\"";
const SIO_TAIL: &[u8] = b"\"]";

#[derive(Debug)]
pub enum Error {
    Io(io::Error),
    Closed(u16),
    Protocol(String),
    Http(u16, String),
}
impl From<io::Error> for Error {
    fn from(e: io::Error) -> Self {
        Error::Io(e)
    }
}
impl std::fmt::Display for Error {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Error::Io(e) => write!(f, "i/o: {e}"),
            Error::Closed(c) => write!(f, "server closed the connection (code {c})"),
            Error::Protocol(s) => write!(f, "protocol violation: {s}"),
            Error::Http(s, b) => write!(f, "upgrade refused with HTTP {s}: {b}"),
        }
    }
}
impl std::error::Error for Error {}
pub type Result<T> = std::result::Result<T, Error>;

/// One whole application message; its bytes are read with [`Conn::data`].
pub struct Frame {
    pub op: u8,
    start: usize,
    end: usize,
    joined: bool,
}

pub struct Conn {
    s: TcpStream,
    rbuf: Vec<u8>,
    rpos: usize,
    wbuf: Vec<u8>,
    wpos: usize,
    frag: Vec<u8>,
    frag_op: u8,
    mask: u32,
    proto: Proto,
    op: u8,
}

impl Conn {
    /// TCP connect, upgrade, and (for Socket.IO) namespace connect.
    pub async fn open(t: &Target, room: &str) -> Result<Conn> {
        let s = TcpStream::connect(t.addr).await?;
        s.set_nodelay(true)?;
        let mut c = Conn {
            s,
            rbuf: Vec::with_capacity(2048),
            rpos: 0,
            wbuf: Vec::with_capacity(512),
            wpos: 0,
            frag: Vec::new(),
            frag_op: 0,
            mask: 0x9E37_79B9 ^ (room.len() as u32) << 7 ^ crate::now_ns() as u32 | 1,
            proto: t.proto,
            op: if t.binary { OP_BIN } else { OP_TEXT },
        };
        let path = match t.proto {
            Proto::Ws => t.path(room),
            Proto::Socketio => format!("/socket.io/?EIO=4&transport=websocket&room={room}"),
        };
        let req = format!(
            "GET {path} HTTP/1.1\r\nHost: {}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
             Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: {KEY}\r\n\r\n",
            t.host
        );
        c.s.write_all(req.as_bytes()).await?;
        let head_end = loop {
            if let Some(p) = find(&c.rbuf, b"\r\n\r\n") {
                break p + 4;
            }
            if c.rbuf.len() > 32 * 1024 {
                return Err(Error::Protocol("response head too long".into()));
            }
            if c.s.read_buf(&mut c.rbuf).await? == 0 {
                return Err(Error::Protocol("closed during upgrade".into()));
            }
        };
        let head = String::from_utf8_lossy(&c.rbuf[..head_end]).into_owned();
        let mut lines = head.split("\r\n");
        let status: u16 = lines
            .next()
            .and_then(|l| l.split(' ').nth(1))
            .and_then(|v| v.parse().ok())
            .ok_or_else(|| Error::Protocol("bad status line".into()))?;
        if status != 101 {
            let body = String::from_utf8_lossy(&c.rbuf[head_end..])
                .chars()
                .take(200)
                .collect();
            return Err(Error::Http(status, body));
        }
        let (mut up, mut accept) = (false, false);
        for l in lines {
            if let Some((k, v)) = l.split_once(':') {
                let v = v.trim();
                if k.eq_ignore_ascii_case("upgrade") {
                    up = v.eq_ignore_ascii_case("websocket");
                } else if k.eq_ignore_ascii_case("sec-websocket-accept") {
                    accept = v == ACCEPT;
                } else if k.eq_ignore_ascii_case("sec-websocket-extensions")
                    || k.eq_ignore_ascii_case("sec-websocket-protocol")
                {
                    return Err(Error::Protocol(format!("unrequested {k}: {v}")));
                }
            }
        }
        if !up || !accept {
            return Err(Error::Protocol("bad upgrade answer".into()));
        }
        c.rpos = head_end;
        if t.proto == Proto::Socketio {
            c.sio_handshake().await?;
        }
        Ok(c)
    }

    async fn sio_handshake(&mut self) -> Result<()> {
        let mut asked = false;
        loop {
            while let Some(f) = self.next_raw()? {
                let d = self.data(&f);
                if d.starts_with(b"0{") && !asked {
                    asked = true;
                    self.push_raw(OP_TEXT, &[b"40"]);
                } else if d.starts_with(b"40{") {
                    return Ok(());
                } else {
                    return Err(Error::Protocol(format!(
                        "socket.io handshake: {}",
                        String::from_utf8_lossy(d)
                    )));
                }
            }
            self.pump().await?;
        }
    }

    /// Queue one message, text unless the target says binary.
    #[inline]
    pub fn push(&mut self, payload: &[u8]) {
        match self.proto {
            Proto::Ws => self.push_raw(self.op, &[payload]),
            Proto::Socketio => self.push_raw(OP_TEXT, &[SIO_HEAD, payload, SIO_TAIL]),
        }
    }

    fn push_raw(&mut self, op: u8, parts: &[&[u8]]) {
        let len: usize = parts.iter().map(|p| p.len()).sum();
        let w = &mut self.wbuf;
        w.push(0x80 | op);
        if len < 126 {
            w.push(0x80 | len as u8);
        } else if len < 65536 {
            w.push(0x80 | 126);
            w.extend_from_slice(&(len as u16).to_be_bytes());
        } else {
            w.push(0x80 | 127);
            w.extend_from_slice(&(len as u64).to_be_bytes());
        }
        // xorshift32
        self.mask ^= self.mask << 13;
        self.mask ^= self.mask >> 17;
        self.mask ^= self.mask << 5;
        let m = self.mask.to_le_bytes();
        w.extend_from_slice(&m);
        let at = w.len();
        for p in parts {
            w.extend_from_slice(p);
        }
        mask_in_place(&mut w[at..], m);
    }

    pub fn pending_write(&self) -> bool {
        self.wpos < self.wbuf.len()
    }

    /// Write what is queued and read at least one byte. Safe to cancel.
    pub async fn pump(&mut self) -> Result<()> {
        if self.rpos == self.rbuf.len() {
            self.rbuf.clear();
            self.rpos = 0;
        } else if self.rpos > 16 * 1024 {
            self.rbuf.drain(..self.rpos);
            self.rpos = 0;
        }
        if self.rbuf.capacity() - self.rbuf.len() < 1024 {
            let more = self.rbuf.capacity().clamp(2048, 256 * 1024);
            self.rbuf.reserve(more);
        }
        poll_fn(|cx| {
            while self.wpos < self.wbuf.len() {
                match Pin::new(&mut self.s).poll_write(cx, &self.wbuf[self.wpos..]) {
                    Poll::Ready(Ok(0)) => {
                        return Poll::Ready(Err(Error::Io(io::ErrorKind::WriteZero.into())));
                    }
                    Poll::Ready(Ok(n)) => self.wpos += n,
                    Poll::Ready(Err(e)) => return Poll::Ready(Err(e.into())),
                    Poll::Pending => break,
                }
            }
            if self.wpos == self.wbuf.len() {
                self.wbuf.clear();
                self.wpos = 0;
            }
            let len = self.rbuf.len();
            let mut rb = ReadBuf::uninit(self.rbuf.spare_capacity_mut());
            match Pin::new(&mut self.s).poll_read(cx, &mut rb) {
                Poll::Ready(Ok(())) => {
                    let n = rb.filled().len();
                    // SAFETY: poll_read initialised `n` bytes of the spare capacity.
                    unsafe { self.rbuf.set_len(len + n) };
                    if n == 0 {
                        Poll::Ready(Err(Error::Closed(1006)))
                    } else {
                        Poll::Ready(Ok(()))
                    }
                }
                Poll::Ready(Err(e)) => Poll::Ready(Err(e.into())),
                Poll::Pending => Poll::Pending,
            }
        })
        .await
    }

    /// Write all that is queued, without reading.
    pub async fn flush(&mut self) -> Result<()> {
        while self.wpos < self.wbuf.len() {
            let n = self.s.write(&self.wbuf[self.wpos..]).await?;
            self.wpos += n;
        }
        self.wbuf.clear();
        self.wpos = 0;
        Ok(())
    }

    #[inline]
    pub fn data(&self, f: &Frame) -> &[u8] {
        if f.joined {
            &self.frag[f.start..f.end]
        } else {
            &self.rbuf[f.start..f.end]
        }
    }

    /// The next whole application message already read, if any.
    #[inline]
    pub fn next(&mut self) -> Result<Option<Frame>> {
        loop {
            let Some(mut f) = self.next_raw()? else {
                return Ok(None);
            };
            if f.op != self.op {
                return Err(Error::Protocol(format!(
                    "message of type {} instead of {}",
                    f.op, self.op
                )));
            }
            if self.proto == Proto::Ws {
                return Ok(Some(f));
            }
            let d = self.data(&f);
            if d == b"2" {
                self.push_raw(OP_TEXT, &[b"3"]);
                continue;
            }
            if !(d.starts_with(SIO_HEAD) && d.ends_with(SIO_TAIL)) {
                return Err(Error::Protocol(format!(
                    "socket.io frame: {}",
                    String::from_utf8_lossy(&d[..d.len().min(80)])
                )));
            }
            f.start += SIO_HEAD.len();
            f.end -= SIO_TAIL.len();
            return Ok(Some(f));
        }
    }

    fn next_raw(&mut self) -> Result<Option<Frame>> {
        loop {
            let b = &self.rbuf[self.rpos..];
            if b.len() < 2 {
                return Ok(None);
            }
            let (fin, op, len7) = (b[0] & 0x80 != 0, b[0] & 0x0f, (b[1] & 0x7f) as usize);
            if b[0] & 0x70 != 0 {
                return Err(Error::Protocol(format!("reserved bits set: {:#x}", b[0])));
            }
            if b[1] & 0x80 != 0 {
                return Err(Error::Protocol("masked frame from server".into()));
            }
            let (hl, len) = match len7 {
                126 => {
                    if b.len() < 4 {
                        return Ok(None);
                    }
                    let n = u16::from_be_bytes([b[2], b[3]]) as usize;
                    if n < 126 {
                        return Err(Error::Protocol("length not minimal".into()));
                    }
                    (4, n)
                }
                127 => {
                    if b.len() < 10 {
                        return Ok(None);
                    }
                    let n = u64::from_be_bytes(b[2..10].try_into().unwrap());
                    if !(65536..=(1 << 30)).contains(&n) {
                        return Err(Error::Protocol("bad 64-bit length".into()));
                    }
                    (10, n as usize)
                }
                n => (2, n),
            };
            if b.len() < hl + len {
                // Room for the rest, so that one more read may finish it.
                let want = hl + len - b.len();
                if self.rbuf.capacity() - self.rbuf.len() < want {
                    self.rbuf.drain(..self.rpos);
                    self.rpos = 0;
                    self.rbuf.reserve(want);
                }
                return Ok(None);
            }
            let start = self.rpos + hl;
            let end = start + len;
            self.rpos = end;
            match op {
                OP_TEXT | OP_BIN => {
                    if self.frag_op != 0 {
                        return Err(Error::Protocol(
                            "new message inside a fragmented one".into(),
                        ));
                    }
                    if fin {
                        return Ok(Some(Frame {
                            op,
                            start,
                            end,
                            joined: false,
                        }));
                    }
                    self.frag_op = op;
                    self.frag.clear();
                    self.frag.extend_from_slice(&self.rbuf[start..end]);
                }
                0 => {
                    if self.frag_op == 0 {
                        return Err(Error::Protocol("continuation without a start".into()));
                    }
                    self.frag.extend_from_slice(&self.rbuf[start..end]);
                    if fin {
                        let op = std::mem::take(&mut self.frag_op);
                        return Ok(Some(Frame {
                            op,
                            start: 0,
                            end: self.frag.len(),
                            joined: true,
                        }));
                    }
                }
                OP_PING => {
                    if !fin || len > 125 {
                        return Err(Error::Protocol("bad control frame".into()));
                    }
                    let p = self.rbuf[start..end].to_vec();
                    self.push_raw(OP_PONG, &[&p]);
                }
                OP_PONG => {}
                OP_CLOSE => {
                    let code = if len >= 2 {
                        u16::from_be_bytes([self.rbuf[start], self.rbuf[start + 1]])
                    } else {
                        1005
                    };
                    return Err(Error::Closed(code));
                }
                o => return Err(Error::Protocol(format!("opcode {o}"))),
            }
        }
    }

    /// Send a message and wait for one answer, whole.
    pub async fn ask(&mut self, payload: &[u8]) -> Result<Vec<u8>> {
        self.push(payload);
        loop {
            if let Some(f) = self.next()? {
                return Ok(self.data(&f).to_vec());
            }
            self.pump().await?;
        }
    }

    /// Closing handshake. True when the server answered with a Close frame.
    pub async fn close(mut self) -> bool {
        self.push_raw(OP_CLOSE, &[&1000u16.to_be_bytes()]);
        let answered = tokio::time::timeout(std::time::Duration::from_secs(2), async {
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
        })
        .await;
        let _ = self.s.shutdown().await;
        answered == Ok(true)
    }
}

fn mask_in_place(b: &mut [u8], m: [u8; 4]) {
    let m8 = u64::from_ne_bytes([m[0], m[1], m[2], m[3], m[0], m[1], m[2], m[3]]);
    let mut it = b.chunks_exact_mut(8);
    for c in &mut it {
        let v = u64::from_ne_bytes(c.try_into().unwrap()) ^ m8;
        c.copy_from_slice(&v.to_ne_bytes());
    }
    for (i, x) in it.into_remainder().iter_mut().enumerate() {
        *x ^= m[i & 3];
    }
}

pub fn find(hay: &[u8], needle: &[u8]) -> Option<usize> {
    hay.windows(needle.len()).position(|w| w == needle)
}

#[cfg(test)]
mod tests {
    use super::*;
    #[test]
    fn masking_matches_the_plain_definition() {
        for n in 0..40usize {
            let src: Vec<u8> = (0..n).map(|i| (i * 37) as u8).collect();
            let m = [1, 200, 3, 77];
            let mut a = src.clone();
            mask_in_place(&mut a, m);
            let b: Vec<u8> = src.iter().enumerate().map(|(i, x)| x ^ m[i % 4]).collect();
            assert_eq!(a, b);
        }
    }
}

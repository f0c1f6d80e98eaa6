//! A small HTTP/1.1 client that expects one answer to one request, and not a byte more.

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::target::Target;

/// A kept-alive connection.
pub(super) struct Client {
    socket: TcpStream,
    read: Vec<u8>,
}

/// A whole answer.
pub(super) struct Answer {
    pub(super) status: u16,
    pub(super) body: Vec<u8>,
    /// Whether the connection may be used again.
    pub(super) keep: bool,
}

/// What the head of an answer says of the rest.
struct Head {
    /// Bytes of the head itself.
    length: usize,
    status: u16,
    body: Option<usize>,
    chunked: bool,
    keep: bool,
}

impl Client {
    pub(super) async fn open(target: &Target) -> Result<Self, String> {
        let socket = TcpStream::connect(target.addr)
            .await
            .map_err(|error| error.to_string())?;
        socket
            .set_nodelay(true)
            .map_err(|error| error.to_string())?;
        Ok(Self {
            socket,
            read: Vec::with_capacity(4096),
        })
    }

    /// GET, or POST with a body.
    pub(super) async fn send(
        &mut self,
        target: &Target,
        path: &str,
        body: Option<&[u8]>,
    ) -> Result<Answer, String> {
        let request = request(target, path, body);
        self.socket
            .write_all(&request)
            .await
            .map_err(|error| format!("write: {error}"))?;
        let head = self.head().await?;
        let (body, end) = if head.chunked {
            self.chunks(head.length).await?
        } else {
            self.plain(head.length, head.body.ok_or("no length")?)
                .await?
        };
        self.read.drain(..end);
        if !self.read.is_empty() {
            return Err("bytes after the answer".to_owned());
        }
        Ok(Answer {
            status: head.status,
            body,
            keep: head.keep,
        })
    }

    async fn head(&mut self) -> Result<Head, String> {
        let length = self.after(0, b"\r\n\r\n").await?;
        let text = String::from_utf8_lossy(&self.read[..length]).into_owned();
        let mut lines = text.split("\r\n");
        let status = lines
            .next()
            .and_then(|line| line.split(' ').nth(1)?.parse().ok());
        let status = status.ok_or("bad status line")?;
        let mut head = Head {
            length,
            status,
            body: None,
            chunked: false,
            keep: true,
        };
        for (name, value) in lines.filter_map(|line| line.split_once(':')) {
            let value = value.trim();
            match name.to_ascii_lowercase().as_str() {
                "content-length" => {
                    head.body = Some(value.parse().map_err(|_| "bad content-length")?);
                }
                "transfer-encoding" => head.chunked = value.eq_ignore_ascii_case("chunked"),
                "connection" => head.keep = !value.eq_ignore_ascii_case("close"),
                _ => {}
            }
        }
        Ok(head)
    }

    /// A body of known length, and where it ends.
    async fn plain(&mut self, at: usize, length: usize) -> Result<(Vec<u8>, usize), String> {
        let end = at + length;
        self.fill(end).await?;
        Ok((self.read[at..end].to_vec(), end))
    }

    /// A body in chunks, and where it ends.
    async fn chunks(&mut self, mut at: usize) -> Result<(Vec<u8>, usize), String> {
        let mut body = Vec::new();
        loop {
            let start = self.after(at, b"\r\n").await?;
            let line = std::str::from_utf8(&self.read[at..start - 2]).map_err(|_| "bad chunk")?;
            let size = line.split(';').next().unwrap_or_default().trim();
            let size = usize::from_str_radix(size, 16).map_err(|_| "bad chunk size")?;
            let end = start + size;
            self.fill(end + 2).await?;
            body.extend_from_slice(&self.read[start..end]);
            if !self.read[end..].starts_with(b"\r\n") {
                return Err("chunk not closed".to_owned());
            }
            at = end + 2;
            if size == 0 {
                return Ok((body, at));
            }
        }
    }

    /// Reads until `mark` has come behind `at`, and says where it ends.
    async fn after(&mut self, at: usize, mark: &[u8]) -> Result<usize, String> {
        loop {
            let unread = &self.read[at..];
            if let Some(found) = unread.windows(mark.len()).position(|window| window == mark) {
                return Ok(at + found + mark.len());
            }
            self.more().await?;
        }
    }

    async fn fill(&mut self, length: usize) -> Result<(), String> {
        while self.read.len() < length {
            self.more().await?;
        }
        Ok(())
    }

    async fn more(&mut self) -> Result<(), String> {
        match self.socket.read_buf(&mut self.read).await {
            Ok(0) => Err("closed in mid-answer".to_owned()),
            Ok(_) => Ok(()),
            Err(error) => Err(format!("read: {error}")),
        }
    }
}

fn request(target: &Target, path: &str, body: Option<&[u8]>) -> Vec<u8> {
    let method = if body.is_some() { "POST" } else { "GET" };
    let mut head = format!(
        "{method} {path} HTTP/1.1\r\nHost: {}\r\nAccept: */*\r\n",
        target.host
    );
    if let Some(body) = body {
        let length = body.len();
        head.push_str(&format!(
            "Content-Type: text/plain\r\nContent-Length: {length}\r\n"
        ));
    }
    head.push_str("\r\n");
    let mut request = head.into_bytes();
    request.extend_from_slice(body.unwrap_or_default());
    request
}

//! The output gate on real sockets: with a store whose commit is held, nothing leaves any socket or
//! body; when it fails, nothing ever does. The real guest, the real host, a client of bytes.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test fails by panicking"
)]

use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use partykit_core::{CommitError, GuestError, LogLine, ProjectName, RoomKey};
use partykit_host::{Config, Deployment, Host, LogSink, RequestLine, StorageConfig};
use partykit_storage::{Fault, FaultyStore};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

const ROOM: &str = r#"
export default class {
  constructor(room) { this.room = room; }
  async onMessage(message, sender) {
    if (message.startsWith("put ")) await this.room.storage.put("k", message.slice(4));
    sender.send("k is " + await this.room.storage.get("k"));
  }
  async onRequest(request) {
    const text = new TextEncoder();
    if (request.url.endsWith("?get")) return new Response(String(await this.room.storage.get("k")));
    if (request.url.endsWith("?put")) {
      await this.room.storage.put("k", "by request");
      return new Response("stored");
    }
    let n = 0;
    return new Response(new ReadableStream({ pull: async (controller) => {
      if (++n === 2) await this.room.storage.put("k", "by stream");
      if (n === 2) this.room.storage.put("l", "too");
      controller.enqueue(text.encode("piece " + n + ";"));
      if (n === 2) controller.close();
      await new Promise((resume) => setTimeout(resume, 20));
    } }));
  }
}"#;

struct Silent;

impl LogSink for Silent {
    fn line(&self, _: &LogLine) {}
    fn request(&self, _: &RequestLine) {}
    fn failed(&self, _: &RoomKey, _: &GuestError) {}
}

struct Stage {
    host: Host,
    store: Arc<FaultyStore>,
}

impl Stage {
    async fn new() -> Self {
        let memory = partykit_storage::open(&StorageConfig::Memory).unwrap();
        let store = Arc::new(FaultyStore::new(memory));
        let config = Config {
            listen: vec![SocketAddr::from(([127, 0, 0, 1], 0))],
            // Compiled once for all tests.
            cache_dir: Some(Path::new(env!("CARGO_TARGET_TMPDIR")).join("engines")),
            ..Config::default()
        };
        let deployment = Deployment {
            project: ProjectName::parse("gate").unwrap(),
            bundle: ROOM.to_owned(),
            env: "{}".to_owned(),
            assets: None,
        };
        let host = Host::start_on(store.clone(), config, deployment, Arc::new(Silent)).await;
        Self {
            host: host.unwrap(),
            store,
        }
    }

    async fn connection(&self, head: &str) -> Connection {
        let mut stream = TcpStream::connect(self.host.address()).await.unwrap();
        stream
            .write_all(head.replace('\n', "\r\n").as_bytes())
            .await
            .unwrap();
        Connection {
            stream,
            read: Vec::new(),
        }
    }

    async fn socket(&self) -> Connection {
        let head = "GET /party/r HTTP/1.1\nHost: h\nConnection: Upgrade\nUpgrade: websocket\n\
                    Sec-WebSocket-Version: 13\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\n\n";
        let mut socket = self.connection(head).await;
        socket.until(b"\r\n\r\n").await;
        socket.read.clear();
        socket
    }

    async fn request(&self, query: &str) -> Connection {
        let head = format!("GET /party/r?{query} HTTP/1.1\nHost: h\nConnection: close\n\n");
        self.connection(&head).await
    }

    /// Until a commit is held: everything before it has been done.
    async fn held(&self) {
        let store = self.store.clone();
        tokio::task::spawn_blocking(move || store.wait_until_held())
            .await
            .unwrap();
    }
}

struct Connection {
    stream: TcpStream,
    read: Vec<u8>,
}

impl Connection {
    /// A masked text frame; a mask of zeros changes nothing.
    async fn say(&mut self, text: &str) {
        let mut frame = vec![0x81, 0x80 | u8::try_from(text.len()).unwrap(), 0, 0, 0, 0];
        frame.extend(text.as_bytes());
        self.stream.write_all(&frame).await.unwrap();
    }

    async fn until(&mut self, expected: &[u8]) {
        let found = |read: &[u8]| {
            read.windows(expected.len())
                .any(|window| window == expected)
        };
        while !found(&self.read) {
            let read = self.stream.read_buf(&mut self.read);
            let read = timeout(Duration::from_secs(20), read)
                .await
                .expect("in time");
            let text = String::from_utf8_lossy(&self.read);
            assert_ne!(read.unwrap_or(0), 0, "ended: {text}");
        }
    }

    async fn finish(mut self) -> (String, bool) {
        let clean = timeout(
            Duration::from_secs(20),
            self.stream.read_to_end(&mut self.read),
        );
        let clean = clean.await.expect("in time").is_ok();
        (String::from_utf8_lossy(&self.read).into_owned(), clean)
    }

    /// Nothing has come, looked at after a round trip through the room behind it.
    fn has_nothing(&self) -> bool {
        let mut byte = [0];
        self.read.is_empty() && self.stream.try_read(&mut byte).is_err()
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn while_a_commit_is_held_nothing_leaves_and_later_turns_read_its_writes() {
    let stage = Stage::new().await;
    let mut socket = stage.socket().await;
    stage.store.hold();
    socket.say("put first").await;
    stage.held().await;
    let request = stage.request("get").await;
    socket.say("again").await;
    // Another room of the same host shows that time has passed and that only this one waits.
    let other = stage
        .connection("GET /party/o?get HTTP/1.1\nHost: h\nConnection: close\n\n")
        .await;
    assert!(other.finish().await.0.ends_with("undefined"));
    assert!(socket.has_nothing() && request.has_nothing());
    stage.store.release();
    socket.until(b"k is first\x81\x0ak is first").await;
    assert!(request.finish().await.0.ends_with("first"));
    stage.host.shutdown().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn when_a_commit_fails_nothing_of_it_ever_leaves_and_the_room_reads_what_is_durable() {
    let stage = Stage::new().await;
    let mut socket = stage.socket().await;
    socket.say("put kept").await;
    socket.until(b"k is kept").await;
    socket.read.clear();
    stage.store.inject([Fault::Fails(CommitError::NoSpace)]);
    socket.say("put lost").await;
    let (told, _) = socket.finish().await;
    assert!(told.contains("the host's storage is full"), "{told:?}");
    assert!(!told.contains("k is"), "{told:?}");
    let again = stage.request("get").await.finish().await.0;
    assert!(again.ends_with("kept"), "{again}");
    stage.store.inject([Fault::Fails(CommitError::NoSpace)]);
    let refused = stage.request("put").await.finish().await.0;
    assert!(
        refused.starts_with("HTTP/1.1 500") && !refused.contains("stored"),
        "{refused}"
    );
    stage.host.shutdown().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_commit_that_fails_in_the_middle_of_a_response_breaks_it_off() {
    let stage = Stage::new().await;
    stage.store.inject([Fault::Fails(CommitError::NoSpace)]);
    let (told, _) = stage.request("stream").await.finish().await;
    assert!(told.contains("piece 1;"), "{told}");
    assert!(!told.contains("piece 2;"), "{told}");
    assert!(
        !told.ends_with("0\r\n\r\n"),
        "a chunked body that ended cleanly: {told}"
    );
    stage.host.shutdown().await;
}

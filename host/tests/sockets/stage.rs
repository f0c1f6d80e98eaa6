//! A host with the real guest on a store in the test's hands, and a client of bytes.

use std::net::SocketAddr;
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use partykit_core::{GuestError, LogLevel, LogLine, ProjectName, RoomKey, Store};
use partykit_host::{Config, Deployment, Host, LogSink, RequestLine, StorageConfig};
use partykit_storage::FaultyStore;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::Notify;
use tokio::time::timeout;

const ROOM: &str = r#"
export default class {
  constructor(room) { this.room = room; }
  async onConnect(connection, { request }) {
    if (!request.url.endsWith("?join")) return;
    console.log("joining");
    this.room.storage.put("joined", true);
  }
  onClose(connection, code, reason, wasClean) {
    console.log("closed " + code + " " + reason + " " + wasClean);
  }
  async onMessage(message, sender) {
    if (typeof message !== "string") return sender.send(message);
    if (message === "close") return sender.close(4001, "done");
    if (message.startsWith("alarm ")) {
      await this.room.storage.put("script", message.split(" ")[2] ?? "");
      await this.room.storage.setAlarm(Date.now() + Number(message.split(" ")[1]));
    }
    if (message.startsWith("put ")) await this.room.storage.put("k", message.slice(4));
    console.log("ran " + message);
    if (message === "put all") return this.room.broadcast("to all");
    if (message === "put bye") return sender.close(4001, "done");
    sender.send("k is " + await this.room.storage.get("k"));
  }
  async onAlarm() {
    const { id, storage } = this.room;
    const script = await storage.get("script");
    console.log("alarm of " + id + " " + script);
    await storage.put("k", "rung");
    if (script === "wait") await new Promise((resume) => setTimeout(resume, 1e8));
    if (script === "again") {
      await storage.put("script", "");
      await storage.setAlarm(Date.now());
    }
  }
  async onRequest(request) {
    const text = new TextEncoder();
    console.log("asked " + request.url.split("?")[1]);
    if (request.url.endsWith("?get")) return new Response(String(await this.room.storage.get("k")));
    if (request.url.endsWith("?put")) {
      await this.room.storage.put("k", "by request");
      return new Response("stored");
    }
    if (request.url.endsWith("?never")) await new Promise((resume) => setTimeout(resume, 1e8));
    if (request.url.endsWith("?size")) return new Response((await request.text()).length);
    if (request.url.endsWith("?endless")) {
      return new Response(new ReadableStream({
        pull: (controller) => controller.enqueue(new Uint8Array(65536)),
        cancel: () => console.log("cancelled"),
      }));
    }
    if (request.url.endsWith("?fails")) {
      let pulls = 0;
      return new Response(new ReadableStream({ pull: (controller) => {
        if (++pulls === 1) controller.enqueue(text.encode("begun;"));
        else controller.error(new Error("failed"));
      } }), { headers: { "x-head": "seen" } });
    }
    if (request.url.endsWith("?begun")) {
      return new Response(new ReadableStream({ start: (controller) => controller.enqueue(text.encode("begun;")) }));
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

/// What rooms have written.
#[derive(Default)]
struct Log {
    lines: Mutex<Vec<String>>,
    written: Notify,
}

impl LogSink for Log {
    fn host(&self, _: LogLevel, _: &str) {}

    fn line(&self, line: &LogLine) {
        self.lines.lock().unwrap().push(line.text.clone());
        self.written.notify_one();
    }

    fn request(&self, _: &RequestLine) {}
    fn failed(&self, _: &RoomKey, _: &GuestError) {}
}

/// Asks for a WebSocket to the room `r`.
pub(crate) const UPGRADE: &str = "\
     GET /party/r HTTP/1.1\nHost: h\nConnection: Upgrade\nUpgrade: websocket\n\
     Sec-WebSocket-Version: 13\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\n\n";

pub(crate) fn deployment(bundle: &str) -> Deployment {
    Deployment {
        project: ProjectName::parse("gate").unwrap(),
        bundle: Some(bundle.to_owned()),
        env: "{}".to_owned(),
        assets: None,
    }
}

pub(crate) struct Stage {
    pub(crate) host: Host,
    log: Arc<Log>,
    pub(crate) store: Arc<FaultyStore>,
}

impl Stage {
    pub(crate) async fn new() -> Self {
        Self::with(|_| ()).await
    }

    pub(crate) async fn with(set: impl FnOnce(&mut Config)) -> Self {
        let memory = partykit_storage::open(&StorageConfig::Memory).unwrap();
        Self::on(memory, set).await
    }

    /// A host that finds something stored.
    pub(crate) async fn on(memory: Arc<dyn Store>, set: impl FnOnce(&mut Config)) -> Self {
        let store = Arc::new(FaultyStore::new(memory));
        let mut config = Config {
            listen: vec![SocketAddr::from(([127, 0, 0, 1], 0))],
            // Compiled once for all tests.
            cache_dir: Some(Path::new(env!("CARGO_TARGET_TMPDIR")).join("engines")),
            ..Config::default()
        };
        // These clients do not answer Close frames, and every test ends with one.
        config.host.close_ms = 200;
        set(&mut config);
        let log = Arc::new(Log::default());
        let host = Host::start_on(store.clone(), config, deployment(ROOM), log.clone()).await;
        Self {
            host: host.unwrap(),
            log,
            store,
        }
    }

    pub(crate) async fn connection(&self, head: &str) -> Connection {
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

    pub(crate) async fn socket(&self) -> Connection {
        let mut socket = self.connection(UPGRADE).await;
        socket.until(b"\r\n\r\n").await;
        // RFC 6455, section 1.3, has this key and its answer as the example.
        let accept = b"s3pPLMBiTxaQ9kYGzzhZRbK+xOo=";
        assert!(
            socket
                .read
                .windows(accept.len())
                .any(|window| window == accept)
        );
        socket.read.clear();
        socket
    }

    pub(crate) async fn request(&self, query: &str) -> Connection {
        let head = format!("GET /party/r?{query} HTTP/1.1\nHost: h\nConnection: close\n\n");
        self.connection(&head).await
    }

    /// Until some room has written this line: a log is not held back, so that its turn has run.
    pub(crate) async fn logged(&self, text: &str) {
        let seen = async {
            while !self.has_logged(text) {
                self.log.written.notified().await;
            }
        };
        timeout(Duration::from_secs(20), seen)
            .await
            .expect("in time");
    }

    /// Ends the host, which must not take as long as a test waits.
    pub(crate) async fn shutdown(self) {
        let ended = timeout(Duration::from_secs(20), self.host.shutdown());
        ended.await.expect("in time");
    }

    /// Until rooms have written so many lines that begin so.
    pub(crate) async fn logged_times(&self, text: &str, times: usize) {
        let seen = async {
            while self.count_logged(text) < times {
                self.log.written.notified().await;
            }
        };
        let in_time = timeout(Duration::from_secs(60), seen).await;
        let count = self.count_logged(text);
        assert!(in_time.is_ok(), "{count} of {times} in time");
    }

    /// How many lines begin so.
    pub(crate) fn count_logged(&self, text: &str) -> usize {
        let lines = self.log.lines.lock().unwrap();
        lines.iter().filter(|line| line.starts_with(text)).count()
    }

    /// Whether some room has written this line so far.
    pub(crate) fn has_logged(&self, text: &str) -> bool {
        let lines = self.log.lines.lock().unwrap();
        lines.iter().any(|line| line == text)
    }

    /// Until a commit is held: everything before it has been done.
    pub(crate) async fn held(&self) {
        let store = self.store.clone();
        tokio::task::spawn_blocking(move || store.wait_until_held())
            .await
            .unwrap();
    }
}

/// A masked frame, by its first byte; a mask of zeros changes nothing.
pub(crate) fn frame(first: u8, payload: &[u8]) -> Vec<u8> {
    let length = u8::try_from(payload.len()).unwrap();
    assert!(length < 126, "short ones do");
    let mut frame = vec![first, 0x80 | length, 0, 0, 0, 0];
    frame.extend(payload);
    frame
}

pub(crate) struct Connection {
    stream: TcpStream,
    pub(crate) read: Vec<u8>,
}

impl Connection {
    pub(crate) async fn say(&mut self, text: &str) {
        self.send(&frame(0x81, text.as_bytes())).await;
    }

    pub(crate) async fn send(&mut self, bytes: &[u8]) {
        self.stream.write_all(bytes).await.unwrap();
    }

    pub(crate) async fn until(&mut self, expected: &[u8]) {
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

    /// All bytes until the end, and whether that was an orderly one.
    pub(crate) async fn all(mut self) -> (Vec<u8>, bool) {
        let clean = timeout(
            Duration::from_secs(20),
            self.stream.read_to_end(&mut self.read),
        );
        let clean = clean.await.expect("in time").is_ok();
        (self.read, clean)
    }

    pub(crate) async fn finish(self) -> (String, bool) {
        let (read, clean) = self.all().await;
        (String::from_utf8_lossy(&read).into_owned(), clean)
    }

    /// Nothing has come; to be asked when the turn that would have sent it is known to have run.
    pub(crate) fn has_nothing(&self) -> bool {
        let mut byte = [0];
        self.read.is_empty() && self.stream.try_read(&mut byte).is_err()
    }

    /// The same for a socket, with certainty: what was put into its queue before the answer to this
    /// ping would come before it.
    pub(crate) async fn gets_nothing(&mut self) {
        self.send(&frame(0x89, b"barrier")).await;
        self.until(b"barrier").await;
        assert_eq!(self.read, b"\x8a\x07barrier");
        self.read.clear();
    }
}

//! HTTP requests to rooms over kept-alive connections.

use serde_json::json;
use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Barrier};
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::proc::Sampler;
use crate::reqans::room_name;
use crate::stats::{self, Complaints};
use crate::target::Target;
use crate::work::padding;
use crate::ws::find;
use crate::{Common, Outcome, now_ns};

#[derive(Clone, Debug)]
pub struct Cfg {
    pub conns: usize,
    pub rooms: usize,
    pub post: bool,
    pub size: usize,
    pub new_room: bool,
}

pub struct Http {
    s: TcpStream,
    buf: Vec<u8>,
    req: Vec<u8>,
}

pub struct Answer {
    pub status: u16,
    pub body: Vec<u8>,
    pub keep: bool,
}

impl Http {
    pub async fn open(t: &Target) -> Result<Http, String> {
        let s = TcpStream::connect(t.addr)
            .await
            .map_err(|e| e.to_string())?;
        s.set_nodelay(true).map_err(|e| e.to_string())?;
        Ok(Http {
            s,
            buf: Vec::with_capacity(4096),
            req: vec![],
        })
    }
    pub async fn send(
        &mut self,
        t: &Target,
        path: &str,
        body: Option<&[u8]>,
    ) -> Result<Answer, String> {
        self.req.clear();
        let m = if body.is_some() { "POST" } else { "GET" };
        self.req.extend_from_slice(
            format!("{m} {path} HTTP/1.1\r\nHost: {}\r\nAccept: */*\r\n", t.host).as_bytes(),
        );
        if let Some(b) = body {
            self.req.extend_from_slice(
                format!(
                    "Content-Type: text/plain\r\nContent-Length: {}\r\n",
                    b.len()
                )
                .as_bytes(),
            );
        }
        self.req.extend_from_slice(b"\r\n");
        if let Some(b) = body {
            self.req.extend_from_slice(b);
        }
        self.s
            .write_all(&self.req)
            .await
            .map_err(|e| format!("write: {e}"))?;
        let head_end = loop {
            if let Some(p) = find(&self.buf, b"\r\n\r\n") {
                break p + 4;
            }
            self.more().await?;
        };
        let head = String::from_utf8_lossy(&self.buf[..head_end]).into_owned();
        let mut lines = head.split("\r\n");
        let status = lines
            .next()
            .and_then(|l| l.split(' ').nth(1))
            .and_then(|v| v.parse().ok())
            .ok_or("bad status line")?;
        let (mut len, mut chunked, mut keep) = (None, false, true);
        for l in lines {
            let Some((k, v)) = l.split_once(':') else {
                continue;
            };
            let v = v.trim();
            if k.eq_ignore_ascii_case("content-length") {
                len = Some(v.parse::<usize>().map_err(|_| "bad content-length")?);
            } else if k.eq_ignore_ascii_case("transfer-encoding") {
                chunked = v.eq_ignore_ascii_case("chunked");
            } else if k.eq_ignore_ascii_case("connection") {
                keep = !v.eq_ignore_ascii_case("close");
            }
        }
        let mut out = vec![];
        let mut at = head_end;
        if chunked {
            loop {
                let line_end = loop {
                    if let Some(p) = find(&self.buf[at..], b"\r\n") {
                        break at + p;
                    }
                    self.more().await?;
                };
                let hex = std::str::from_utf8(&self.buf[at..line_end]).map_err(|_| "bad chunk")?;
                let n = usize::from_str_radix(hex.split(';').next().unwrap().trim(), 16)
                    .map_err(|_| "bad chunk size")?;
                let data = line_end + 2;
                while self.buf.len() < data + n + 2 {
                    self.more().await?;
                }
                out.extend_from_slice(&self.buf[data..data + n]);
                if &self.buf[data + n..data + n + 2] != b"\r\n" {
                    return Err("chunk not closed".into());
                }
                at = data + n + 2;
                if n == 0 {
                    break;
                }
            }
        } else {
            let n = len.ok_or("no length")?;
            while self.buf.len() < at + n {
                self.more().await?;
            }
            out.extend_from_slice(&self.buf[at..at + n]);
            at += n;
        }
        self.buf.drain(..at);
        if !self.buf.is_empty() {
            return Err("bytes after the answer".into());
        }
        Ok(Answer {
            status,
            body: out,
            keep,
        })
    }
    async fn more(&mut self) -> Result<(), String> {
        match self.s.read_buf(&mut self.buf).await {
            Ok(0) => Err("closed in mid-answer".into()),
            Ok(_) => Ok(()),
            Err(e) => Err(format!("read: {e}")),
        }
    }
}

pub fn run(t: &Target, c: &Common, cfg: &Cfg) -> Outcome {
    let threads = c.threads.min(cfg.conns).max(1);
    let barrier = Barrier::new(threads + 1);
    let t0 = AtomicU64::new(0);
    let fresh = Arc::new(AtomicU64::new(0));
    let warm = (c.warmup * 1e9) as u64;
    let dur = (c.secs * 1e9) as u64;
    let mut out = Outcome::new();
    let mut h = stats::hist();
    let mut env = None;
    let mut n = 0;
    let mut reopened = 0;
    std::thread::scope(|sc| {
        let mut hs = vec![];
        for th in 0..threads {
            let (barrier, t0, fresh) = (&barrier, &t0, fresh.clone());
            hs.push(sc.spawn(move || {
                let rt = crate::runtime();
                let local = tokio::task::LocalSet::new();
                barrier.wait();
                barrier.wait();
                let start = t0.load(Ordering::SeqCst);
                let (w0, end) = (start + warm, start + warm + dur);
                let h = Rc::new(RefCell::new(stats::hist()));
                let bad = Rc::new(RefCell::new(Complaints::default()));
                let n = Rc::new(Cell::new(0u64));
                let reopened = Rc::new(Cell::new(0u64));
                local.block_on(&rt, async {
                    let lanes = (0..cfg.conns).filter(|i| i % threads == th).map(|i| {
                        let (t, tag, cfg) = (t.clone(), c.tag.clone(), cfg.clone());
                        let (h, bad, n, reopened) =
                            (h.clone(), bad.clone(), n.clone(), reopened.clone());
                        let fresh = fresh.clone();
                        let drain = c.drain;
                        async move {
                            let mut room = room_name("http", &tag, i % cfg.rooms);
                            let body = cfg.post.then(|| padding(i as u64 + 1, cfg.size.max(1)));
                            let mut conn: Option<Http> = None;
                            let mut fails = 0;
                            while now_ns() < end && fails < 20 {
                                if cfg.new_room {
                                    room = format!(
                                        "http-{tag}-n{}",
                                        fresh.fetch_add(1, Ordering::Relaxed)
                                    );
                                }
                                let mut want = if cfg.post {
                                    format!("{room}:")
                                } else {
                                    format!("hello {room}")
                                }
                                .into_bytes();
                                if let Some(b) = &body {
                                    want.extend_from_slice(b);
                                }
                                let a = now_ns();
                                let r =
                                    tokio::time::timeout(Duration::from_secs_f64(drain), async {
                                        if conn.is_none() {
                                            conn = Some(Http::open(&t).await?);
                                        }
                                        conn.as_mut()
                                            .unwrap()
                                            .send(&t, &t.path(&room), body.as_deref())
                                            .await
                                    })
                                    .await;
                                let z = now_ns();
                                match r {
                                    Ok(Ok(a_)) => {
                                        if a_.status != 200 {
                                            bad.borrow_mut().add(format!(
                                                "HTTP {}: {}",
                                                a_.status,
                                                String::from_utf8_lossy(
                                                    &a_.body[..a_.body.len().min(80)]
                                                )
                                            ));
                                        } else if a_.body != want {
                                            bad.borrow_mut().add(format!(
                                                "wrong body, e.g. {:?}",
                                                String::from_utf8_lossy(
                                                    &a_.body[..a_.body.len().min(80)]
                                                )
                                            ));
                                        }
                                        if !a_.keep {
                                            conn = None;
                                            reopened.set(reopened.get() + 1);
                                        }
                                        if z >= w0 && z < end {
                                            n.set(n.get() + 1);
                                            stats::record(&mut h.borrow_mut(), z - a);
                                        }
                                    }
                                    Ok(Err(e)) => {
                                        bad.borrow_mut().add(format!("request failed: {e}"));
                                        conn = None;
                                        fails += 1;
                                    }
                                    Err(_) => {
                                        bad.borrow_mut().add("request timed out");
                                        conn = None;
                                        fails += 1;
                                    }
                                }
                            }
                        }
                    });
                    let mut set = tokio::task::JoinSet::new();
                    for l in lanes {
                        set.spawn_local(l);
                    }
                    while set.join_next().await.is_some() {}
                });
                let bad = std::mem::take(&mut *bad.borrow_mut());
                let h = h.borrow().clone();
                (bad, h, n.get(), reopened.get())
            }));
        }
        barrier.wait();
        t0.store(now_ns() + 1_000_000, Ordering::SeqCst);
        barrier.wait();
        std::thread::sleep(Duration::from_nanos(warm + 1_000_000));
        let s = Sampler::start(c.server_pid);
        std::thread::sleep(Duration::from_nanos(dur));
        env = Some(s.stop());
        for j in hs {
            let (bad, hh, a, r) = j.join().expect("load thread");
            out.complaints.merge(bad);
            h.add(&hh).expect("same bounds");
            n += a;
            reopened += r;
        }
    });
    let env = env.expect("sampled");
    if n == 0 {
        out.complaints.add("no request was answered in the window");
    }
    out.result = json!({
        "reqs_per_s": (n as f64 / (dur as f64 / 1e9) * 10.0).round() / 10.0,
        "reqs": n,
        "closed_by_server": reopened,
        "latency_us": stats::lat(&h),
        "server_cpu_us_per_req": env.cpu_us_per(n),
    });
    out.env = env.json();
    out
}

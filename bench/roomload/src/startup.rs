//! From process start to the first answered message.

use serde_json::json;
use std::os::unix::process::CommandExt;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use crate::proc::tree_mem;
use crate::target::Target;
use crate::ws::{self, Conn};
use crate::{Common, Outcome};

#[derive(Clone, Debug)]
pub struct Cfg {
    pub command: Vec<String>,
    pub limit: f64,
}

/// A server that this program started; its process group ends with it.
struct Started(std::process::Child);
impl Drop for Started {
    fn drop(&mut self) {
        let pg = self.0.id() as i32;
        // SAFETY: the group was created for this child alone.
        unsafe { libc::kill(-pg, libc::SIGTERM) };
        let t = Instant::now();
        while t.elapsed() < Duration::from_secs(3) {
            if matches!(self.0.try_wait(), Ok(Some(_))) {
                break;
            }
            std::thread::sleep(Duration::from_millis(10));
        }
        // SAFETY: as above; also ends what the leader left behind.
        unsafe { libc::kill(-pg, libc::SIGKILL) };
        let _ = self.0.wait();
    }
}

pub fn run(t: &Target, c: &Common, cfg: &Cfg) -> Outcome {
    let mut out = Outcome::new();
    let rt = crate::runtime();
    if rt.block_on(tokio::net::TcpStream::connect(t.addr)).is_ok() {
        out.complaints.add("something already listens there");
        return out;
    }
    let begin = Instant::now();
    let child = Command::new(&cfg.command[0])
        .args(&cfg.command[1..])
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .process_group(0)
        .spawn();
    let mut child = match child {
        Ok(c) => Started(c),
        Err(e) => {
            out.complaints
                .add(format!("cannot start {}: {e}", cfg.command[0]));
            return out;
        }
    };
    let ms = |i: Instant| (i.elapsed().as_secs_f64() * 1e5).round() / 100.0;
    let mut accept = None;
    let mut tries = 0;
    let first = rt.block_on(async {
        while begin.elapsed().as_secs_f64() < cfg.limit {
            if let Ok(Some(s)) = child.0.try_wait() {
                return Err(format!("server ended: {s}"));
            }
            if accept.is_none() && tokio::net::TcpStream::connect(t.addr).await.is_ok() {
                accept = Some(ms(begin));
            }
            if accept.is_some() {
                tries += 1;
                let r = tokio::time::timeout(Duration::from_secs_f64(cfg.limit), async {
                    let mut k = Conn::open(t, &format!("echo-{}-s{tries}", c.tag)).await?;
                    let got = k.ask(b"hello").await?;
                    Ok::<_, ws::Error>((k, got))
                })
                .await;
                if let Ok(Ok((k, got))) = r {
                    let v = ms(begin);
                    if got != b"hello" {
                        return Err("wrong echo".into());
                    }
                    k.close().await;
                    return Ok(v);
                }
            }
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
        Err("no answer before the limit".into())
    });
    match first {
        Ok(v) => {
            std::thread::sleep(Duration::from_millis(1500));
            let m = tree_mem(child.0.id());
            out.result = json!({
                "first_answer_ms": v,
                "listening_ms": accept,
                "tries": tries,
                "rss_mib": (m.rss as f64 / 104857.6).round() / 10.0,
                "pss_mib": (m.pss as f64 / 104857.6).round() / 10.0,
                "procs": m.procs,
            });
        }
        Err(e) => out.complaints.add(e),
    }
    drop(child);
    out
}

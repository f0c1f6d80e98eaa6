//! Connections opened per second, and how long until the first answer.

use serde_json::json;
use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::time::Duration;

use crate::proc::Sampler;
use crate::stats::{self, Complaints};
use crate::target::Target;
use crate::work::{Echo, Work};
use crate::ws::{self, Conn};
use crate::{Common, Outcome, now_ns};

#[derive(Clone, Debug)]
pub struct Cfg {
    pub lanes: usize,
    pub count: u64,
    pub same_room: bool,
    /// keep every connection open until the end
    pub keep: bool,
    /// an unanswered closing handshake is an error, not only counted
    pub strict_close: bool,
}

pub fn run(t: &Target, c: &Common, cfg: &Cfg) -> Outcome {
    let mut out = Outcome::new();
    let rt = crate::runtime();
    let local = tokio::task::LocalSet::new();
    let open = Rc::new(RefCell::new(stats::hist()));
    let first = Rc::new(RefCell::new(stats::hist()));
    let bad = Rc::new(RefCell::new(Complaints::default()));
    let next = Rc::new(Cell::new(0u64));
    let done = Rc::new(Cell::new(0u64));
    let kept = Rc::new(RefCell::new(Vec::<Conn>::new()));
    let closing = Rc::new(RefCell::new(tokio::task::JoinSet::<bool>::new()));
    let unanswered = Rc::new(Cell::new(0u64));
    let mut env = None;
    let mut took = 0.0;
    local.block_on(&rt, async {
        // One connection first: the program itself is loaded before the clock.
        let pre = tokio::time::timeout(Duration::from_secs(30), async {
            let mut k = Conn::open(t, &format!("echo-{}-pre", c.tag)).await?;
            k.ask(b"hello").await?;
            Ok::<_, ws::Error>(k)
        })
        .await;
        match pre {
            Ok(Ok(k)) => {
                k.close().await;
            }
            Ok(Err(e)) => return bad.borrow_mut().add(format!("could not start: {e}")),
            Err(_) => return bad.borrow_mut().add("could not start: timed out"),
        }
        let s = Sampler::start(c.server_pid);
        let begin = now_ns();
        let end = begin + (c.secs * 1e9) as u64;
        let mut set = tokio::task::JoinSet::new();
        for _ in 0..cfg.lanes {
            let (t, tag, cfg) = (t.clone(), c.tag.clone(), cfg.clone());
            let (open, first, bad) = (open.clone(), first.clone(), bad.clone());
            let (next, done, kept) = (next.clone(), done.clone(), kept.clone());
            let (closing, unanswered) = (closing.clone(), unanswered.clone());
            set.spawn_local(async move {
                loop {
                    let i = next.get();
                    if i >= cfg.count || now_ns() >= end {
                        return;
                    }
                    next.set(i + 1);
                    let room = if cfg.same_room {
                        format!("echo-{tag}-same")
                    } else {
                        format!("echo-{tag}-n{i}")
                    };
                    let mut w = Echo::new(i, 64);
                    let mut m = vec![];
                    w.make(i, &mut m);
                    let a = now_ns();
                    let r = tokio::time::timeout(Duration::from_secs(30), async {
                        let mut k = Conn::open(&t, &room).await?;
                        let b = now_ns();
                        let got = k.ask(&m).await?;
                        Ok::<_, ws::Error>((k, b, got))
                    })
                    .await;
                    let z = now_ns();
                    match r {
                        Ok(Ok((k, b, got))) => {
                            if let Some(e) = w.check(i, &got) {
                                bad.borrow_mut().add(e);
                            }
                            stats::record(&mut open.borrow_mut(), b - a);
                            stats::record(&mut first.borrow_mut(), z - a);
                            done.set(done.get() + 1);
                            if cfg.keep {
                                kept.borrow_mut().push(k);
                            } else {
                                // Beside the lane: a server that never answers
                                // a Close must not hold up the next one.
                                let mut c = closing.borrow_mut();
                                c.spawn_local(k.close());
                                while let Some(r) = c.try_join_next() {
                                    if !r.unwrap_or(false) {
                                        unanswered.set(unanswered.get() + 1);
                                    }
                                }
                            }
                        }
                        Ok(Err(e)) => bad.borrow_mut().add(format!("connection failed: {e}")),
                        Err(_) => bad.borrow_mut().add("connection timed out"),
                    }
                }
            });
        }
        while set.join_next().await.is_some() {}
        took = (now_ns() - begin) as f64 / 1e9;
        env = Some(s.stop());
        let mut c = std::mem::take(&mut *closing.borrow_mut());
        while let Some(r) = c.join_next().await {
            if !r.unwrap_or(false) {
                unanswered.set(unanswered.get() + 1);
            }
        }
        if cfg.strict_close {
            bad.borrow_mut()
                .add_n("closing handshake not answered", unanswered.get());
        }
        let mut ks = std::mem::take(&mut *kept.borrow_mut());
        for k in ks.drain(..) {
            k.close().await;
        }
    });
    out.complaints = std::mem::take(&mut *bad.borrow_mut());
    if let Some(env) = env {
        let n = done.get();
        if n == 0 {
            out.complaints.add("nothing could be opened");
        }
        let (o, f) = (open.borrow(), first.borrow());
        out.result = json!({
            "conns_per_s": (n as f64 / took * 10.0).round() / 10.0,
            "conns": n,
            "close_unanswered": unanswered.get(),
            "open_us": stats::lat(&o),
            "first_answer_us": stats::lat(&f),
            "server_cpu_us_per_conn": env.cpu_us_per(n),
        });
        out.env = env.json();
    }
    out
}

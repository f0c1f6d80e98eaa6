//! Memory held by idle rooms: one quiet connection each.

use serde_json::{Value, json};
use std::cell::RefCell;
use std::rc::Rc;
use std::time::Duration;
use tokio::sync::watch;

use crate::proc::{Mem, Sampler, tree_mem};
use crate::stats::Complaints;
use crate::target::Target;
use crate::work::{Echo, Work};
use crate::ws::{self, Conn};
use crate::{Common, Outcome, now_ns};

#[derive(Clone, Debug)]
pub struct Cfg {
    pub steps: Vec<usize>,
    pub lanes: usize,
    pub hold: f64,
    pub room_conns: usize,
}

/// Open descriptors of the tree.
fn fds(pid: u32) -> usize {
    crate::proc::tree(pid)
        .into_iter()
        .filter_map(|p| std::fs::read_dir(format!("/proc/{p}/fd")).ok())
        .map(|d| d.count())
        .sum()
}

fn mem_json(m: Mem) -> Value {
    json!({"rss": m.rss, "pss": m.pss, "private": m.private, "procs": m.procs})
}

async fn median_mem(pid: u32) -> Mem {
    let mut v = vec![];
    for _ in 0..5 {
        v.push(tree_mem(pid));
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
    v.sort_by_key(|m| m.pss);
    v[2]
}

pub fn run(t: &Target, c: &Common, cfg: &Cfg) -> Outcome {
    let mut out = Outcome::new();
    let Some(pid) = c.server_pid else {
        out.complaints.add("idle needs --server-pid");
        return out;
    };
    let rt = crate::runtime();
    let local = tokio::task::LocalSet::new();
    let bad = Rc::new(RefCell::new(Complaints::default()));
    let mut steps = vec![];
    let mut base_json = Value::Null;
    let mut wake = Value::Null;
    local.block_on(&rt, async {
        let open_one = |i: usize| {
            let (t, tag) = (t.clone(), c.tag.clone());
            let room = i / cfg.room_conns;
            async move {
                tokio::time::timeout(Duration::from_secs(60), async {
                    let mut k = Conn::open(&t, &format!("echo-{tag}-i{room}")).await?;
                    let mut w = Echo::new(i as u64, 64);
                    let mut m = vec![];
                    w.make(0, &mut m);
                    let got = k.ask(&m).await?;
                    if w.check(0, &got).is_some() {
                        return Err(ws::Error::Protocol("wrong echo".into()));
                    }
                    Ok::<_, ws::Error>((k, w))
                })
                .await
                .unwrap_or(Err(ws::Error::Protocol("timed out".into())))
            }
        };
        // A warm room, kept open, so that the base holds all that is loaded once.
        let pre = match open_one(usize::MAX / 2 / cfg.room_conns * cfg.room_conns).await {
            Ok(k) => k,
            Err(e) => return bad.borrow_mut().add(format!("could not start: {e}")),
        };
        tokio::time::sleep(Duration::from_secs_f64(cfg.hold.min(3.0))).await;
        let base = median_mem(pid).await;
        base_json = mem_json(base);
        let base_fds = fds(pid);
        let (tx, rx) = watch::channel(0u8);
        let mut holders = tokio::task::JoinSet::new();
        let mut n = 0usize;
        for &step in &cfg.steps {
            let begin = now_ns();
            let want = step * cfg.room_conns;
            let mut set = tokio::task::JoinSet::new();
            let mut opened = vec![];
            while n < want || !set.is_empty() {
                while n < want && set.len() < cfg.lanes {
                    set.spawn_local(open_one(n));
                    n += 1;
                }
                if let Some(r) = set.join_next().await {
                    match r.expect("task") {
                        Ok(k) => opened.push(k),
                        Err(e) => bad.borrow_mut().add(format!("room failed: {e}")),
                    }
                }
            }
            let took = (now_ns() - begin) as f64 / 1e9;
            for (mut k, mut w) in opened {
                let mut rx = rx.clone();
                let bad = bad.clone();
                holders.spawn_local(async move {
                    // Quiet, but answers pings, and notices being dropped.
                    loop {
                        tokio::select! {
                            r = k.pump() => {
                                if let Err(e) = r {
                                    bad.borrow_mut().add(format!("idle connection lost: {e}"));
                                    return None;
                                }
                                match k.next() {
                                    Ok(None) => {}
                                    Ok(Some(_)) => bad.borrow_mut().add("message on an idle connection"),
                                    Err(e) => {
                                        bad.borrow_mut().add(format!("idle connection lost: {e}"));
                                        return None;
                                    }
                                }
                                if k.pending_write() && k.flush().await.is_err() {
                                    bad.borrow_mut().add("idle connection lost while writing");
                                    return None;
                                }
                            }
                            _ = rx.changed() => break,
                        }
                    }
                    // Still alive and right?
                    let mut m = vec![];
                    w.make(1, &mut m);
                    let a = now_ns();
                    let r = tokio::time::timeout(Duration::from_secs(60), k.ask(&m)).await;
                    let took = now_ns() - a;
                    match r {
                        Ok(Ok(got)) => match w.check(1, &got) {
                            None => Some(took),
                            Some(e) => {
                                bad.borrow_mut().add(format!("after idling: {e}"));
                                None
                            }
                        },
                        Ok(Err(e)) => {
                            bad.borrow_mut().add(format!("idle connection broke when woken: {e}"));
                            None
                        }
                        Err(_) => {
                            bad.borrow_mut().add("idle connection did not answer within 60 s when woken");
                            None
                        }
                    }
                });
            }
            let s = Sampler::start(Some(pid));
            tokio::time::sleep(Duration::from_secs_f64(cfg.hold)).await;
            let m = median_mem(pid).await;
            let e = s.stop();
            let per = |a: u64, b: u64| ((a as f64 - b as f64) / step as f64).round();
            steps.push(json!({
                "rooms": step,
                "conns": want,
                "open_s": (took * 1000.0).round() / 1000.0,
                "mem": mem_json(m),
                "rss_mib": (m.rss as f64 / 104857.6).round() / 10.0,
                "rss_per_room": per(m.rss, base.rss),
                "pss_per_room": per(m.pss, base.pss),
                "private_per_room": per(m.private, base.private),
                "fds_per_room": ((fds(pid) as f64 - base_fds as f64) / step as f64 * 100.0).round() / 100.0,
                "idle_server_cores": e.server_cpu_s.map(|x| (x / e.wall_s * 10000.0).round() / 10000.0),
            }));
        }
        // Wake everybody at once and see that each still answers.
        let _ = tx.send(1);
        let mut h = crate::stats::hist();
        while let Some(r) = holders.join_next().await {
            if let Ok(Some(ns)) = r {
                crate::stats::record(&mut h, ns);
            }
        }
        wake = crate::stats::lat(&h);
        drop(pre);
    });
    out.complaints = std::mem::take(&mut *bad.borrow_mut());
    out.result = json!({"base": base_json, "steps": steps, "wake_all_us": wake});
    out
}

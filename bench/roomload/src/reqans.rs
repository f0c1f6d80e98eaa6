//! echo, counter and cpu: N connections, each with k messages in flight.

use hdrhistogram::Histogram;
use serde_json::{Value, json};
use std::cell::RefCell;
use std::collections::VecDeque;
use std::rc::Rc;
use std::sync::Barrier;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use crate::proc::Sampler;
use crate::stats::{self, Complaints};
use crate::target::Target;
use crate::work::Work;
use crate::ws::{self, Conn};
use crate::{Common, Outcome, now_ns, sleep_until_ns};

#[derive(Clone, Debug)]
pub struct Cfg {
    pub prefix: String,
    pub conns: usize,
    pub rooms: usize,
    pub pipeline: usize,
    pub rate: Option<f64>,
    /// the server may die during the run (crash tests)
    pub allow_death: bool,
}

struct ConnResult {
    room: usize,
    sent: u64,
    recv: u64,
    in_window: u64,
    values: Vec<u64>,
    complaints: Complaints,
}

struct State {
    conn: Conn,
    work: Box<dyn Work>,
    inflight: VecDeque<u64>,
    sent: u64,
    recv: u64,
    in_window: u64,
    complaints: Complaints,
    tmp: Vec<u8>,
}

#[derive(Clone, Copy)]
struct Times {
    t0: u64,
    w0: u64,
    end: u64,
}

impl State {
    #[inline]
    fn push(&mut self, now: u64) {
        self.work.make(self.sent, &mut self.tmp);
        self.conn.push(&self.tmp);
        self.inflight.push_back(now);
        self.sent += 1;
    }
    #[inline]
    fn take(&mut self, h: &RefCell<Histogram<u64>>, tm: &Times) -> ws::Result<()> {
        let mut now = 0;
        while let Some(f) = self.conn.next()? {
            if now == 0 {
                now = now_ns();
            }
            let Some(at) = self.inflight.pop_front() else {
                self.complaints.add("answer to nothing (duplicate?)");
                continue;
            };
            if let Some(c) = self.work.check(self.recv, self.conn.data(&f)) {
                self.complaints.add(c);
            }
            self.recv += 1;
            if now >= tm.w0 && now < tm.end {
                self.in_window += 1;
                stats::record(&mut h.borrow_mut(), now - at);
            }
        }
        Ok(())
    }
    async fn closed_loop(
        &mut self,
        k: usize,
        h: &RefCell<Histogram<u64>>,
        tm: &Times,
    ) -> ws::Result<()> {
        loop {
            let now = now_ns();
            if now < tm.end {
                while self.inflight.len() < k {
                    self.push(now);
                }
            } else if self.inflight.is_empty() {
                return Ok(());
            }
            self.conn.pump().await?;
            self.take(h, tm)?;
        }
    }
    async fn open_loop(
        &mut self,
        first: u64,
        every: f64,
        h: &RefCell<Histogram<u64>>,
        lag: &RefCell<Histogram<u64>>,
        tm: &Times,
    ) -> ws::Result<()> {
        let mut n = 0u64;
        let mut next = first;
        loop {
            let now = now_ns();
            while next <= now && next < tm.end {
                self.push(now);
                if now >= tm.w0 {
                    stats::record(&mut lag.borrow_mut(), now - next);
                }
                n += 1;
                next = first + (n as f64 * every) as u64;
            }
            let more = next < tm.end;
            if !more && self.inflight.is_empty() {
                return Ok(());
            }
            tokio::select! {
                biased;
                r = self.conn.pump() => r?,
                _ = sleep_until_ns(next), if more => {}
            }
            self.take(h, tm)?;
        }
    }
}

pub fn room_name(prefix: &str, tag: &str, i: usize) -> String {
    format!("{prefix}-{tag}-{i}")
}

pub fn run<F>(t: &Target, c: &Common, cfg: &Cfg, make: F) -> Outcome
where
    F: Fn(u64) -> Box<dyn Work> + Sync,
{
    let threads = c.threads.min(cfg.conns).max(1);
    let barrier = Barrier::new(threads + 1);
    let t0 = AtomicU64::new(0);
    let warm = (c.warmup * 1e9) as u64;
    let dur = (c.secs * 1e9) as u64;
    let mut out = Outcome::new();
    let mut all: Vec<ConnResult> = vec![];
    let mut h = stats::hist();
    let mut lag = stats::hist();
    let mut env = None;
    std::thread::scope(|sc| {
        let mut hs = vec![];
        for th in 0..threads {
            let (barrier, t0, make) = (&barrier, &t0, &make);
            hs.push(sc.spawn(move || {
                let rt = crate::runtime();
                let local = tokio::task::LocalSet::new();
                let mine: Vec<usize> = (0..cfg.conns).filter(|i| i % threads == th).collect();
                // Every connection asks once before the clock starts, so that
                // cold starts are not part of the measurement.
                let states = Rc::new(RefCell::new(Vec::<(usize, State)>::new()));
                let bad = Rc::new(RefCell::new(Complaints::default()));
                local.block_on(&rt, async {
                    let mut set = tokio::task::JoinSet::new();
                    for &i in &mine {
                        while set.len() >= 32 {
                            set.join_next().await;
                        }
                        let (t, tag, cfg) = (t.clone(), c.tag.clone(), cfg.clone());
                        let mut work = make(i as u64);
                        let (states, bad) = (states.clone(), bad.clone());
                        set.spawn_local(async move {
                            let room = room_name(&cfg.prefix, &tag, i % cfg.rooms);
                            let r = tokio::time::timeout(Duration::from_secs(30), async {
                                let mut conn = Conn::open(&t, &room).await?;
                                let mut tmp = vec![];
                                work.make(0, &mut tmp);
                                let got = conn.ask(&tmp).await?;
                                Ok::<_, ws::Error>((conn, tmp, got))
                            })
                            .await;
                            match r {
                                Ok(Ok((conn, tmp, got))) => {
                                    let mut complaints = Complaints::default();
                                    if let Some(e) = work.check(0, &got) {
                                        complaints.add(e);
                                    }
                                    states.borrow_mut().push((
                                        i,
                                        State {
                                            conn,
                                            work,
                                            inflight: VecDeque::new(),
                                            sent: 1,
                                            recv: 1,
                                            in_window: 0,
                                            complaints,
                                            tmp,
                                        },
                                    ));
                                }
                                Ok(Err(e)) => bad.borrow_mut().add(format!("could not start: {e}")),
                                Err(_) => bad.borrow_mut().add("could not start: timed out"),
                            }
                        });
                    }
                    while set.join_next().await.is_some() {}
                });
                barrier.wait();
                barrier.wait();
                let start = t0.load(Ordering::SeqCst);
                let tm = Times {
                    t0: start,
                    w0: start + warm,
                    end: start + warm + dur,
                };
                let h = Rc::new(RefCell::new(stats::hist()));
                let lag = Rc::new(RefCell::new(stats::hist()));
                let results = Rc::new(RefCell::new(Vec::<ConnResult>::new()));
                local.block_on(&rt, async {
                    let mut set = tokio::task::JoinSet::new();
                    for (i, mut st) in states.borrow_mut().drain(..) {
                        let (h, lag, results, cfg) =
                            (h.clone(), lag.clone(), results.clone(), cfg.clone());
                        let patience = Duration::from_nanos(tm.end.saturating_sub(now_ns()))
                            + Duration::from_secs_f64(c.drain);
                        set.spawn_local(async move {
                            let r = tokio::time::timeout(patience, async {
                                match cfg.rate {
                                    None => st.closed_loop(cfg.pipeline, &h, &tm).await,
                                    Some(rate) => {
                                        let every = cfg.conns as f64 / rate * 1e9;
                                        let first =
                                            tm.t0 + (every * i as f64 / cfg.conns as f64) as u64;
                                        st.open_loop(first, every, &h, &lag, &tm).await
                                    }
                                }
                            })
                            .await;
                            let mut complaints = std::mem::take(&mut st.complaints);
                            if !cfg.allow_death {
                                match r {
                                    Ok(Ok(())) => {}
                                    Ok(Err(e)) => complaints.add(format!("connection broke: {e}")),
                                    Err(_) => complaints.add("no answer before the drain limit"),
                                }
                                complaints.add_n("lost message", st.sent - st.recv);
                            }
                            results.borrow_mut().push(ConnResult {
                                room: i % cfg.rooms,
                                sent: st.sent,
                                recv: st.recv,
                                in_window: st.in_window,
                                values: st.work.values(),
                                complaints,
                            });
                            if !cfg.allow_death {
                                st.conn.close().await;
                            }
                        });
                    }
                    while set.join_next().await.is_some() {}
                });
                let bad = std::mem::take(&mut *bad.borrow_mut());
                let results = std::mem::take(&mut *results.borrow_mut());
                let h = h.borrow().clone();
                let lag = lag.borrow().clone();
                (results, bad, h, lag)
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
            let (r, bad, hh, ll) = j.join().expect("load thread");
            all.extend(r);
            out.complaints.merge(bad);
            h.add(&hh).expect("same bounds");
            lag.add(&ll).expect("same bounds");
        }
    });
    let env = env.expect("sampled");
    let mut n = 0;
    let (mut sent, mut recv) = (0, 0);
    let mut rooms: Vec<Vec<u64>> = vec![vec![]; cfg.rooms];
    for r in all {
        n += r.in_window;
        sent += r.sent;
        recv += r.recv;
        rooms[r.room].extend(r.values);
        out.complaints.merge(r.complaints);
    }
    if n == 0 && !cfg.allow_death {
        out.complaints
            .add("no message at all was answered in the window");
    }
    let secs = dur as f64 / 1e9;
    out.result = json!({
        "msgs_per_s": (n as f64 / secs * 10.0).round() / 10.0,
        "msgs": n,
        "sent_total": sent,
        "answered_total": recv,
        "latency_us": stats::lat(&h),
        "server_cpu_us_per_msg": env.cpu_us_per(n),
    });
    if cfg.rate.is_some() {
        out.result["send_lag_us"] = stats::lat(&lag);
    }
    out.env = env.json();
    out.rooms = rooms;
    out
}

/// Judge the numbers handed out by each counter room: all different, and, on
/// rooms that were fresh, exactly 1..=n.
pub fn judge_counters(out: &mut Outcome, tag: &str, base: &Value, allow_death: bool) -> Value {
    let mut last = serde_json::Map::new();
    for (i, v) in std::mem::take(&mut out.rooms).into_iter().enumerate() {
        let name = room_name("ctr", tag, i);
        let mut v = v;
        v.sort_unstable();
        let n = v.len();
        v.dedup();
        out.complaints
            .add_n("counter value handed out twice", (n - v.len()) as u64);
        let from = base[&name].as_u64();
        if let (Some(b), Some(&lo)) = (from, v.first()) {
            if lo <= b {
                out.complaints.add(format!(
                    "acknowledged write lost: room stood at {b}, went on from {lo}"
                ));
            }
        }
        if !allow_death {
            if let (Some(&lo), Some(&hi)) = (v.first(), v.last()) {
                if from.is_none() && lo != 1 {
                    out.complaints.add(format!("fresh room began at {lo}"));
                }
                out.complaints
                    .add_n("gap in counter values", hi - lo + 1 - v.len() as u64);
            }
        }
        if let Some(&hi) = v.last() {
            last.insert(name, json!(hi));
        }
    }
    Value::Object(last)
}

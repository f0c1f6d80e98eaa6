//! One sender per room, the server sends each message to everybody in it.

use hdrhistogram::Histogram;
use serde_json::json;
use std::cell::{Cell, RefCell};
use std::collections::HashSet;
use std::rc::Rc;
use std::sync::Barrier;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;
use tokio::sync::Notify;

use crate::proc::Sampler;
use crate::reqans::room_name;
use crate::stats::{self, Complaints};
use crate::target::Target;
use crate::work::{get_dec, padding, put_dec};
use crate::ws::{self, Conn};
use crate::{Common, Outcome, now_ns, sleep_until_ns};

#[derive(Clone, Debug)]
pub struct Cfg {
    pub rooms: usize,
    pub conns: usize,
    pub window: u64,
    pub size: usize,
    /// broadcasts per second and room; none: as fast as the window allows
    pub rate: Option<f64>,
}

// kind(1) room(6) . seq(12) . nanos(18) . padding
const HEAD: usize = 1 + 6 + 1 + 12 + 1 + 18 + 1;

struct Room {
    index: usize,
    conns: u64,
    pad: Vec<u8>,
    sent: Cell<u64>,
    delivered: Cell<u64>,
    wake: Notify,
}

struct Member {
    conn: Conn,
    expect: u64,
    missing: HashSet<u64>,
    reordered: u64,
    fin: bool,
    fin_seq: u64,
    in_window: u64,
    complaints: Complaints,
}

#[derive(Clone, Copy)]
struct Times {
    t0: u64,
    w0: u64,
    end: u64,
}

fn write_msg(room: &Room, kind: u8, seq: u64, now: u64, out: &mut Vec<u8>) {
    out.clear();
    out.resize(HEAD, b'.');
    out[0] = kind;
    put_dec(&mut out[1..7], room.index as u64);
    put_dec(&mut out[8..20], seq);
    put_dec(&mut out[21..39], now);
    out.extend_from_slice(&room.pad);
}

/// (kind, seq, nanos) when the message is one of this room's and intact.
fn read_msg(room: &Room, d: &[u8]) -> Option<(u8, u64, u64)> {
    if d.len() != HEAD + room.pad.len() || d[7] != b'.' || d[20] != b'.' || d[39] != b'.' {
        return None;
    }
    if get_dec(&d[1..7])? != room.index as u64 || d[HEAD..] != room.pad[..] {
        return None;
    }
    Some((d[0], get_dec(&d[8..20])?, get_dec(&d[21..39])?))
}

impl Member {
    fn take(&mut self, room: &Room, h: &RefCell<Histogram<u64>>, tm: &Times) -> ws::Result<()> {
        let mut now = 0;
        let mut got = 0;
        while let Some(f) = self.conn.next()? {
            if now == 0 {
                now = now_ns();
            }
            let Some((kind, seq, at)) = read_msg(room, self.conn.data(&f)) else {
                self.complaints.add("message damaged or from another room");
                continue;
            };
            if self.fin {
                self.complaints
                    .add("message after the last one (duplicate or reordered)");
                continue;
            }
            match kind {
                b'M' => {
                    if seq == self.expect {
                        self.expect += 1;
                    } else if seq > self.expect {
                        self.missing.extend(self.expect..seq);
                        self.expect = seq + 1;
                    } else if self.missing.remove(&seq) {
                        self.reordered += 1;
                    } else {
                        self.complaints.add("duplicate delivery");
                        continue;
                    }
                    got += 1;
                    if now >= tm.w0 && now < tm.end {
                        self.in_window += 1;
                        stats::record(&mut h.borrow_mut(), now.saturating_sub(at));
                    }
                }
                b'F' => {
                    self.fin = true;
                    self.fin_seq = seq;
                }
                k => self
                    .complaints
                    .add(format!("unexpected kind {:?}", k as char)),
            }
        }
        if got > 0 {
            room.delivered.set(room.delivered.get() + got);
            room.wake.notify_one();
        }
        Ok(())
    }

    async fn receive(
        &mut self,
        room: &Room,
        h: &RefCell<Histogram<u64>>,
        tm: &Times,
    ) -> ws::Result<()> {
        while !self.fin {
            self.conn.pump().await?;
            self.take(room, h, tm)?;
        }
        Ok(())
    }

    async fn send(
        &mut self,
        room: &Room,
        cfg: &Cfg,
        h: &RefCell<Histogram<u64>>,
        tm: &Times,
    ) -> ws::Result<()> {
        let mut tmp = vec![];
        let every = cfg.rate.map(|r| 1e9 / r);
        let first = tm.t0 + every.map_or(0, |e| (e * room.index as f64 / cfg.rooms as f64) as u64);
        let mut next = first;
        let mut done = false;
        while !self.fin {
            let now = now_ns();
            if now >= tm.end && !done {
                write_msg(room, b'F', room.sent.get(), now, &mut tmp);
                self.conn.push(&tmp);
                done = true;
            }
            let mut timed = false;
            if !done {
                match every {
                    None => {
                        while room.sent.get() - room.delivered.get() / room.conns < cfg.window {
                            write_msg(room, b'M', room.sent.get(), now, &mut tmp);
                            self.conn.push(&tmp);
                            room.sent.set(room.sent.get() + 1);
                        }
                    }
                    Some(e) => {
                        while next <= now {
                            write_msg(room, b'M', room.sent.get(), now, &mut tmp);
                            self.conn.push(&tmp);
                            room.sent.set(room.sent.get() + 1);
                            next = first + (room.sent.get() as f64 * e) as u64;
                        }
                        timed = true;
                    }
                }
            }
            let until = if timed { next.min(tm.end) } else { tm.end };
            tokio::select! {
                biased;
                r = self.conn.pump() => r?,
                _ = room.wake.notified(), if !done && !timed => {}
                _ = sleep_until_ns(until), if !done => {}
            }
            self.take(room, h, tm)?;
        }
        Ok(())
    }
}

/// Open all members of a room one after the other. Each says hello and waits
/// for its own hello, which proves that the room already delivers to it.
async fn gather(t: &Target, name: &str, room: &Room, n: usize) -> Result<Vec<Member>, String> {
    let mut v: Vec<Member> = vec![];
    let mut tmp = vec![];
    let mut complaints = Complaints::default();
    for i in 0..n {
        let mut conn = Conn::open(t, name).await.map_err(|e| e.to_string())?;
        write_msg(room, b'H', i as u64, 0, &mut tmp);
        conn.push(&tmp);
        loop {
            if let Some(f) = conn.next().map_err(|e| e.to_string())? {
                match read_msg(room, conn.data(&f)) {
                    Some((b'H', s, _)) if s == i as u64 => break,
                    _ => complaints.add("strange message while gathering"),
                }
            } else {
                conn.pump().await.map_err(|e| e.to_string())?;
            }
        }
        v.push(Member {
            conn,
            expect: 0,
            missing: HashSet::new(),
            reordered: 0,
            fin: false,
            fin_seq: 0,
            in_window: 0,
            complaints: Complaints::default(),
        });
    }
    // Everybody must have seen exactly the hellos that came after it, in order.
    for (i, m) in v.iter_mut().enumerate() {
        let mut want = i + 1;
        while want < n {
            if let Some(f) = m.conn.next().map_err(|e| e.to_string())? {
                match read_msg(room, m.conn.data(&f)) {
                    Some((b'H', s, _)) if s == want as u64 => want += 1,
                    o => {
                        complaints.add(format!(
                            "hello lost or reordered: wanted {want} got {:?}",
                            o.map(|x| x.1)
                        ));
                        want += 1;
                    }
                }
            } else {
                m.conn.pump().await.map_err(|e| e.to_string())?;
            }
        }
    }
    v[0].complaints.merge(complaints);
    Ok(v)
}

pub fn run(t: &Target, c: &Common, cfg: &Cfg) -> Outcome {
    let threads = c.threads.min(cfg.rooms).max(1);
    let barrier = Barrier::new(threads + 1);
    let t0 = AtomicU64::new(0);
    let warm = (c.warmup * 1e9) as u64;
    let dur = (c.secs * 1e9) as u64;
    let mut out = Outcome::new();
    let mut h = stats::hist();
    let mut env = None;
    let (mut n, mut sent, mut deliveries) = (0u64, 0u64, 0u64);
    std::thread::scope(|sc| {
        let mut hs = vec![];
        for th in 0..threads {
            let (barrier, t0) = (&barrier, &t0);
            hs.push(sc.spawn(move || {
                let rt = crate::runtime();
                let local = tokio::task::LocalSet::new();
                let h = Rc::new(RefCell::new(stats::hist()));
                let bad = Rc::new(RefCell::new(Complaints::default()));
                let ready = Rc::new(RefCell::new(Vec::<(Rc<Room>, Vec<Member>)>::new()));
                local.block_on(&rt, async {
                    let mut set = tokio::task::JoinSet::new();
                    for r in (0..cfg.rooms).filter(|r| r % threads == th) {
                        while set.len() >= 16 {
                            set.join_next().await;
                        }
                        let room = Rc::new(Room {
                            index: r,
                            conns: cfg.conns as u64,
                            pad: padding(r as u64 + 1, cfg.size.saturating_sub(HEAD).max(1)),
                            sent: Cell::new(0),
                            delivered: Cell::new(0),
                            wake: Notify::new(),
                        });
                        let (t, tag, bad, ready) =
                            (t.clone(), c.tag.clone(), bad.clone(), ready.clone());
                        let conns = cfg.conns;
                        set.spawn_local(async move {
                            let name = room_name("bc", &tag, r);
                            let f = gather(&t, &name, &room, conns);
                            match tokio::time::timeout(Duration::from_secs(60), f).await {
                                Ok(Ok(v)) => ready.borrow_mut().push((room, v)),
                                Ok(Err(e)) => bad.borrow_mut().add(format!("could not start: {e}")),
                                Err(_) => bad
                                    .borrow_mut()
                                    .add("could not start: a hello never came back"),
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
                let tot = Rc::new(Cell::new((0u64, 0u64, 0u64)));
                local.block_on(&rt, async {
                    let mut set = tokio::task::JoinSet::new();
                    for (room, members) in ready.borrow_mut().drain(..) {
                        for (i, mut m) in members.into_iter().enumerate() {
                            let (room, h, cfg, bad, tot) = (
                                room.clone(),
                                h.clone(),
                                cfg.clone(),
                                bad.clone(),
                                tot.clone(),
                            );
                            let patience = Duration::from_nanos(tm.end.saturating_sub(now_ns()))
                                + Duration::from_secs_f64(c.drain);
                            set.spawn_local(async move {
                                let r = tokio::time::timeout(patience, async {
                                    if i == 0 {
                                        m.send(&room, &cfg, &h, &tm).await
                                    } else {
                                        m.receive(&room, &h, &tm).await
                                    }
                                })
                                .await;
                                match r {
                                    Ok(Ok(())) => {}
                                    Ok(Err(e)) => {
                                        m.complaints.add(format!("connection broke: {e}"))
                                    }
                                    Err(_) => m.complaints.add("last message never came"),
                                }
                                // A late duplicate would show up now.
                                let _ = tokio::time::timeout(Duration::from_millis(200), async {
                                    loop {
                                        m.conn.pump().await?;
                                        m.take(&room, &h, &tm)?;
                                    }
                                    #[allow(unreachable_code)]
                                    Ok::<(), ws::Error>(())
                                })
                                .await;
                                let total = room.sent.get();
                                if m.fin && m.fin_seq != total {
                                    m.complaints.add("the last message is not the last sent");
                                }
                                let lost = m.missing.len() as u64 + total.saturating_sub(m.expect);
                                m.complaints.add_n("lost delivery", lost);
                                m.complaints.add_n("reordered delivery", m.reordered);
                                let (a, b, d) = tot.get();
                                tot.set((
                                    a + m.in_window,
                                    b + if i == 0 { total } else { 0 },
                                    d + m.expect - m.missing.len() as u64,
                                ));
                                bad.borrow_mut().merge(std::mem::take(&mut m.complaints));
                                m.conn.close().await;
                            });
                        }
                    }
                    while set.join_next().await.is_some() {}
                });
                let bad = std::mem::take(&mut *bad.borrow_mut());
                let h = h.borrow().clone();
                (bad, h, tot.get())
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
            let (bad, hh, (a, b, d)) = j.join().expect("load thread");
            out.complaints.merge(bad);
            h.add(&hh).expect("same bounds");
            n += a;
            sent += b;
            deliveries += d;
        }
    });
    let env = env.expect("sampled");
    if n == 0 {
        out.complaints.add("no delivery at all in the window");
    }
    let secs = dur as f64 / 1e9;
    out.result = json!({
        "deliveries_per_s": (n as f64 / secs * 10.0).round() / 10.0,
        "broadcasts_per_s": (n as f64 / cfg.conns as f64 / secs * 10.0).round() / 10.0,
        "deliveries": n,
        "sent_total": sent,
        "delivered_total": deliveries,
        "latency_us": stats::lat(&h),
        "server_cpu_us_per_delivery": env.cpu_us_per(n),
    });
    out.env = env.json();
    out
}

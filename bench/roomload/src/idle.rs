//! Memory held by idle rooms, with a quiet connection or some in each; at the end all are woken at
//! once and must still answer.

use std::cell::RefCell;
use std::fs;
use std::rc::Rc;
use std::time::Duration;

use clap::Args;
use serde_json::{Value, json};
use tokio::sync::watch;
use tokio::task::JoinSet;

use crate::args::{Settings, positive};
use crate::clock::{block_on, now_ns};
use crate::machine::{Memory, Sampler, tree, tree_memory};
use crate::outcome::{NO_START, Outcome};
use crate::stats::{Complaints, Latencies, round1, round3};
use crate::target::Target;
use crate::work::{Echo, Work as _};
use crate::ws::{self, Connection};

const ANSWER_LIMIT: Duration = Duration::from_secs(60);
const MESSAGE_BYTES: usize = 64;
/// Looks at the memory, of which the middle one counts.
const LOOKS: usize = 5;
const BETWEEN_LOOKS: Duration = Duration::from_millis(200);
/// The base needs less time to settle than a step.
const BASE_HOLD_MAX_S: f64 = 3.0;
const MIB: f64 = 1_048_576.0;

#[derive(Args, Debug, Clone)]
pub(crate) struct Options {
    /// Numbers of rooms to stop at
    #[arg(long, value_delimiter = ',', default_value = "100,1000")]
    steps: Vec<usize>,
    /// Opened at the same time
    #[arg(long, default_value = "16", value_parser = positive)]
    lanes: usize,
    /// Seconds to wait at each step before looking
    #[arg(long, default_value_t = 5.0)]
    hold: f64,
    /// Connections in each room
    #[arg(long, default_value = "1", value_parser = positive)]
    room_conns: usize,
}

/// A connection of an idle room and what it says.
struct Quiet {
    connection: Connection,
    work: Echo,
}

type Complain = Rc<RefCell<Complaints>>;

/// The server's process tree before anything was opened.
struct Base {
    pid: u32,
    memory: Memory,
    descriptors: usize,
}

pub(crate) fn run(target: &Target, settings: &Settings, options: &Options) -> Outcome {
    let Some(pid) = settings.server_pid else {
        return Outcome::failed("idle needs --server-pid");
    };
    let complaints = Complain::default();
    let result = block_on(measure(target, &settings.tag, options, (pid, &complaints)));
    Outcome {
        result,
        env: Value::Null,
        complaints: complaints.take(),
    }
}

async fn measure(
    target: &Target,
    tag: &str,
    options: &Options,
    (pid, complaints): (u32, &Complain),
) -> Value {
    // A warm room, kept open, so that the base holds all that is loaded once.
    let warm = match Quiet::open(target.clone(), format!("echo-{tag}-warm"), u64::MAX / 2).await {
        Ok(warm) => warm,
        Err(error) => {
            complaints.borrow_mut().add(format!("{NO_START}: {error}"));
            return Value::Null;
        }
    };
    tokio::time::sleep(Duration::from_secs_f64(options.hold.min(BASE_HOLD_MAX_S))).await;
    let base = Base {
        pid,
        memory: median_memory(pid).await,
        descriptors: descriptors(pid),
    };
    let (wake, woken) = watch::channel(());
    let mut held = JoinSet::new();
    let mut steps = Vec::new();
    let mut opened = 0;
    for &rooms in &options.steps {
        let begun = now_ns();
        let conns = opened..rooms * options.room_conns;
        opened = conns.end.max(opened);
        for quiet in open_all(target, tag, options, conns, complaints).await {
            held.spawn_local(quiet.hold(woken.clone(), complaints.clone()));
        }
        let open_s = (now_ns() - begun) as f64 / 1e9;
        let mut step = base.step(rooms, options.hold).await;
        step["conns"] = json!(rooms * options.room_conns);
        step["open_s"] = json!(round3(open_s));
        steps.push(step);
    }
    // Nobody listening means that all connections are lost, which each has said itself.
    let _ = wake.send(());
    let mut answers = Latencies::new();
    while let Some(answered) = held.join_next().await {
        if let Ok(Some(ns)) = answered {
            answers.record(ns);
        }
    }
    drop(warm);
    json!({ "base": base.memory.json(), "steps": steps, "wake_all_us": answers.json() })
}

async fn open_all(
    target: &Target,
    tag: &str,
    options: &Options,
    conns: std::ops::Range<usize>,
    complaints: &Complain,
) -> Vec<Quiet> {
    let mut tasks = JoinSet::new();
    let mut open = Vec::new();
    let mut keep = |opened: Result<ws::Result<Quiet>, _>| match opened {
        Ok(Ok(quiet)) => open.push(quiet),
        Ok(Err(error)) => complaints.borrow_mut().add(format!("room failed: {error}")),
        Err(_) => complaints
            .borrow_mut()
            .add("room failed: the task was lost"),
    };
    for index in conns {
        if tasks.len() >= options.lanes {
            tasks.join_next().await.map(&mut keep);
        }
        let room = format!("echo-{tag}-i{}", index / options.room_conns);
        tasks.spawn_local(Quiet::open(target.clone(), room, index as u64));
    }
    while let Some(opened) = tasks.join_next().await {
        keep(opened);
    }
    open
}

impl Base {
    /// Waits, looks, and shares what is more than before out among the rooms.
    async fn step(&self, rooms: usize, hold: f64) -> Value {
        let sampler = Sampler::start(Some(self.pid));
        tokio::time::sleep(Duration::from_secs_f64(hold)).await;
        let memory = median_memory(self.pid).await;
        let env = sampler.stop();
        let more = |now: f64, before: f64| (now - before) / rooms.max(1) as f64;
        let bytes = |now: u64, before: u64| more(now as f64, before as f64).round();
        let files = more(descriptors(self.pid) as f64, self.descriptors as f64);
        let cores = env.server_cpu_s.map(|seconds| seconds / env.wall_s);
        json!({
            "rooms": rooms,
            "mem": memory.json(),
            "rss_mib": round1(memory.rss as f64 / MIB),
            "rss_per_room": bytes(memory.rss, self.memory.rss),
            "pss_per_room": bytes(memory.pss, self.memory.pss),
            "private_per_room": bytes(memory.private, self.memory.private),
            "fds_per_room": (files * 100.0).round() / 100.0,
            "idle_server_cores": cores.map(|cores| (cores * 10_000.0).round() / 10_000.0),
        })
    }
}

/// Open descriptors of the tree.
fn descriptors(pid: u32) -> usize {
    let of = |pid: u32| fs::read_dir(format!("/proc/{pid}/fd")).map_or(0, Iterator::count);
    tree(pid).into_iter().map(of).sum()
}

async fn median_memory(pid: u32) -> Memory {
    let mut looks = Vec::new();
    for _ in 0..LOOKS {
        looks.push(tree_memory(pid));
        tokio::time::sleep(BETWEEN_LOOKS).await;
    }
    looks.sort_by_key(|memory| memory.pss);
    looks.get(LOOKS / 2).copied().unwrap_or_default()
}

impl Quiet {
    /// Connects and asks once.
    async fn open(target: Target, room: String, index: u64) -> ws::Result<Self> {
        let open = async {
            let connection = Connection::open(&target, &room).await?;
            let mut quiet = Self {
                connection,
                work: Echo::new(index, MESSAGE_BYTES),
            };
            match quiet.ask(0).await? {
                None => Ok(quiet),
                Some(wrong) => Err(ws::Error::Protocol(wrong)),
            }
        };
        let opened = tokio::time::timeout(ANSWER_LIMIT, open).await;
        opened.unwrap_or_else(|_| Err(ws::Error::Protocol("timed out".to_owned())))
    }

    /// What is wrong with the answer to a message.
    async fn ask(&mut self, seq: u64) -> ws::Result<Option<String>> {
        let mut message = Vec::new();
        self.work.make(seq, &mut message);
        let got = self.connection.ask(&message).await?;
        Ok(self.work.check(seq, &got))
    }

    /// Waits until it is woken, and says how long the answer took then.
    async fn hold(mut self, mut woken: watch::Receiver<()>, complaints: Complain) -> Option<u64> {
        let waited = tokio::select! {
            lost = self.stay() => lost,
            _ = woken.changed() => Ok(()),
        };
        let begun = now_ns();
        let answered = match waited {
            Ok(()) => tokio::time::timeout(ANSWER_LIMIT, self.ask(1)).await,
            Err(error) => {
                complaints
                    .borrow_mut()
                    .add(format!("idle connection lost: {error}"));
                return None;
            }
        };
        let took = now_ns() - begun;
        let wrong = match answered {
            Ok(Ok(None)) => return Some(took),
            Ok(Ok(Some(wrong))) => format!("after idling: {wrong}"),
            Ok(Err(error)) => format!("idle connection broke when woken: {error}"),
            Err(_) => "idle connection did not answer within 60 s when woken".to_owned(),
        };
        complaints.borrow_mut().add(wrong);
        None
    }

    /// Quiet, but answers pings, and notices being dropped. Returns only when it is over.
    async fn stay(&mut self) -> ws::Result<()> {
        loop {
            self.connection.pump().await?;
            if self.connection.next()?.is_some() {
                return Err(ws::Error::Protocol(
                    "message on an idle connection".to_owned(),
                ));
            }
            if self.connection.has_queued() {
                self.connection.flush().await?;
            }
        }
    }
}

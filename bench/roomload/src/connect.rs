//! Connections opened per second, and how long until the first answer.

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::time::Duration;

use clap::Args;
use serde_json::json;
use tokio::task::JoinSet;

use crate::args::{Settings, positive};
use crate::clock::{block_on, now_ns, ns};
use crate::machine::{Env, Sampler};
use crate::outcome::{NO_START, Outcome};
use crate::stats::{Complaints, Latencies, round1};
use crate::target::Target;
use crate::work::{Echo, Work as _};
use crate::ws::{self, Connection};

const OPEN_LIMIT: Duration = Duration::from_secs(30);
const MESSAGE_BYTES: usize = 64;

#[derive(Args, Debug, Clone)]
pub(crate) struct Options {
    /// Opened at the same time
    #[arg(long, default_value = "1", value_parser = positive)]
    lanes: usize,
    /// Connections at most; the seconds may end it before
    #[arg(long, default_value_t = 2000)]
    count: u64,
    /// One room for all instead of a new one for each
    #[arg(long)]
    same_room: bool,
    /// Keep every connection open until the end
    #[arg(long)]
    keep: bool,
    /// Fail when the server leaves a Close unanswered
    #[arg(long)]
    strict_close: bool,
}

/// What the lanes share.
struct Shared {
    target: Target,
    tag: String,
    options: Options,
    end: Cell<u64>,
    next: Cell<u64>,
    opened: RefCell<Latencies>,
    answered: RefCell<Latencies>,
    done: Cell<u64>,
    complaints: RefCell<Complaints>,
    kept: RefCell<Vec<Connection>>,
    /// Closing handshakes under way: a server that never answers a Close must not hold up the
    /// next connection.
    closing: RefCell<JoinSet<bool>>,
    unanswered: Cell<u64>,
}

pub(crate) fn run(target: &Target, settings: &Settings, options: &Options) -> Outcome {
    let shared = Rc::new(Shared {
        target: target.clone(),
        tag: settings.tag.clone(),
        options: options.clone(),
        end: Cell::new(0),
        next: Cell::new(0),
        opened: Latencies::new().into(),
        answered: Latencies::new().into(),
        done: Cell::new(0),
        complaints: RefCell::default(),
        kept: RefCell::default(),
        closing: RefCell::default(),
        unanswered: Cell::new(0),
    });
    match block_on(all(&shared, settings)) {
        Ok((seconds, env)) => shared.outcome(seconds, &env),
        Err(complaint) => Outcome::failed(complaint),
    }
}

/// Runs the lanes and returns how long they took.
async fn all(shared: &Rc<Shared>, settings: &Settings) -> Result<(f64, Env), String> {
    // One connection first: the program itself is loaded before the clock.
    let first = tokio::time::timeout(OPEN_LIMIT, shared.first()).await;
    first
        .map_err(|_| format!("{NO_START}: timed out"))?
        .map_err(|e| format!("{NO_START}: {e}"))?;
    let sampler = Sampler::start(settings.server_pid);
    let begin = now_ns();
    shared.end.set(begin + ns(settings.secs));
    let mut lanes = JoinSet::new();
    for _ in 0..shared.options.lanes {
        let shared = shared.clone();
        lanes.spawn_local(async move { while shared.open_next().await {} });
    }
    lanes.join_all().await;
    let seconds = (now_ns() - begin) as f64 / 1e9;
    let env = sampler.stop();
    shared.finish().await;
    Ok((seconds, env))
}

impl Shared {
    async fn first(&self) -> ws::Result<()> {
        let room = format!("echo-{}-pre", self.tag);
        let mut connection = Connection::open(&self.target, &room).await?;
        connection.ask(b"hello").await?;
        connection.close().await;
        Ok(())
    }

    /// False when there is nothing left to open.
    async fn open_next(&self) -> bool {
        let index = self.next.get();
        if index >= self.options.count || now_ns() >= self.end.get() {
            return false;
        }
        self.next.set(index + 1);
        match tokio::time::timeout(OPEN_LIMIT, self.open(index)).await {
            Ok(Ok(connection)) => self.put_away(connection),
            Ok(Err(error)) => self.complain(format!("connection failed: {error}")),
            Err(_) => self.complain("connection timed out"),
        }
        true
    }

    async fn open(&self, index: u64) -> ws::Result<Connection> {
        let tag = &self.tag;
        let room = match self.options.same_room {
            true => format!("echo-{tag}-same"),
            false => format!("echo-{tag}-n{index}"),
        };
        let mut work = Echo::new(index, MESSAGE_BYTES);
        let mut message = Vec::new();
        work.make(index, &mut message);
        let begun = now_ns();
        let mut connection = Connection::open(&self.target, &room).await?;
        let opened = now_ns();
        let got = connection.ask(&message).await?;
        let answered = now_ns();
        if let Some(wrong) = work.check(index, &got) {
            self.complain(wrong);
        }
        self.opened.borrow_mut().record(opened - begun);
        self.answered.borrow_mut().record(answered - begun);
        self.done.set(self.done.get() + 1);
        Ok(connection)
    }

    fn put_away(&self, connection: Connection) {
        if self.options.keep {
            return self.kept.borrow_mut().push(connection);
        }
        let mut closing = self.closing.borrow_mut();
        closing.spawn_local(connection.close());
        while let Some(closed) = closing.try_join_next() {
            self.count_close(closed.unwrap_or(false));
        }
    }

    fn count_close(&self, answered: bool) {
        self.unanswered
            .set(self.unanswered.get() + u64::from(!answered));
    }

    fn complain(&self, what: impl Into<String>) {
        self.complaints.borrow_mut().add(what);
    }

    async fn finish(&self) {
        let mut closing = self.closing.take();
        while let Some(closed) = closing.join_next().await {
            self.count_close(closed.unwrap_or(false));
        }
        if self.options.strict_close {
            let what = "closing handshake not answered";
            self.complaints
                .borrow_mut()
                .add_n(what, self.unanswered.get());
        }
        for connection in self.kept.take() {
            connection.close().await;
        }
    }

    fn outcome(&self, seconds: f64, env: &Env) -> Outcome {
        let done = self.done.get();
        if done == 0 {
            self.complain("nothing could be opened");
        }
        Outcome {
            result: json!({
                "conns_per_s": round1(done as f64 / seconds),
                "conns": done,
                "close_unanswered": self.unanswered.get(),
                "open_us": self.opened.borrow().json(),
                "first_answer_us": self.answered.borrow().json(),
                "server_cpu_us_per_conn": env.cpu_us_per(done),
            }),
            env: env.json(),
            complaints: self.complaints.take(),
        }
    }
}

//! Lanes that ask one request after the other, each over its own connection, and compare answers.

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use clap::Args;
use serde_json::json;
use tokio::task::JoinSet;

use super::client::{Answer, Client};
use crate::args::{Settings, positive};
use crate::clock::{block_on, now_ns};
use crate::load::{Window, on_threads};
use crate::outcome::Outcome;
use crate::stats::{Complaints, Latencies, round1};
use crate::target::{Target, room_name};
use crate::text::padding;

/// A lane that fails again and again gives up.
const FAILURES_MAX: u32 = 20;

#[derive(Args, Debug, Clone)]
pub(crate) struct Options {
    #[arg(long, default_value = "32", value_parser = positive)]
    conns: usize,
    #[arg(long, default_value = "10", value_parser = positive)]
    rooms: usize,
    /// POST a body instead of GET
    #[arg(long)]
    post: bool,
    /// Bytes of a POST body
    #[arg(long, default_value_t = 256)]
    size: usize,
    /// A room never seen before for each request
    #[arg(long)]
    new_room: bool,
}

/// What the lanes of a thread found together.
struct Found {
    answers: RefCell<Latencies>,
    complaints: RefCell<Complaints>,
    measured: Cell<u64>,
    reopened: Cell<u64>,
}

/// One connection and what it asks for.
struct Lane {
    target: Target,
    settings: Settings,
    options: Options,
    /// Numbers the rooms that were never seen before.
    fresh: Arc<AtomicU64>,
    found: Rc<Found>,
    index: usize,
    client: Option<Client>,
}

pub(crate) fn run(target: &Target, settings: &Settings, options: &Options) -> Outcome {
    let threads = settings.threads.min(options.conns).max(1);
    let fresh = Arc::new(AtomicU64::new(0));
    let (lanes, env) = on_threads(settings, threads, |thread, start| {
        let window = start.wait();
        let found = Rc::new(Found::new());
        let lane = |index| Lane {
            target: target.clone(),
            settings: settings.clone(),
            options: options.clone(),
            fresh: fresh.clone(),
            found: found.clone(),
            index,
            client: None,
        };
        let mine = (0..options.conns).filter(|index| index % threads == thread);
        block_on(async {
            let mut tasks = JoinSet::new();
            for mut lane in mine.map(lane) {
                tasks.spawn_local(async move { lane.run(&window).await });
            }
            tasks.join_all().await;
        });
        let complaints = found.complaints.take();
        (
            found.answers.borrow().clone(),
            complaints,
            found.measured.get(),
            found.reopened.get(),
        )
    });
    let (mut all, mut complaints) = (Latencies::new(), Complaints::default());
    let (mut measured, mut reopened) = (0, 0);
    for (answers, wrong, count, again) in lanes {
        all.add(&answers);
        complaints.merge(wrong);
        measured += count;
        reopened += again;
    }
    if measured == 0 {
        complaints.add("no request was answered in the window");
    }
    let result = json!({
        "reqs_per_s": round1(measured as f64 / settings.secs),
        "reqs": measured,
        "closed_by_server": reopened,
        "latency_us": all.json(),
        "server_cpu_us_per_req": env.cpu_us_per(measured),
    });
    Outcome {
        result,
        env: env.json(),
        complaints,
    }
}

impl Found {
    fn new() -> Self {
        Self {
            answers: Latencies::new().into(),
            complaints: RefCell::default(),
            measured: Cell::new(0),
            reopened: Cell::new(0),
        }
    }

    fn complain(&self, what: impl Into<String>) {
        self.complaints.borrow_mut().add(what);
    }

    fn check(&self, answer: &Answer, wanted: &[u8]) {
        let shown = || {
            String::from_utf8_lossy(&answer.body)
                .chars()
                .take(80)
                .collect::<String>()
        };
        if answer.status != 200 {
            self.complain(format!("HTTP {}: {}", answer.status, shown()));
        } else if answer.body != wanted {
            self.complain(format!("wrong body, e.g. {:?}", shown()));
        }
    }
}

impl Lane {
    async fn run(&mut self, window: &Window) {
        let Options { post, size, .. } = self.options;
        let body = post.then(|| padding(self.index as u64 + 1, size.max(1)));
        let limit = Duration::from_secs_f64(self.settings.drain);
        let mut failures = 0;
        while now_ns() < window.end && failures < FAILURES_MAX {
            let room = self.room();
            let begun = now_ns();
            let asked = tokio::time::timeout(limit, self.ask(&room, body.as_deref())).await;
            let failed = match asked {
                Ok(Ok(answer)) => {
                    self.take(&answer, &wanted(&room, body.as_deref()), begun, window);
                    continue;
                }
                Ok(Err(error)) => format!("request failed: {error}"),
                Err(_) => "request timed out".to_owned(),
            };
            self.found.complain(failed);
            self.client = None;
            failures += 1;
        }
    }

    fn room(&self) -> String {
        let tag = &self.settings.tag;
        if self.options.new_room {
            return format!("http-{tag}-n{}", self.fresh.fetch_add(1, Ordering::Relaxed));
        }
        room_name("http", tag, self.index % self.options.rooms)
    }

    async fn ask(&mut self, room: &str, body: Option<&[u8]>) -> Result<Answer, String> {
        let client = match &mut self.client {
            Some(client) => client,
            none => none.insert(Client::open(&self.target).await?),
        };
        client
            .send(&self.target, &self.target.path(room), body)
            .await
    }

    fn take(&mut self, answer: &Answer, wanted: &[u8], begun: u64, window: &Window) {
        let now = now_ns();
        self.found.check(answer, wanted);
        if !answer.keep {
            self.client = None;
            self.found.reopened.set(self.found.reopened.get() + 1);
        }
        if window.counts(now) {
            self.found.measured.set(self.found.measured.get() + 1);
            self.found.answers.borrow_mut().record(now - begun);
        }
    }
}

/// What the room answers (bench/rooms).
fn wanted(room: &str, body: Option<&[u8]>) -> Vec<u8> {
    match body {
        None => format!("hello {room}").into_bytes(),
        Some(body) => [room.as_bytes(), b":", body].concat(),
    }
}

//! Connections on threads: opens them, lets them all load the server, adds up what they found.

use std::cell::RefCell;
use std::rc::Rc;
use std::time::Duration;

use serde_json::json;
use tokio::task::JoinSet;

use super::client::{Client, Pace, Recorded};
use crate::args::Settings;
use crate::clock::block_on;
use crate::load::{Start, Window, on_threads};
use crate::outcome::{NO_START, Outcome};
use crate::stats::{Complaints, Latencies, round1};
use crate::target::{Target, room_name};
use crate::work::MakeWork;

/// Handshakes at the same time; more would measure the listen queue.
const OPENING_MAX: usize = 32;
const OPEN_LIMIT: Duration = Duration::from_secs(30);

/// How many connections do what.
#[derive(Clone, Debug)]
pub(super) struct Plan {
    /// First word of the rooms' names.
    pub(super) work: &'static str,
    pub(super) conns: usize,
    pub(super) rooms: usize,
    pub(super) pipeline: usize,
    pub(super) rate: Option<f64>,
    /// The server may die during the run; nothing is lost by that.
    pub(super) allow_death: bool,
}

/// What the connections of one thread, or of all, found.
struct Found {
    sent: u64,
    received: u64,
    measured: u64,
    /// Values by room.
    values: Vec<Vec<u64>>,
    answers: Latencies,
    lags: Latencies,
    complaints: Complaints,
}

/// Runs it; the values that rooms handed out are for the judge.
pub(super) fn run(
    target: &Target,
    settings: &Settings,
    plan: &Plan,
    make: &MakeWork,
) -> (Outcome, Vec<Vec<u64>>) {
    let threads = settings.threads.min(plan.conns).max(1);
    let (lanes, env) = on_threads(settings, threads, |thread, start| {
        let mine: Vec<usize> = (0..plan.conns)
            .filter(|index| index % threads == thread)
            .collect();
        let tag = &settings.tag;
        block_on(lane(target, tag, plan, Lane { mine, make, start }))
    });
    let mut all = Found::new(plan.rooms);
    for found in lanes {
        all.add(found);
    }
    if all.measured == 0 && !plan.allow_death {
        all.complaints
            .add("no message at all was answered in the window");
    }
    let mut outcome = Outcome {
        result: json!({
            "msgs_per_s": round1(all.measured as f64 / settings.secs),
            "msgs": all.measured,
            "sent_total": all.sent,
            "answered_total": all.received,
            "latency_us": all.answers.json(),
            "server_cpu_us_per_msg": env.cpu_us_per(all.measured),
        }),
        env: env.json(),
        complaints: all.complaints,
    };
    if plan.rate.is_some() {
        outcome.result["send_lag_us"] = all.lags.json();
    }
    (outcome, all.values)
}

/// The share of one thread.
struct Lane<'a> {
    mine: Vec<usize>,
    make: &'a MakeWork,
    start: &'a Start<'a>,
}

async fn lane(target: &Target, tag: &str, plan: &Plan, lane: Lane<'_>) -> Found {
    let found = Rc::new(RefCell::new(Found::new(plan.rooms)));
    let clients = open_all(target, tag, plan, &lane, &found).await;
    let window = lane.start.wait();
    let recorded = Rc::new(Recorded::new());
    let mut tasks = JoinSet::new();
    for (index, mut client) in clients {
        let (plan, recorded, found) = (plan.clone(), recorded.clone(), found.clone());
        tasks.spawn_local(async move {
            load(&mut client, pace(&plan, index, &window), &window, &recorded).await;
            found
                .borrow_mut()
                .take(&mut client, index % plan.rooms, plan.allow_death);
            if !plan.allow_death {
                client.close().await;
            }
        });
    }
    tasks.join_all().await;
    let mut all = found.replace(Found::new(plan.rooms));
    all.answers = recorded.answers.borrow().clone();
    all.lags = recorded.lags.borrow().clone();
    all
}

async fn open_all(
    target: &Target,
    tag: &str,
    plan: &Plan,
    lane: &Lane<'_>,
    found: &Rc<RefCell<Found>>,
) -> Vec<(usize, Client)> {
    let mut opening = JoinSet::new();
    let mut clients = Vec::new();
    let mut keep = |opened: Result<(usize, Option<Client>), _>| {
        if let Ok((index, Some(client))) = opened {
            clients.push((index, client));
        }
    };
    for &index in &lane.mine {
        while opening.len() >= OPENING_MAX {
            opening.join_next().await.map(&mut keep);
        }
        let room = room_name(plan.work, tag, index % plan.rooms);
        let (target, work, found) = (target.clone(), (lane.make)(index as u64), found.clone());
        opening.spawn_local(async move {
            let open = Client::open(&target, &room, work);
            let failed = match tokio::time::timeout(OPEN_LIMIT, open).await {
                Ok(Ok(client)) => return (index, Some(client)),
                Ok(Err(error)) => format!("{NO_START}: {error}"),
                Err(_) => format!("{NO_START}: timed out"),
            };
            found.borrow_mut().complaints.add(failed);
            (index, None)
        });
    }
    while let Some(opened) = opening.join_next().await {
        keep(opened);
    }
    clients
}

/// At an open rate the connections take turns.
fn pace(plan: &Plan, index: usize, window: &Window) -> Pace {
    match plan.rate {
        None => Pace::Closed(plan.pipeline),
        Some(rate) => {
            let every = plan.conns as f64 / rate * 1e9;
            let share = every * index as f64 / plan.conns as f64;
            Pace::Open(window.begin + share as u64, every)
        }
    }
}

/// Notes in the client why it ended early, if it did.
async fn load(client: &mut Client, pace: Pace, window: &Window, recorded: &Recorded) {
    let loading = client.load(pace, window, recorded);
    client.broken = match tokio::time::timeout(window.patience(), loading).await {
        Ok(Ok(())) => None,
        Ok(Err(error)) => Some(format!("connection broke: {error}")),
        Err(_) => Some("no answer before the drain limit".to_owned()),
    };
}

impl Found {
    fn new(rooms: usize) -> Self {
        Self {
            sent: 0,
            received: 0,
            measured: 0,
            values: vec![Vec::new(); rooms],
            answers: Latencies::new(),
            lags: Latencies::new(),
            complaints: Complaints::default(),
        }
    }

    /// Takes over what one connection of a room found.
    fn take(&mut self, client: &mut Client, room: usize, allow_death: bool) {
        self.sent += client.sent;
        self.received += client.received;
        self.measured += client.measured;
        if let Some(values) = self.values.get_mut(room) {
            values.extend(client.values());
        }
        self.complaints
            .merge(std::mem::take(&mut client.complaints));
        if !allow_death {
            if let Some(broken) = &client.broken {
                self.complaints.add(broken.as_str());
            }
            self.complaints
                .add_n("lost message", client.sent - client.received);
        }
    }

    fn add(&mut self, other: Self) {
        self.sent += other.sent;
        self.received += other.received;
        self.measured += other.measured;
        for (mine, theirs) in self.values.iter_mut().zip(other.values) {
            mine.extend(theirs);
        }
        self.answers.add(&other.answers);
        self.lags.add(&other.lags);
        self.complaints.merge(other.complaints);
    }
}

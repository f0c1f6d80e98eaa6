//! Rooms on threads: gathers members, lets the first of each room send, adds up deliveries.

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::time::Duration;

use clap::Args;
use serde_json::json;
use tokio::task::JoinSet;

use super::gather::gather;
use super::member::{Member, Pace, Room};
use super::message::Format;
use crate::args::{Settings, positive};
use crate::clock::block_on;
use crate::load::{Start, Window, on_threads};
use crate::outcome::{NO_START, Outcome};
use crate::stats::{Complaints, Latencies, round1};
use crate::target::{Target, room_name};

/// Rooms that are gathered at the same time.
const GATHERING_MAX: usize = 16;
const GATHER_LIMIT: Duration = Duration::from_secs(60);

#[derive(Args, Debug, Clone)]
pub(crate) struct Options {
    #[arg(long, default_value = "10", value_parser = positive)]
    rooms: usize,
    /// Connections in each room
    #[arg(long, default_value = "20", value_parser = positive)]
    conns: usize,
    /// Broadcasts under way in each room
    #[arg(long, default_value = "8", value_parser = positive)]
    window: usize,
    /// Bytes of a message
    #[arg(long, default_value_t = 100)]
    size: usize,
    /// Broadcasts per second and room instead of a window
    #[arg(long)]
    rate: Option<f64>,
}

/// What the rooms of a thread, or of all, found.
struct Found {
    latencies: RefCell<Latencies>,
    complaints: RefCell<Complaints>,
    /// Deliveries in the window.
    measured: Cell<u64>,
    sent: Cell<u64>,
    delivered: Cell<u64>,
}

pub(crate) fn run(target: &Target, settings: &Settings, options: &Options) -> Outcome {
    let threads = settings.threads.min(options.rooms).max(1);
    let (lanes, env) = on_threads(settings, threads, |thread, start| {
        let mine: Vec<usize> = (0..options.rooms)
            .filter(|room| room % threads == thread)
            .collect();
        let found = Rc::new(Found::new());
        block_on(lane(target, &settings.tag, options, (mine, start, &found)));
        let latencies = found.latencies.borrow().clone();
        let counts = [
            found.measured.get(),
            found.sent.get(),
            found.delivered.get(),
        ];
        (latencies, found.complaints.take(), counts)
    });
    let (mut latencies, mut complaints) = (Latencies::new(), Complaints::default());
    let (mut measured, mut sent, mut delivered) = (0, 0, 0);
    for (times, wrong, counts) in lanes {
        latencies.add(&times);
        complaints.merge(wrong);
        measured += counts[0];
        sent += counts[1];
        delivered += counts[2];
    }
    if measured == 0 {
        complaints.add("no delivery at all in the window");
    }
    let per_s = measured as f64 / settings.secs;
    let result = json!({
        "deliveries_per_s": round1(per_s),
        "broadcasts_per_s": round1(per_s / options.conns as f64),
        "deliveries": measured,
        "sent_total": sent,
        "delivered_total": delivered,
        "latency_us": latencies.json(),
        "server_cpu_us_per_delivery": env.cpu_us_per(measured),
    });
    Outcome {
        result,
        env: env.json(),
        complaints,
    }
}

type Gathered = (usize, Rc<Room>, Vec<Member>);

async fn lane(
    target: &Target,
    tag: &str,
    options: &Options,
    (mine, start, found): (Vec<usize>, &Start<'_>, &Rc<Found>),
) {
    let rooms = gather_all(target, tag, options, (mine, found)).await;
    let window = start.wait();
    let mut tasks = JoinSet::new();
    for (index, room, members) in rooms {
        let pace = pace(options, index, &window);
        for (number, member) in members.into_iter().enumerate() {
            let (room, found) = (room.clone(), found.clone());
            let pace = (number == 0).then_some(pace);
            tasks.spawn_local(async move { found.of_member(member, &room, pace, &window).await });
        }
    }
    tasks.join_all().await;
}

async fn gather_all(
    target: &Target,
    tag: &str,
    options: &Options,
    (mine, found): (Vec<usize>, &Rc<Found>),
) -> Vec<Gathered> {
    let mut gathering: JoinSet<Option<Gathered>> = JoinSet::new();
    let mut rooms = Vec::new();
    for index in mine {
        while gathering.len() >= GATHERING_MAX {
            rooms.extend(gathering.join_next().await.and_then(Result::ok).flatten());
        }
        let room = Room::new(Format::new(index, options.size), options.conns as u64);
        let (target, name, found) = (target.clone(), room_name("bc", tag, index), found.clone());
        gathering.spawn_local(async move {
            let gathered = tokio::time::timeout(GATHER_LIMIT, gather(&target, &name, &room)).await;
            let failed = match gathered {
                Ok(Ok(members)) => return Some((index, Rc::new(room), members)),
                Ok(Err(error)) => format!("{NO_START}: {error}"),
                Err(_) => format!("{NO_START}: a hello never came back"),
            };
            found.complaints.borrow_mut().add(failed);
            None
        });
    }
    rooms.extend(gathering.join_all().await.into_iter().flatten());
    rooms
}

/// At a rate the rooms take turns.
fn pace(options: &Options, index: usize, window: &Window) -> Pace {
    match options.rate {
        None => Pace::Window(options.window as u64),
        Some(rate) => {
            let every = 1e9 / rate;
            let share = every * index as f64 / options.rooms as f64;
            Pace::Rate(window.begin + share as u64, every)
        }
    }
}

impl Found {
    fn new() -> Self {
        Self {
            latencies: Latencies::new().into(),
            complaints: RefCell::default(),
            measured: Cell::new(0),
            sent: Cell::new(0),
            delivered: Cell::new(0),
        }
    }

    /// Lets a member send, when it has a pace, or receive, and takes over what it found.
    async fn of_member(
        &self,
        mut member: Member,
        room: &Room,
        pace: Option<Pace>,
        window: &Window,
    ) {
        let latencies = &self.latencies;
        let run = async {
            match pace {
                Some(pace) => member.send(room, pace, window, latencies).await,
                None => member.receive(room, window, latencies).await,
            }
        };
        match tokio::time::timeout(window.patience(), run).await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => member.complaints.add(format!("connection broke: {error}")),
            Err(_) => member.complaints.add("last message never came"),
        }
        member.settle(room, window, latencies).await;
        let add = |cell: &Cell<u64>, more: u64| cell.set(cell.get() + more);
        add(&self.measured, member.measured);
        add(
            &self.delivered,
            member.expected - member.missing.len() as u64,
        );
        if pace.is_some() {
            add(&self.sent, room.sent.get());
        }
        self.complaints
            .borrow_mut()
            .merge(std::mem::take(&mut member.complaints));
        member.connection.close().await;
    }
}

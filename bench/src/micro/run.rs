//! The order of the measurements of this process, and their tables.

use std::sync::Arc;
use std::time::{Duration, Instant};

use partykit_core::{Limits, Message};
use partykit_engine::{Engine, EngineConfig, JsBinary, JsComponent, JsFactory};
use partykit_quickjs_artifact::{COMPONENT, MEMORY, MEMORY_OFFSET, WHOLE_COMPONENT};

use super::calls;
use super::counted::{CountedGuest, CountedGuests};
use super::memory;
use super::room::{OpenRoom, Rooms};
use crate::args::Args;
use crate::failure::Failure;
use crate::place::Place;
use crate::report::{Report, number};
use crate::timing::{Timing, summary, time};

const QUICKJS: JsBinary<'static> = JsBinary {
    component: COMPONENT,
    memory: MEMORY,
    memory_offset: MEMORY_OFFSET,
};

/// The room program that is served to sockets too. One module, so it needs no bundler.
const BUNDLE: &str = include_str!("../../rooms/src/rooms.js");

/// As long as the messages that roomload sends.
const TEXT: &str = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";

/// Connections of the room that broadcasts.
const MEMBERS: usize = 100;

/// Guests that are kept to see how much memory one takes.
const KEPT_GUESTS: u32 = 40;

/// Measures calls, turns and starts.
///
/// # Errors
/// Something could not be measured, or a room did not do what it should.
pub(crate) fn run(args: &Args, place: &Place, report: &Report) -> Result<(), Failure> {
    let cache = place.cache().join("engines");
    let calls = calls::measure(args.micro_budget(), &cache)?;
    let rows: Vec<_> = calls
        .iter()
        .map(|call| row(call.name, &call.timing, 1.0, call.fuel))
        .collect();
    report.table(
        "Calls into wasm",
        &["", "median ns", "least ns", "fuel"],
        &rows,
    );

    let counted = CountedGuests::compile(WHOLE_COMPONENT, &cache)?;
    let engine = Engine::new(EngineConfig {
        cache_dir: Some(cache),
        ..EngineConfig::default()
    })?;
    let js = JsComponent::compile(&engine, QUICKJS)?;
    let factory = JsFactory::new(&js, BUNDLE, "{}", Arc::new(Limits::default()));
    let rooms = Rooms::new(Arc::new(factory))?;
    let rows = turns(args.micro_budget(), &rooms, &counted)?;
    report.table(
        "Turns of a JavaScript room, without sockets (fuel: of the guest)",
        &["", "median ns", "least ns", "fuel"],
        &rows,
    );
    starts(&rooms, &counted, report)
}

fn turns(
    budget: Duration,
    rooms: &Rooms,
    counted: &CountedGuests,
) -> Result<Vec<Vec<String>>, Failure> {
    let message = Message::Text(TEXT.into());
    let start = |id| counted.start(BUNDLE, id);
    let fuel = |id| start(id)?.message_fuel(TEXT);
    let mut echo = rooms.open("echo-micro")?;
    let mut broadcast = rooms.open("bc-micro")?;
    for number in 2..=MEMBERS {
        broadcast.connect(number as u64)?;
    }
    let mut count = rooms.open("ctr-micro")?;
    let mut http = rooms.open("http-micro")?;
    let requested = time(budget, || http.request())?;
    let echoed = time(budget, || echo.echo(&message))?;
    let sent_to_all = time(budget, || broadcast.broadcast(&message, MEMBERS))?;
    let counted_on = time(budget, || count.count(&message))?;
    Ok(vec![
        row("echo of 64 bytes", &echoed, 1.0, fuel("echo-micro")?),
        row(
            "broadcast to 100 connections",
            &sent_to_all,
            1.0,
            fuel("bc-micro")?,
        ),
        row(
            "storage get and put, committed to memory",
            &counted_on,
            1.0,
            fuel("ctr-micro")?,
        ),
        row(
            "GET request",
            &requested,
            1.0,
            start("http-micro")?.request_fuel()?,
        ),
    ])
}

fn starts(rooms: &Rooms, counted: &CountedGuests, report: &Report) -> Result<(), Failure> {
    let CountedGuest { start_fuel, .. } = counted.start(BUNDLE, "echo-micro")?;
    let message = Message::Text(TEXT.into());
    let before = memory::own()?;
    let mut kept: Vec<OpenRoom> = Vec::new();
    let (mut opened, mut answered) = (Vec::new(), Vec::new());
    for number in 0..KEPT_GUESTS {
        let begun = Instant::now();
        let mut room = rooms.open(&format!("echo-{number}"))?;
        opened.push(begun.elapsed().as_secs_f64() * 1e9);
        room.echo(&message)?;
        answered.push(begun.elapsed().as_secs_f64() * 1e9);
        kept.push(room);
    }
    let after = memory::own()?;
    let rows = [
        row(
            "until it is open: instantiate, on-start, on-connect",
            &summary(opened),
            1e3,
            start_fuel,
        ),
        row(
            "until its first message is answered",
            &summary(answered),
            1e3,
            start_fuel,
        ),
    ];
    report.table(
        "Start of a room (fuel: with its code evaluated, which only the first one does)",
        &["", "median us", "least us", "fuel"],
        &rows,
    );
    let after_one = memory::own()?;
    for room in &mut kept {
        for _ in 0..99 {
            room.echo(&message)?;
        }
    }
    let after_hundred = memory::own()?;

    let each = |after: u64, before: u64| {
        number(after.saturating_sub(before) as f64 / f64::from(KEPT_GUESTS))
    };
    let memory_kib = kept.last().map_or(0, OpenRoom::memory_bytes) / 1024;
    let hundred = after_hundred
        .private_kib
        .saturating_sub(after_one.private_kib);
    let rows = [
        vec![
            "private memory".to_owned(),
            each(after.private_kib, before.private_kib),
        ],
        vec![
            "after a hundred messages, besides".to_owned(),
            each(hundred, 0),
        ],
        vec![
            "page tables".to_owned(),
            each(after.tables_kib, before.tables_kib),
        ],
        vec!["size of the wasm memory".to_owned(), memory_kib.to_string()],
    ];
    report.table("Memory of a room that has echoed once", &["", "KiB"], &rows);
    Ok(())
}

/// One line of a table of times.
fn row(name: &str, timing: &Timing, unit_ns: f64, fuel: u64) -> Vec<String> {
    vec![
        name.to_owned(),
        number(timing.median_ns / unit_ns),
        number(timing.least_ns / unit_ns),
        fuel.to_string(),
    ]
}

//! What neighbours notice of a room that runs wild: how long their echoes take while it does, and
//! how long when nobody disturbs them, in the same run and on the same server.

use std::io::{ErrorKind, Read, Write};
use std::net::TcpStream;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use super::load::Finding;
use super::pin::{Cpu, Pins};
use super::server::Server;
use crate::args::Args;
use crate::failure::Failure;
use crate::place::{Place, expect_built};
use crate::report::{NOTHING, Report, number_or_nothing};

/// Kinds of bench/rooms/src/rooms.js.
const KINDS: &[&str] = &[
    "loop",
    "jobs",
    "regexp",
    "recursion",
    "memory",
    "list",
    "text",
    "sends",
    "timers",
];

/// Neighbours that are not in a hurry: what is asked for is how long they wait, and a load that
/// takes all there is would wait for itself.
const NEIGHBOURS: &[&str] = &["echo", "--conns", "10", "--rooms", "10", "--rate", "500"];

/// So that a room that runs wild is ended and followed by another one within each measurement.
const CPU_MS_MAX: (&str, &str) = ("PARTYKIT_HOST_CPU_MS_MAX", "500");

/// There are many kinds, and more time would say nothing more.
const SECS_MAX: f64 = 3.0;

/// How often whoever waits for the end of a room looks whether the measurement is over.
const LOOK_EVERY: Duration = Duration::from_millis(50);

/// A short message in a masked frame; a mask of zeros changes nothing.
const FRAME: &[u8] = b"\x81\x82\0\0\0\0go";

/// Measures the neighbours alone and beside each kind.
///
/// # Errors
/// The server or roomload could not be started.
pub(crate) fn hostile(args: &Args, place: &Place, report: &Report) -> Result<(), Failure> {
    expect_built(&place.roomload)?;
    let pins = Pins::find();
    let server = Server::start_with(place, pins, &place.cache(), &[CPU_MS_MAX])?;
    let mut rows = Vec::new();
    let mut disturbed = false;
    for kind in [None].into_iter().chain(KINDS.iter().map(Some)) {
        let mut command = pins.command(Cpu::Load, &place.roomload);
        command
            .args(NEIGHBOURS)
            .args(["--json", "--warmup", "0.5", "--url", server.url()])
            .args(["--server-pid", &server.pid().to_string()])
            .args(["--secs", &args.secs.min(SECS_MAX).to_string()]);
        let over = AtomicBool::new(false);
        let (finding, ended) = thread::scope(|scope| {
            let wild = kind.map(|kind| scope.spawn(|| run_wild(server.url(), kind, &over)));
            let finding = Finding::of(command);
            over.store(true, Ordering::Relaxed);
            let ended = wild.map(|wild| wild.join().unwrap_or_else(|_| Err("it panicked".into())));
            (finding, ended)
        });
        let finding = finding?;
        let name = kind.map_or("nobody", |kind| kind);
        if let Some(errors) = finding.errors() {
            report.wrong(&format!("beside {name}: {errors}"));
        }
        if let Some(Err(error)) = &ended {
            report.wrong(&format!("{name}: {error}"));
        }
        let ended = ended.and_then(Result::ok);
        disturbed |= finding.disturbed();
        rows.push(row(name, ended, &finding));
    }
    report.table(
        &format!("Echoes beside a room that runs wild ({})", pins.describe()),
        &["beside", "ended", "p50 µs", "p99 µs", "longest µs"],
        &rows,
    );
    if disturbed {
        report.note("* the machine was busy with other things");
    }
    Ok(())
}

fn row(name: &str, ended: Option<u32>, finding: &Finding) -> Vec<String> {
    let latency = |part| number_or_nothing(finding.number(&["latency_us", part]));
    let mark = if finding.disturbed() { " *" } else { "" };
    vec![
        format!("{name}{mark}"),
        ended.map_or_else(|| NOTHING.to_owned(), |ended| ended.to_string()),
        latency("p50"),
        latency("p99"),
        latency("max"),
    ]
}

/// One room of this kind after the other until it is over; how many were ended, or survived.
fn run_wild(url: &str, kind: &str, over: &AtomicBool) -> Result<u32, Failure> {
    let address = url.strip_prefix("http://").ok_or("no http URL")?;
    let mut ended = 0;
    for room in 0.. {
        let mut socket = open(address, &format!("hostile-{kind}-{room}"))?;
        socket.write_all(FRAME)?;
        if !answers(&mut socket, over)? {
            break;
        }
        ended += 1;
    }
    Ok(ended)
}

fn open(address: &str, room: &str) -> Result<TcpStream, Failure> {
    let mut socket = TcpStream::connect(address)?;
    write!(
        socket,
        "GET /parties/main/{room} HTTP/1.1\r\nHost: {address}\r\nConnection: Upgrade\r\n\
         Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\n\
         Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
    )?;
    let mut head = Vec::new();
    let mut byte = [0];
    while !head.ends_with(b"\r\n\r\n") {
        socket.read_exact(&mut byte)?;
        head.extend(byte);
    }
    if !head.starts_with(b"HTTP/1.1 101") {
        let said = String::from_utf8_lossy(&head).into_owned();
        return Err(format!("{room} was refused: {said}").into());
    }
    Ok(socket)
}

/// Waits for a frame, of whatever kind, or the end; false when it is over before.
fn answers(socket: &mut TcpStream, over: &AtomicBool) -> Result<bool, Failure> {
    socket.set_read_timeout(Some(LOOK_EVERY))?;
    let mut byte = [0];
    while !over.load(Ordering::Relaxed) {
        match socket.read(&mut byte) {
            Ok(_) => return Ok(true),
            Err(error) if error.kind() == ErrorKind::ConnectionReset => return Ok(true),
            Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => {}
            Err(error) => return Err(error.into()),
        }
    }
    Ok(false)
}

//! roomload: load and correctness for room servers that speak PartyKit's protocol.
//!
//! Puts work on rooms whose name says what they do (bench/rooms), checks every answer, and reports
//! rates, latencies and what the server's process tree used. It is no library and names no server.
//! Exit code: 0 all right, 1 something was lost, wrong, repeated or out of order, 2 the run could
//! not be made.

mod answers;
mod args;
mod clock;
mod connect;
mod document;
mod fanout;
mod http;
mod idle;
mod load;
mod machine;
mod outcome;
mod startup;
mod stats;
mod target;
mod text;
mod work;
mod ws;

use std::process::ExitCode;
use std::time::{SystemTime, UNIX_EPOCH};

use clap::Parser;

use crate::args::{Cli, Mode, Settings};
use crate::outcome::{Outcome, die};
use crate::target::{Proto, Target};

fn main() -> ExitCode {
    let mut cli = Cli::parse();
    clock::now_ns();
    if cli.settings.tag.is_empty() {
        cli.settings.tag = fresh_tag();
    }
    let socketio = cli.settings.proto == Proto::Socketio;
    if cli.settings.binary && (socketio || !cli.mode.takes_binary()) {
        die("--binary does not go with this");
    }
    if socketio && matches!(cli.mode, Mode::Cpu(_)) {
        die("cpu needs --proto ws");
    }
    let target = Target::parse(&cli.settings).unwrap_or_else(|error| die(error));
    run(&cli.mode, &target, &cli.settings).tell(&cli)
}

fn run(mode: &Mode, target: &Target, settings: &Settings) -> Outcome {
    match mode {
        Mode::Echo(options) => answers::echo(target, settings, options),
        Mode::Counter(options) => answers::counter(target, settings, options),
        Mode::Cpu(options) => answers::cpu(target, settings, options),
        Mode::Fanout(options) => fanout::run(target, settings, options),
        Mode::Connect(options) => connect::run(target, settings, options),
        Mode::Http(options) => http::run(target, settings, options),
        Mode::Idle(options) => idle::run(target, settings, options),
        Mode::Startup(options) => startup::run(target, settings, options),
    }
}

/// Names rooms that no earlier run has met.
fn fresh_tag() -> String {
    let since = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default();
    format!(
        "{:x}{:x}",
        since.as_millis() & 0xff_ffff_ffff,
        std::process::id()
    )
}

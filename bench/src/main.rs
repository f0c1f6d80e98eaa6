//! What things cost: a call, a turn, a message through a socket, a start. `make bench` runs it.
//!
//! Prints tables and nothing else, so that two runs can be laid side by side. `micro` and `storage`
//! measure inside this process, `sockets` and `start` measure the binary `partykit` beside this
//! program, with the load generator `roomload`, which also checks every answer. What the figures
//! were, and what bounds them, is written in RESULTS.md. The exit code says whether all was right.

mod args;
mod failure;
mod micro;
mod place;
mod report;
mod sockets;
mod storage;
mod timing;

use std::process::ExitCode;
use std::thread::{self, JoinHandle};

use clap::Parser;
use partykit_engine::Engine;

use crate::args::{Args, Part};
use crate::failure::Failure;
use crate::place::Place;
use crate::report::Report;

fn main() -> ExitCode {
    let args = Args::parse();
    // A stack as the host gives to its threads: with less, each turn would map one of its own.
    let thread = thread::Builder::new().stack_size(Engine::STACK_BYTES);
    let ended = thread.spawn(move || measure(&args)).map(JoinHandle::join);
    match ended {
        Ok(Ok(code)) => code,
        // Its panic has been printed.
        Ok(Err(_)) => ExitCode::from(2),
        Err(error) => {
            Report::default().error(&error);
            ExitCode::from(2)
        }
    }
}

fn measure(args: &Args) -> ExitCode {
    let report = Report::default();
    match run(args, &report) {
        Ok(()) if report.all_right() => ExitCode::SUCCESS,
        Ok(()) => ExitCode::FAILURE,
        Err(error) => {
            report.error(&*error);
            ExitCode::from(2)
        }
    }
}

fn run(args: &Args, report: &Report) -> Result<(), Failure> {
    let place = Place::find()?;
    report.heading(&place);
    if args.wants(Part::Micro) {
        micro::run(args, &place, report)?;
    }
    if args.wants(Part::Storage) {
        storage::run(args, &place, report)?;
    }
    if args.wants(Part::Sockets) {
        sockets::works(args, &place, report)?;
    }
    if args.wants(Part::Hostile) {
        sockets::hostile(args, &place, report)?;
    }
    if args.wants(Part::Start) {
        sockets::starts(&place, report)?;
    }
    if args.wants(Part::Dev) {
        sockets::days(&place, report)?;
    }
    Ok(())
}

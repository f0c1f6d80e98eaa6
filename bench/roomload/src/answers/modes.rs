//! The three modes: their options, and the work that each makes of them.

use std::fs;
use std::path::{Path, PathBuf};

use clap::Args;
use serde_json::Value;

use super::counters::{Rules, judge};
use super::run::{Plan, run};
use crate::args::{Settings, positive};
use crate::document::Document;
use crate::outcome::{Outcome, die};
use crate::target::Target;
use crate::work::{Counter, Echo};

#[derive(Args, Debug, Clone)]
pub(crate) struct EchoOptions {
    #[arg(long, default_value = "100", value_parser = positive)]
    conns: usize,
    #[arg(long, default_value = "10", value_parser = positive)]
    rooms: usize,
    /// Messages in flight on each connection
    #[arg(long, default_value = "1", value_parser = positive)]
    pipeline: usize,
    /// Bytes of a message
    #[arg(long, default_value_t = 64)]
    size: usize,
    /// Messages per second over all connections, sent whether or not answers come
    #[arg(long)]
    rate: Option<f64>,
}

#[derive(Args, Debug, Clone)]
pub(crate) struct CounterOptions {
    #[arg(long, default_value = "10", value_parser = positive)]
    conns: usize,
    #[arg(long, default_value = "10", value_parser = positive)]
    rooms: usize,
    /// Messages in flight on each connection
    #[arg(long, default_value = "1", value_parser = positive)]
    pipeline: usize,
    /// The server may be killed during the run; only what was answered counts
    #[arg(long)]
    allow_death: bool,
    /// Write the highest answered number of each room here
    #[arg(long)]
    state_out: Option<PathBuf>,
    /// Rooms must go on above the numbers in this file (give the same --tag)
    #[arg(long)]
    state_in: Option<PathBuf>,
}

#[derive(Args, Debug, Clone)]
pub(crate) struct CpuOptions {
    #[arg(long, default_value = "10", value_parser = positive)]
    conns: usize,
    #[arg(long, default_value = "10", value_parser = positive)]
    rooms: usize,
    /// Messages in flight on each connection
    #[arg(long, default_value = "1", value_parser = positive)]
    pipeline: usize,
    /// Bytes of a document
    #[arg(long, default_value_t = 4096)]
    size: usize,
    /// Turns of the hash loop
    #[arg(long, default_value_t = 2000)]
    loops: i32,
}

pub(crate) fn echo(target: &Target, settings: &Settings, options: &EchoOptions) -> Outcome {
    let EchoOptions {
        conns,
        rooms,
        pipeline,
        size,
        rate,
    } = *options;
    let plan = Plan {
        work: "echo",
        conns,
        rooms,
        pipeline,
        rate,
        allow_death: false,
    };
    run(target, settings, &plan, &move |index| {
        Box::new(Echo::new(index, size))
    })
    .0
}

pub(crate) fn counter(target: &Target, settings: &Settings, options: &CounterOptions) -> Outcome {
    let CounterOptions {
        conns,
        rooms,
        pipeline,
        allow_death,
        ..
    } = *options;
    let before = options.state_in.as_deref().map_or(Value::Null, read_state);
    let plan = Plan {
        work: "ctr",
        conns,
        rooms,
        pipeline,
        rate: None,
        allow_death,
    };
    let (mut outcome, numbers) = run(target, settings, &plan, &|_| Box::new(Counter::default()));
    let rules = Rules {
        tag: &settings.tag,
        before: &before,
        allow_death,
    };
    let highest = judge(numbers, &rules, &mut outcome.complaints);
    if let Some(path) = &options.state_out
        && let Err(error) = fs::write(path, highest.to_string())
    {
        die(format!("{}: {error}", path.display()));
    }
    outcome
}

pub(crate) fn cpu(target: &Target, settings: &Settings, options: &CpuOptions) -> Outcome {
    let CpuOptions {
        conns,
        rooms,
        pipeline,
        size,
        loops,
    } = *options;
    let plan = Plan {
        work: "cpu",
        conns,
        rooms,
        pipeline,
        rate: None,
        allow_death: false,
    };
    run(target, settings, &plan, &move |index| {
        Box::new(Document::new(index, size, loops))
    })
    .0
}

fn read_state(path: &Path) -> Value {
    let text = fs::read_to_string(path).map_err(|error| error.to_string());
    let state = text.and_then(|text| serde_json::from_str(&text).map_err(|e| e.to_string()));
    state.unwrap_or_else(|error| die(format!("{}: {error}", path.display())))
}

//! What can be typed.

use std::time::Duration;

use clap::{Parser, ValueEnum};

/// A group of measurements.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Part {
    /// Calls into wasm, turns of a JavaScript room, starts of a guest, in this process
    Micro,
    /// Messages, requests and connections through sockets
    Sockets,
    /// Durable commits and starts of a full store, in this process
    Storage,
    /// What neighbours notice of rooms that run wild
    Hostile,
    /// From the start of the process to the first echo
    Start,
    /// Starts of the development server, and from a save to the new answer
    Dev,
}

/// The command line.
#[derive(Debug, Parser)]
#[command(about = "Measures what a call, a turn, a message and a start cost")]
pub(crate) struct Args {
    /// Only these parts
    #[arg(long, value_enum, value_delimiter = ',')]
    only: Vec<Part>,

    /// Only these works of the part `sockets`
    #[arg(long, value_delimiter = ',', value_name = "WORK")]
    pub(crate) works: Vec<String>,

    /// How long each work is measured
    #[arg(long, default_value_t = 3.0, value_parser = seconds)]
    pub(crate) secs: f64,

    /// Keys of the store that the part `storage` opens
    #[arg(long, default_value_t = 1_000_000, value_parser = keys)]
    pub(crate) keys: usize,
}

impl Args {
    pub(crate) fn wants(&self, part: Part) -> bool {
        self.only.is_empty() || self.only.contains(&part)
    }

    /// How long one of the measurements in this process takes: they are many, and each has
    /// repeated itself thousands of times by then.
    pub(crate) fn micro_budget(&self) -> Duration {
        Duration::from_secs_f64(self.secs / 4.0)
    }
}

/// Longer runs say nothing more, and the whole must stay bounded.
fn seconds(text: &str) -> Result<f64, String> {
    match text.parse() {
        Ok(seconds) if (0.1..=60.0).contains(&seconds) => Ok(seconds),
        _ => Err("expected a number of seconds from 0.1 to 60".to_owned()),
    }
}

/// At least one for each room of that store; more than so many take longer than anybody waits.
fn keys(text: &str) -> Result<usize, String> {
    match text.parse() {
        Ok(keys) if (1000..=10_000_000).contains(&keys) => Ok(keys),
        _ => Err("expected a number of keys from 1000 to 10000000".to_owned()),
    }
}

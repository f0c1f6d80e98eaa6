//! What can be typed. The options of a mode stand in the file that runs it.

use clap::{Args, Parser, Subcommand};

use crate::target::Proto;
use crate::{answers, connect, fanout, http, idle, startup};

/// What all modes have in common.
#[derive(Args, Debug, Clone)]
pub(crate) struct Settings {
    /// Base URL of the server
    #[arg(long, global = true, default_value = "http://127.0.0.1:1999")]
    pub(crate) url: String,
    /// Path of a room
    #[arg(long, global = true, default_value = "/parties/main/{room}")]
    pub(crate) path: String,
    /// What is spoken on the sockets
    #[arg(long, global = true, value_enum, default_value = "ws")]
    pub(crate) proto: Proto,
    /// Seconds measured
    #[arg(long, global = true, default_value_t = 5.0, value_parser = above_zero)]
    pub(crate) secs: f64,
    /// Seconds run before measuring
    #[arg(long, global = true, default_value_t = 1.0, value_parser = not_negative)]
    pub(crate) warmup: f64,
    /// Seconds to wait for what is still missing at the end
    #[arg(long, global = true, default_value_t = 10.0, value_parser = not_negative)]
    pub(crate) drain: f64,
    /// Load threads
    #[arg(long, global = true, default_value = "1", value_parser = positive)]
    pub(crate) threads: usize,
    /// Root of the server's process tree: report its CPU and memory
    #[arg(long, global = true)]
    pub(crate) server_pid: Option<u32>,
    /// Part of all room names; the same tag meets the same rooms again
    #[arg(long, global = true, default_value = "", value_parser = letters_and_digits)]
    pub(crate) tag: String,
    /// Send binary messages and want binary answers (echo, fanout, connect, idle)
    #[arg(long, global = true)]
    pub(crate) binary: bool,
    /// Print one JSON object
    #[arg(long, global = true)]
    pub(crate) json: bool,
}

/// The command line.
#[derive(Parser, Debug)]
#[command(version, about)]
pub(crate) struct Cli {
    #[command(flatten)]
    pub(crate) settings: Settings,
    #[command(subcommand)]
    pub(crate) mode: Mode,
}

#[derive(Subcommand, Debug)]
pub(crate) enum Mode {
    /// Every message comes back unchanged to its sender (rooms echo-*)
    Echo(answers::EchoOptions),
    /// Each message adds one to a number the room stores, and is answered with it (rooms ctr-*)
    Counter(answers::CounterOptions),
    /// JSON parse, walk, hash loop, stringify (rooms cpu-*)
    Cpu(answers::CpuOptions),
    /// One sender per room, everybody in it gets every message (rooms bc-*)
    Fanout(fanout::Options),
    /// Open, first answer, close; a new room each time (rooms echo-*)
    Connect(connect::Options),
    /// GET or POST to rooms (rooms http-*)
    Http(http::Options),
    /// Memory of idle rooms (rooms echo-*)
    Idle(idle::Options),
    /// Start a server and time its first answer; the server is ended afterwards
    Startup(startup::Options),
}

impl Mode {
    /// As typed.
    pub(crate) fn name(&self) -> &'static str {
        match self {
            Self::Echo(_) => "echo",
            Self::Counter(_) => "counter",
            Self::Cpu(_) => "cpu",
            Self::Fanout(_) => "fanout",
            Self::Connect(_) => "connect",
            Self::Http(_) => "http",
            Self::Idle(_) => "idle",
            Self::Startup(_) => "startup",
        }
    }

    /// Whether answers may be binary: numbers and documents are text.
    pub(crate) fn takes_binary(&self) -> bool {
        !matches!(self, Self::Counter(_) | Self::Cpu(_))
    }
}

/// For counts that make no sense as 0.
pub(crate) fn positive(text: &str) -> Result<usize, String> {
    match text.parse() {
        Ok(number) if number > 0 => Ok(number),
        _ => Err("expected a number above 0".to_owned()),
    }
}

fn above_zero(text: &str) -> Result<f64, String> {
    match text.parse() {
        Ok(number) if number > 0.0 => Ok(number),
        _ => Err("expected a number above 0".to_owned()),
    }
}

fn not_negative(text: &str) -> Result<f64, String> {
    match text.parse() {
        Ok(number) if number >= 0.0 => Ok(number),
        _ => Err("expected a number that is not negative".to_owned()),
    }
}

fn letters_and_digits(text: &str) -> Result<String, String> {
    if text.bytes().all(|byte| byte.is_ascii_alphanumeric()) {
        return Ok(text.to_owned());
    }
    Err("expected letters and digits only".to_owned())
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_definition_is_consistent() {
        Cli::command().debug_assert();
    }

    #[test]
    fn numbers_that_make_no_sense_are_refused() {
        assert!(positive("0").is_err() && positive("1").is_ok());
        assert!(above_zero("0").is_err() && above_zero("0.1").is_ok());
        assert!(not_negative("-1").is_err() && not_negative("0").is_ok());
        assert!(letters_and_digits("a-b").is_err() && letters_and_digits("").is_ok());
    }
}

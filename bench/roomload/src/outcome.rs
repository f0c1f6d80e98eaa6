//! What a run found, and how it is told: a table for people or one JSON object for programs, and
//! an exit code.

#![allow(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "printing what was found is what this program is for"
)]

use std::fmt::Display;
use std::process::ExitCode;

use serde_json::{Value, json};

use crate::args::{Cli, Settings};
use crate::stats::Complaints;

/// Begins a complaint that means that nothing was measured.
pub(crate) const NO_START: &str = "could not start";

/// One run.
#[derive(Debug, Default)]
pub(crate) struct Outcome {
    pub(crate) result: Value,
    pub(crate) env: Value,
    pub(crate) complaints: Complaints,
}

impl Outcome {
    /// A run that found only this.
    pub(crate) fn failed(complaint: impl Into<String>) -> Self {
        let mut outcome = Self::default();
        outcome.complaints.add(complaint);
        outcome
    }

    /// Prints it, and says with which code the program ends: 0 all right, 1 something was lost,
    /// wrong, repeated or out of order, 2 the run could not be made.
    pub(crate) fn tell(&self, cli: &Cli) -> ExitCode {
        let mode = format!("{:?}", cli.mode);
        if cli.settings.json {
            println!("{}", self.json(cli.mode.name(), &mode, &cli.settings));
        } else {
            println!("{mode}");
            table("", &self.result);
            table("env", &self.env);
            for (what, count) in self.complaints.list() {
                println!("WRONG {count:>8} x {what}");
            }
            println!(
                "{}",
                if self.complaints.is_empty() {
                    "ok"
                } else {
                    "FAILED"
                }
            );
        }
        self.exit_code()
    }

    fn exit_code(&self) -> ExitCode {
        if self.complaints.is_empty() {
            ExitCode::SUCCESS
        } else if self
            .complaints
            .list()
            .iter()
            .any(|(what, _)| what.starts_with(NO_START))
        {
            ExitCode::from(2)
        } else {
            ExitCode::FAILURE
        }
    }

    fn json(&self, name: &str, mode: &str, settings: &Settings) -> Value {
        json!({
            "mode": name,
            "args": mode,
            "url": settings.url,
            "tag": settings.tag,
            "secs": settings.secs,
            "threads": settings.threads,
            "ok": self.complaints.is_empty(),
            "errors": self.complaints.json(),
            "result": self.result,
            "env": self.env,
        })
    }
}

/// One line for each number, percentiles on a line of their own.
fn table(prefix: &str, value: &Value) {
    match value {
        Value::Object(fields) if fields.contains_key("p50") => {
            let field = |name: &str| fields.get(name).and_then(Value::as_f64).unwrap_or(f64::NAN);
            let [p50, p90, p99] = ["p50", "p90", "p99"].map(field);
            let (p99_9, max) = (field("p99_9"), field("max"));
            print!("{prefix:<28} p50 {p50:>10.1}  p90 {p90:>10.1}  p99 {p99:>10.1}");
            println!("  p99.9 {p99_9:>10.1}  max {max:>11.1}");
        }
        Value::Object(fields) => {
            for (name, value) in fields {
                let dot = if prefix.is_empty() { "" } else { "." };
                table(&format!("{prefix}{dot}{name}"), value);
            }
        }
        Value::Array(values) => {
            for (index, value) in values.iter().enumerate() {
                table(&format!("{prefix}[{index}]"), value);
            }
        }
        Value::Null => {}
        value => println!("{prefix:<28} {value}"),
    }
}

/// Ends the program: the run cannot be made.
pub(crate) fn die(message: impl Display) -> ! {
    eprintln!("roomload: {message}");
    std::process::exit(2)
}

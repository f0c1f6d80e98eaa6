//! Keeps the server on one CPU and the load generator on another, so that figures are those of one
//! core and do not depend on where the scheduler puts things. Without `taskset`, or with one CPU,
//! nothing is pinned.

use std::ffi::OsStr;
use std::path::Path;
use std::process::{Command, Stdio};

/// Whether and how programs are pinned.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Pins {
    work: bool,
}

/// Which half of a measurement a program is.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Cpu {
    Server,
    Load,
}

impl Cpu {
    fn number(self) -> &'static str {
        match self {
            Self::Server => "0",
            Self::Load => "1",
        }
    }
}

impl Pins {
    /// Tries it out.
    pub(crate) fn find() -> Self {
        let works = |cpu: Cpu| {
            let mut trial = Command::new("taskset");
            trial
                .args(["-c", cpu.number(), "true"])
                .stdout(Stdio::null())
                .stderr(Stdio::null());
            trial.status().is_ok_and(|status| status.success())
        };
        Self {
            work: works(Cpu::Server) && works(Cpu::Load),
        }
    }

    /// For the heading of a table.
    pub(crate) fn describe(self) -> &'static str {
        if self.work {
            "server on one core, load on another"
        } else {
            "not pinned"
        }
    }

    /// A command whose process is `program` itself: taskset becomes it.
    pub(crate) fn command(self, cpu: Cpu, program: &Path) -> Command {
        if !self.work {
            return Command::new(program);
        }
        let mut command = Command::new("taskset");
        command.args([
            OsStr::new("-c"),
            OsStr::new(cpu.number()),
            program.as_os_str(),
        ]);
        command
    }
}

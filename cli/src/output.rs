//! The only place that prints. Everything people read goes through [`Output`], which knows
//! whether they want little or much of it and whether colours can be shown.
//!
//! What a command tells goes to stdout; warnings and errors go to stderr. A reader that has gone
//! away (`partykit dev | head`) is no error.

use std::env;
use std::fmt::Display;
use std::io::{self, IsTerminal, Write};
use std::time::Duration;

use partykit_core::{LogLevel, LogLine};

/// How much is wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Loudness {
    /// The address, warnings and errors.
    Quiet,
    /// What a person at a terminal wants to see.
    Normal,
    /// How it was done, too.
    Verbose,
}

/// Where texts go.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Output {
    loudness: Loudness,
    color_out: bool,
    color_err: bool,
}

/// Escape sequences of the few looks there are.
#[derive(Debug, Clone, Copy)]
enum Look {
    Bold,
    Dim,
    Red,
    Yellow,
    Cyan,
}

impl Look {
    fn code(self) -> &'static str {
        match self {
            Self::Bold => "1",
            Self::Dim => "2",
            Self::Red => "31",
            Self::Yellow => "33",
            Self::Cyan => "36",
        }
    }
}

impl Output {
    /// For the process's own streams: coloured where a person looks, unless NO_COLOR is set.
    pub(crate) fn new(loudness: Loudness) -> Self {
        let wanted = env::var_os("NO_COLOR").is_none_or(|value| value.is_empty())
            && env::var_os("TERM").is_none_or(|value| value != "dumb");
        Self {
            loudness,
            color_out: wanted && io::stdout().is_terminal(),
            color_err: wanted && io::stderr().is_terminal(),
        }
    }

    /// Whether errors may be coloured by who makes them.
    pub(crate) fn colors_errors(self) -> bool {
        self.color_err
    }

    /// The first line of a command.
    pub(crate) fn banner(self) {
        if self.loudness >= Loudness::Normal {
            let name = paint(self.color_out, Look::Bold, "partykit");
            out(&format!("{name} {}\n", env!("CARGO_PKG_VERSION")));
        }
    }

    /// Something was done.
    pub(crate) fn step(self, text: impl Display) {
        if self.loudness >= Loudness::Normal {
            out(&text.to_string());
        }
    }

    /// How something was done.
    pub(crate) fn detail(self, text: impl Display) {
        if self.loudness >= Loudness::Verbose {
            out(&paint(self.color_out, Look::Dim, &text.to_string()));
        }
    }

    /// The line that scripts wait for; nothing before it says "ready".
    pub(crate) fn ready(self, address: &str) {
        let address = paint(self.color_out, Look::Cyan, address);
        out(&format!("Ready on {address}"));
    }

    /// Something is not as it should be, and goes on.
    pub(crate) fn warning(self, text: impl Display) {
        let word = paint(self.color_err, Look::Yellow, "warning:");
        err(&format!("{word} {text}"));
    }

    /// A text that is already laid out, such as a compiler's.
    pub(crate) fn report(self, text: &str) {
        err(text);
    }

    /// Why a command ends: the chain of causes once, and after a blank line what to try.
    pub(crate) fn error(self, error: &dyn std::error::Error, hint: Option<&str>) {
        let word = paint(self.color_err, Look::Red, "error:");
        err(&format!("{word} {}", chain(error)));
        if let Some(hint) = hint {
            let word = paint(self.color_err, Look::Bold, "hint:");
            err(&format!("\n{word} {hint}"));
        }
    }

    /// A line that a room wrote.
    pub(crate) fn room(self, line: &LogLine) {
        let loud = line.level >= LogLevel::Warn;
        if self.loudness == Loudness::Quiet && !loud {
            return;
        }
        let color = if loud { self.color_err } else { self.color_out };
        let text = room_line(line, color);
        if loud { err(&text) } else { out(&text) }
    }

    /// An answered request.
    pub(crate) fn request(self, method: &str, path: &str, status: u16, took: Duration) {
        if self.loudness == Loudness::Quiet {
            return;
        }
        let line = format!("{method} {path} {status} ({})", milliseconds(took));
        out(&paint(self.color_out, Look::Dim, &line));
    }
}

/// `error main/lobby: text`, further lines indented.
fn room_line(line: &LogLine, color: bool) -> String {
    let (word, look) = match line.level {
        LogLevel::Debug => ("debug", Look::Dim),
        LogLevel::Log => ("log", Look::Dim),
        LogLevel::Info => ("info", Look::Dim),
        LogLevel::Warn => ("warn", Look::Yellow),
        LogLevel::Error => ("error", Look::Red),
    };
    let word = paint(color, look, word);
    let room = paint(color, Look::Cyan, &line.room.to_string());
    format!("{word} {room}: {}", line.text.replace('\n', "\n  "))
}

/// An error and its causes. A cause whose text its parent already contains is not repeated.
fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        let own = error.to_string();
        if !text.contains(&own) {
            text.push_str("\n  because: ");
            text.push_str(&own);
        }
        cause = error.source();
    }
    text
}

/// A duration as people compare them.
pub(crate) fn milliseconds(duration: Duration) -> String {
    let micros = duration.as_micros();
    if micros < 1000 {
        return "<1 ms".to_owned();
    }
    format!("{} ms", (micros + 500) / 1000)
}

/// A size as people compare them.
pub(crate) fn size(bytes: usize) -> String {
    const KIB: usize = 1024;
    if bytes < KIB {
        return format!("{bytes} B");
    }
    let tenths = bytes * 10 / KIB;
    if tenths < 10 * KIB {
        return format!("{}.{} KiB", tenths / 10, tenths % 10);
    }
    let tenths = tenths / KIB;
    format!("{}.{} MiB", tenths / 10, tenths % 10)
}

fn paint(color: bool, look: Look, text: &str) -> String {
    if color {
        format!("\u{1b}[{}m{text}\u{1b}[0m", look.code())
    } else {
        text.to_owned()
    }
}

fn out(line: &str) {
    // One write: another process or stream may share the terminal.
    let _ = io::stdout()
        .lock()
        .write_all(format!("{line}\n").as_bytes());
}

fn err(line: &str) {
    let _ = io::stderr()
        .lock()
        .write_all(format!("{line}\n").as_bytes());
}

#[cfg(test)]
mod tests {
    use partykit_core::{PartyName, ProjectName, RoomId, RoomKey};

    use super::*;

    #[derive(Debug, thiserror::Error)]
    #[error("the top")]
    struct Top(#[source] Middle);

    #[derive(Debug, thiserror::Error)]
    #[error("the middle: the ground")]
    struct Middle(#[source] Ground);

    #[derive(Debug, thiserror::Error)]
    #[error("the ground")]
    struct Ground;

    #[test]
    fn each_cause_is_told_once() {
        assert_eq!(
            chain(&Top(Middle(Ground))),
            "the top\n  because: the middle: the ground"
        );
    }

    #[test]
    fn a_line_of_a_room_says_how_loud_it_is_and_whose() {
        let line = LogLine {
            room: RoomKey {
                project: ProjectName::parse("p").unwrap(),
                party: PartyName::main(),
                room: RoomId::parse("lobby").unwrap(),
            },
            level: LogLevel::Error,
            text: "Error: no\n  at f".to_owned(),
        };
        assert_eq!(
            room_line(&line, false),
            "error main/lobby: Error: no\n    at f"
        );
        assert_eq!(
            room_line(&line, true),
            "\u{1b}[31merror\u{1b}[0m \u{1b}[36mmain/lobby\u{1b}[0m: Error: no\n    at f"
        );
    }

    #[test]
    fn sizes_and_durations_are_short() {
        assert_eq!(size(999), "999 B");
        assert_eq!(size(1536), "1.5 KiB");
        assert_eq!(size(3 * 1024 * 1024), "3.0 MiB");
        assert_eq!(milliseconds(Duration::from_micros(900)), "<1 ms");
        assert_eq!(milliseconds(Duration::from_micros(1500)), "2 ms");
    }
}

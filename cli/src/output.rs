//! The only place that prints. Everything people read goes through [`Output`], which knows
//! whether they want little or much of it and whether colours can be shown, or whether it is a
//! program that reads.
//!
//! What a command tells goes to stdout; warnings and errors go to stderr. As JSON all of it goes
//! to stdout, one object a line. A reader that has gone away (`partykit dev | head`) is no error.

use std::env;
use std::fmt::Display;
use std::io::{self, IsTerminal, Write};
use std::time::Duration;

use partykit_core::{LogLevel, LogLine};
use serde_json::{Value, json};

use crate::trouble::{Meanwhile, Trouble};
use crate::wording::{chain, milliseconds};

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

/// Who reads.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Reader {
    Person,
    Program,
}

/// Where texts go.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Output {
    loudness: Loudness,
    reader: Reader,
    color_out: bool,
    color_err: bool,
}

/// Escape sequences of the few looks there are.
#[derive(Debug, Clone, Copy)]
enum Look {
    Bold,
    Dim,
    Red,
    Green,
    Yellow,
    Cyan,
}

impl Look {
    fn code(self) -> &'static str {
        match self {
            Self::Bold => "1",
            Self::Dim => "2",
            Self::Red => "31",
            Self::Green => "32",
            Self::Yellow => "33",
            Self::Cyan => "36",
        }
    }
}

impl Output {
    /// For the process's own streams: coloured where a person looks, unless NO_COLOR is set.
    pub(crate) fn new(loudness: Loudness, reader: Reader) -> Self {
        let wanted = reader == Reader::Person
            && env::var_os("NO_COLOR").is_none_or(|value| value.is_empty())
            && env::var_os("TERM").is_none_or(|value| value != "dumb");
        Self {
            loudness,
            reader,
            color_out: wanted && io::stdout().is_terminal(),
            color_err: wanted && io::stderr().is_terminal(),
        }
    }

    /// Whether a person looks, and no file keeps what is printed.
    pub(crate) fn is_seen(self) -> bool {
        io::stdout().is_terminal() && io::stderr().is_terminal()
    }

    /// Whether errors may be coloured by who makes them.
    pub(crate) fn colors_errors(self) -> bool {
        self.color_err
    }

    /// Whether somebody sits there and may press keys.
    pub(crate) fn is_for_a_person(self) -> bool {
        self.reader == Reader::Person && io::stdout().is_terminal()
    }

    /// Whether stdout holds events and nothing else.
    pub(crate) fn is_for_a_program(self) -> bool {
        self.reader == Reader::Program
    }

    /// Name and version.
    pub(crate) fn banner(self) {
        if self.loudness >= Loudness::Normal && self.reader == Reader::Person {
            let name = paint(self.color_out, Look::Bold, "partykit");
            out(&format!("{name} {}\n", env!("CARGO_PKG_VERSION")));
        }
    }

    /// Something was done.
    pub(crate) fn step(self, text: impl Display) {
        match self.reader {
            Reader::Program => self.event("step", json!({"text": text.to_string()})),
            Reader::Person if self.loudness >= Loudness::Normal => out(&text.to_string()),
            Reader::Person => {}
        }
    }

    /// How something was done.
    pub(crate) fn detail(self, text: impl Display) {
        if self.loudness < Loudness::Verbose {
            return;
        }
        match self.reader {
            Reader::Program => self.event("detail", json!({"text": text.to_string()})),
            Reader::Person => out(&paint(self.color_out, Look::Dim, &text.to_string())),
        }
    }

    /// The line that scripts wait for; nothing before it says "ready".
    pub(crate) fn ready(self, url: &str, port: u16) {
        match self.reader {
            Reader::Program => self.event("ready", json!({"url": url, "port": port})),
            Reader::Person => {
                let url = paint(self.color_out, Look::Cyan, url);
                out(&format!("Ready on {url}"));
            }
        }
    }

    /// The address that is listened on although there is nothing good to serve.
    pub(crate) fn waiting(self, url: &str, port: u16) {
        match self.reader {
            Reader::Program => self.event("waiting", json!({"url": url, "port": port})),
            Reader::Person => {
                let url = paint(self.color_out, Look::Cyan, url);
                self.step(format!("Waiting on {url} for a good build"));
            }
        }
    }

    /// Something is built that is not served yet, or was not before.
    pub(crate) fn built(self, what: &str, bytes: usize, took: Duration) {
        let (size, took) = (crate::wording::size(bytes), milliseconds(took));
        self.step(format!("Built {what}: {size} in {took}"));
    }

    /// New code is served.
    pub(crate) fn reloaded(self, what: &str, bytes: usize, took: Duration) {
        match self.reader {
            Reader::Program => {
                let fields = json!({"what": what, "bytes": bytes, "ms": millis(took)});
                self.event("reloaded", fields);
            }
            Reader::Person => {
                let word = paint(self.color_out, Look::Green, "Reloaded");
                let size = crate::wording::size(bytes);
                self.step(format!("{word} {what}: {size} in {}", milliseconds(took)));
            }
        }
    }

    /// What was wrong is not any more.
    pub(crate) fn mended(self) {
        match self.reader {
            Reader::Program => self.event("mended", json!({})),
            Reader::Person => self.step(paint(self.color_out, Look::Green, "Mended")),
        }
    }

    /// Something is wrong, and it is waited for its repair.
    pub(crate) fn trouble(self, trouble: &Trouble) {
        match self.reader {
            Reader::Program => {
                let place = trouble.place.as_ref().map(
                    |(file, line, column)| json!({"file": file, "line": line, "column": column}),
                );
                let Trouble { title, plain, .. } = trouble;
                let serving = trouble.meanwhile == Meanwhile::LastGood;
                let fields =
                    json!({"title": title, "text": plain, "place": place, "serving": serving});
                self.event("trouble", fields);
            }
            Reader::Person => {
                let word = paint(self.color_err, Look::Red, "error:");
                let Trouble { title, report, .. } = trouble;
                let note = paint(self.color_err, Look::Dim, trouble.meanwhile.sentence());
                err(&format!("\n{word} {title}\n\n{report}\n\n{note}"));
            }
        }
    }

    /// Something is not as it should be, and goes on.
    pub(crate) fn warning(self, text: impl Display) {
        match self.reader {
            Reader::Program => self.event("warning", json!({"text": text.to_string()})),
            Reader::Person => {
                let word = paint(self.color_err, Look::Yellow, "warning:");
                err(&format!("{word} {text}"));
            }
        }
    }

    /// A warning that is already laid out, such as a compiler's.
    pub(crate) fn report(self, text: &str) {
        match self.reader {
            Reader::Program => self.event("warning", json!({"text": text})),
            Reader::Person => err(text),
        }
    }

    /// Why a command ends: the chain of causes once, and after a blank line what to try.
    pub(crate) fn error(self, error: &dyn std::error::Error, hint: Option<&str>) {
        self.mistake(&chain(error), hint);
    }

    /// The same of a text.
    pub(crate) fn mistake(self, text: &str, hint: Option<&str>) {
        if self.reader == Reader::Program {
            return self.event("error", json!({"text": text, "hint": hint}));
        }
        let word = paint(self.color_err, Look::Red, "error:");
        err(&format!("{word} {text}"));
        if let Some(hint) = hint {
            let word = paint(self.color_err, Look::Bold, "hint:");
            err(&format!("\n{word} {hint}"));
        }
    }

    /// A line that a room wrote.
    pub(crate) fn room(self, line: &LogLine) {
        let loud = line.level >= LogLevel::Warn;
        if self.reader == Reader::Program {
            let room = line.room.to_string();
            let level = level(line.level);
            let fields = json!({"room": room, "level": level, "text": line.text});
            return self.event("log", fields);
        }
        if self.loudness == Loudness::Quiet && !loud {
            return;
        }
        let color = if loud { self.color_err } else { self.color_out };
        let text = room_line(line, color);
        if loud { err(&text) } else { out(&text) }
    }

    /// An answered request.
    pub(crate) fn request(self, method: &str, path: &str, status: u16, took: Duration) {
        if self.reader == Reader::Program {
            let ms = millis(took);
            let fields = json!({"method": method, "path": path, "status": status, "ms": ms});
            return self.event("request", fields);
        }
        if self.loudness == Loudness::Quiet {
            return;
        }
        let took = milliseconds(took);
        let status_look = match status {
            500.. => Look::Red,
            400..500 => Look::Yellow,
            _ => Look::Dim,
        };
        let method = paint(self.color_out, Look::Dim, &format!("{method} {path}"));
        let status = paint(self.color_out, status_look, &status.to_string());
        let took = paint(self.color_out, Look::Dim, &format!("({took})"));
        out(&format!("{method} {status} {took}"));
    }

    /// Rooms were carried somewhere: how many of what, and a sentence for people.
    pub(crate) fn carried(self, event: &str, counts: [(&str, u64); 3], text: impl Display) {
        match self.reader {
            Reader::Program => {
                let counts = counts.map(|(what, count)| (what.to_owned(), count.into()));
                self.event(event, Value::Object(counts.into_iter().collect()));
            }
            Reader::Person => self.step(text),
        }
    }

    /// What keys do.
    pub(crate) fn keys(self, keys: &[(char, &str)]) {
        let keys = keys.iter().map(|(key, what)| {
            let key = paint(self.color_out, Look::Bold, &key.to_string());
            let what = paint(self.color_out, Look::Dim, what);
            format!("{key} {what}")
        });
        self.step(format!("\n  {}\n", keys.collect::<Vec<_>>().join("   ")));
    }

    /// Empties the screen, and what can be scrolled back to.
    pub(crate) fn clear(self) {
        out("\u{1b}[2J\u{1b}[3J\u{1b}[H");
    }

    /// One line of JSON.
    fn event(self, event: &str, fields: Value) {
        let mut object = serde_json::Map::new();
        object.insert("event".to_owned(), event.into());
        if let Value::Object(fields) = fields {
            object.extend(fields);
        }
        out(&Value::Object(object).to_string());
    }
}

fn millis(took: Duration) -> f64 {
    (took.as_secs_f64() * 1e6).round() / 1e3
}

fn level(level: LogLevel) -> &'static str {
    match level {
        LogLevel::Debug => "debug",
        LogLevel::Log => "log",
        LogLevel::Info => "info",
        LogLevel::Warn => "warn",
        LogLevel::Error => "error",
    }
}

/// `error main/lobby: text`, further lines indented.
fn room_line(line: &LogLine, color: bool) -> String {
    let look = match line.level {
        LogLevel::Debug | LogLevel::Log | LogLevel::Info => Look::Dim,
        LogLevel::Warn => Look::Yellow,
        LogLevel::Error => Look::Red,
    };
    let word = paint(color, look, level(line.level));
    let room = paint(color, Look::Cyan, &line.room.to_string());
    format!("{word} {room}: {}", line.text.replace('\n', "\n  "))
}

fn paint(color: bool, look: Look, text: &str) -> String {
    if color {
        format!("\u{1b}[{}m{text}\u{1b}[0m", look.code())
    } else {
        text.to_owned()
    }
}

/// Text that is neither for a person nor an event, as it is.
pub(crate) fn raw(text: &[u8]) {
    let _ = io::stdout().lock().write_all(text);
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
}

//! What open pages of a project under development are told: what is wrong with the code, and that
//! something they are made of has changed.
//!
//! Pages hold one WebSocket each (a browser opens six HTTP connections to a host at most, and a
//! stream of events would keep one of them). It carries the state as a whole, so that a page that
//! comes late or again knows as much as one that was there.

use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use tokio::sync::watch;

/// The script that pages are given.
pub(crate) const SCRIPT: &str = include_str!("live.js");

/// Where it is found.
pub(crate) const SCRIPT_PATH: &str = "/__partykit/live.js";

/// Where it asks.
pub(crate) const SOCKET_PATH: &str = "/__partykit/live";

/// The teller's end; a clone tells the same pages.
#[derive(Debug, Clone)]
pub struct Live {
    state: watch::Sender<State>,
}

#[derive(Debug, Clone)]
struct State {
    /// Of this process: a page that finds another one was made of what may not be there any more.
    run: u64,
    pages: u64,
    styles: u64,
    rooms: u64,
    problem: Option<Arc<Problem>>,
}

/// What pages show until it is mended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// One line.
    pub title: String,
    /// As many as there are.
    pub text: String,
    /// What goes on meanwhile, in one sentence.
    pub meanwhile: String,
}

impl Default for Live {
    fn default() -> Self {
        let since = SystemTime::now().duration_since(UNIX_EPOCH);
        let micros = since.as_ref().map_or(0, Duration::as_micros);
        let state = State {
            // Below 2^53 until the year 2255, and so exact in JavaScript.
            run: u64::try_from(micros).unwrap_or(0),
            pages: 0,
            styles: 0,
            rooms: 0,
            problem: None,
        };
        Self {
            state: watch::Sender::new(state),
        }
    }
}

impl Live {
    /// What is wrong now; `None` when nothing is.
    pub fn set_problem(&self, problem: Option<Problem>) {
        self.state.send_if_modified(|state| {
            let changed = state.problem.as_deref() != problem.as_ref();
            state.problem = problem.map(Arc::new);
            changed
        });
    }

    /// Pages are loaded again.
    pub fn reload(&self) {
        self.state.send_modify(|state| state.pages += 1);
    }

    /// Style sheets are loaded again; pages stay.
    pub fn restyle(&self) {
        self.state.send_modify(|state| state.styles += 1);
    }

    /// Pages that rooms have written are loaded again: rooms have other code.
    pub fn reload_of_rooms(&self) {
        self.state.send_modify(|state| state.rooms += 1);
    }

    pub(crate) fn listen(&self) -> Listener {
        let mut state = self.state.subscribe();
        state.mark_changed();
        Listener { state }
    }
}

/// One page's end.
pub(crate) struct Listener {
    state: watch::Receiver<State>,
}

impl Listener {
    /// The state as JSON, at once and then whenever it has changed; `None` when nobody tells any
    /// more.
    pub(crate) async fn next(&mut self) -> Option<String> {
        self.state.changed().await.ok()?;
        Some(json(&self.state.borrow_and_update()))
    }
}

fn json(state: &State) -> String {
    let problem = state.problem.as_deref().map_or_else(
        || "null".to_owned(),
        |problem| {
            let (title, text) = (quoted(&problem.title), quoted(&problem.text));
            let meanwhile = quoted(&problem.meanwhile);
            format!("{{\"title\":{title},\"text\":{text},\"meanwhile\":{meanwhile}}}")
        },
    );
    let State {
        run,
        pages,
        styles,
        rooms,
        ..
    } = state;
    format!(
        "{{\"run\":{run},\"pages\":{pages},\"styles\":{styles},\"rooms\":{rooms},\
         \"problem\":{problem}}}"
    )
}

fn quoted(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 2);
    out.push('"');
    for c in text.chars() {
        match c {
            '"' | '\\' => out.extend(['\\', c]),
            c if u32::from(c) < 0x20 => out.push_str(&format!("\\u{:04x}", u32::from(c))),
            c => out.push(c),
        }
    }
    out.push('"');
    out
}

/// Whose a page is, which decides on when it is loaded again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum PageOf {
    /// A file of the project.
    Project,
    /// A room has written it.
    Room,
}

/// A page with the script in its head; where none is to be seen, in front of everything but the
/// document type, without which browsers fall back to the rules of the nineties.
pub(crate) fn with_script(page: &[u8], of: PageOf) -> Vec<u8> {
    let whose = match of {
        PageOf::Project => "",
        PageOf::Room => " data-of=\"room\"",
    };
    let tag = format!("<script src=\"{SCRIPT_PATH}\"{whose}></script>");
    let at = after(page, b"<head").or_else(|| after(page, b"<!doctype"));
    let (before, rest) = page
        .split_at_checked(at.unwrap_or(0))
        .unwrap_or((page, &[]));
    [before, tag.as_bytes(), rest].concat()
}

/// The end of the first tag that begins so.
fn after(page: &[u8], tag: &[u8]) -> Option<usize> {
    let is_it = |window: &[u8]| {
        let (name, next) = window.split_at(tag.len());
        // `<header` is no `<head`.
        let ends = matches!(next, [byte] if !byte.is_ascii_alphanumeric());
        name.eq_ignore_ascii_case(tag) && ends
    };
    let start = page.windows(tag.len() + 1).position(is_it)?;
    let length = page.get(start..)?.iter().position(|byte| *byte == b'>')?;
    Some(start + length + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn scripted(page: &str) -> String {
        let tag = format!("<script src=\"{SCRIPT_PATH}\"></script>");
        let page = with_script(page.as_bytes(), PageOf::Project);
        String::from_utf8(page).unwrap().replace(&tag, "|")
    }

    #[test]
    fn the_script_comes_first_in_the_head_and_never_before_the_document_type() {
        for (page, expected) in [
            (
                "<!DOCTYPE html><html><HEAD lang='x'><title>",
                "<!DOCTYPE html><html><HEAD lang='x'>|<title>",
            ),
            (
                "<!doctype html><header>x</header>",
                "<!doctype html>|<header>x</header>",
            ),
            ("<p>bare", "|<p>bare"),
            ("<head", "|<head"),
            ("", "|"),
        ] {
            assert_eq!(scripted(page), expected);
        }
    }

    #[tokio::test]
    async fn a_page_is_told_the_state_at_once_and_every_change_of_it() {
        let live = Live::default();
        let mut page = live.listen();
        let first = page.next().await.unwrap();
        assert!(
            first.ends_with("\"pages\":0,\"styles\":0,\"rooms\":0,\"problem\":null}"),
            "{first}"
        );
        let problem = Problem {
            title: "a \"b\"".to_owned(),
            text: "c\n\\d".to_owned(),
            meanwhile: "e".to_owned(),
        };
        live.set_problem(Some(problem.clone()));
        let told = page.next().await.unwrap();
        let expected = "\"problem\":{\"title\":\"a \\\"b\\\"\",\
                        \"text\":\"c\\u000a\\\\d\",\"meanwhile\":\"e\"}}";
        assert!(told.ends_with(expected), "{told}");
        // The same again is nothing new.
        live.set_problem(Some(problem));
        live.restyle();
        live.reload();
        live.reload_of_rooms();
        let told = page.next().await.unwrap();
        assert!(
            told.contains("\"pages\":1,\"styles\":1,\"rooms\":1,"),
            "{told}"
        );
        drop(live);
        assert_eq!(page.next().await, None);
    }
}

//! A host that records what the guest asks of it. One for each thread, so that every test has its
//! own; time stands still, timers and events are delivered by the test.

use std::cell::RefCell;
use std::collections::BTreeMap;

/// What the guest did, in order, as short texts: `send 1 hello`, `settle 7 done`.
#[derive(Default)]
pub(crate) struct Recorded {
    pub(crate) effects: Vec<String>,
    pub(crate) stored: BTreeMap<String, Vec<u8>>,
    /// Next timer, section and random byte.
    pub(crate) counter: u64,
    /// Open sections, innermost last.
    pub(crate) sections: Vec<u64>,
    /// Writes to bodies are answered with "enough".
    pub(crate) bodies_are_full: bool,
    /// Events were ended by the host: settling them is refused.
    pub(crate) settled_already: bool,
    /// Bodies and connections that the host has forgotten.
    pub(crate) gone: Vec<u64>,
    pub(crate) alarm: Option<u64>,
    /// There is nothing to wait for.
    pub(crate) is_durable: bool,
    /// Entries of one page of a listing; 0 is no limit.
    pub(crate) page: usize,
}

thread_local! {
    static RECORDED: RefCell<Recorded> = RefCell::default();
}

/// Looks at, or changes, this thread's host.
pub(crate) fn with<R>(look: impl FnOnce(&mut Recorded) -> R) -> R {
    RECORDED.with_borrow_mut(look)
}

fn record(effect: String) {
    with(|host| host.effects.push(effect));
}

fn next() -> u64 {
    with(|host| {
        host.counter += 1;
        host.counter
    })
}

pub(crate) mod clock {
    pub(crate) fn now_us() -> u64 {
        1_700_000_000_000_000
    }

    pub(crate) fn monotonic_us() -> u64 {
        super::with(|host| host.counter * 1000 + 1000)
    }
}

pub(crate) mod log {
    pub(crate) use crate::bindings::partykit::room::log::Level;

    pub(crate) fn write(level: Level, text: &str) {
        let name = match level {
            Level::Debug => "debug",
            Level::Log => "log",
            Level::Info => "info",
            Level::Warn => "warn",
            Level::Error => "error",
        };
        super::record(format!("{name} {text}"));
    }
}

pub(crate) mod random {
    use crate::bindings::partykit::room::types::Refusal;

    pub(crate) fn bytes(count: u32) -> Result<Vec<u8>, Refusal> {
        if count > 65_536 {
            return Err(Refusal::Invalid(
                "at most 65536 random bytes at once".to_owned(),
            ));
        }
        Ok((0..count).map(|_| super::next() as u8).collect())
    }
}

pub(crate) mod events {
    pub(crate) use crate::bindings::partykit::room::events::Outcome;
    use crate::bindings::partykit::room::types::{ContentParam, Refusal};

    pub(crate) fn settle(event: u64, outcome: Outcome<'_>) -> Result<(), Refusal> {
        if super::with(|host| host.settled_already) {
            return Err(Refusal::Gone);
        }
        super::record(match outcome {
            Outcome::Done => format!("settle {event} done"),
            Outcome::Failed(failure) => match failure.status {
                Some(status) => format!("settle {event} failed {status} {}", failure.message),
                None => format!("settle {event} failed {}", failure.message),
            },
            Outcome::Response(response) => {
                let pairs = response.headers.iter();
                let headers: Vec<String> = pairs
                    .map(|(name, value)| format!("{name}={value}"))
                    .collect();
                let body = match response.body {
                    ContentParam::Whole(bytes) => String::from_utf8_lossy(bytes).into_owned(),
                    ContentParam::Pieces(body) => format!("pieces {body}"),
                };
                format!(
                    "settle {event} {} [{}] {body}",
                    response.status,
                    headers.join(";")
                )
            }
        });
        Ok(())
    }
}

pub(crate) mod sections {
    pub(crate) use crate::bindings::partykit::room::sections::{Ending, Kind};
    use crate::bindings::partykit::room::types::Refusal;

    pub(crate) fn enter(outer: u64, kind: Kind) -> Result<u64, Refusal> {
        let scope = super::next();
        super::with(|host| {
            if host.sections.last().copied().unwrap_or(0) != outer {
                return Err(Refusal::Invalid(format!(
                    "{outer} is not the innermost section"
                )));
            }
            host.sections.push(scope);
            let what = match kind {
                Kind::Block => "enter",
                Kind::Transaction => "begin",
            };
            host.effects.push(format!("{what} {outer} {scope}"));
            Ok(scope)
        })
    }

    pub(crate) fn leave(scope: u64, ending: Ending) -> Result<(), Refusal> {
        super::with(|host| {
            if host.sections.last() != Some(&scope) {
                return Err(Refusal::Invalid(format!(
                    "{scope} is not the innermost section"
                )));
            }
            host.sections.pop();
            let ending = match ending {
                Ending::Keep => "keep",
                Ending::Rollback => "rollback",
                Ending::Broken => "broken",
            };
            host.effects.push(format!("leave {scope} {ending}"));
            Ok(())
        })
    }
}

pub(crate) mod connections {
    use crate::bindings::partykit::room::types::{MessageParam, Refusal};

    fn shown(message: MessageParam<'_>) -> String {
        match message {
            MessageParam::Text(text) => text.to_owned(),
            MessageParam::Binary(bytes) => format!("{bytes:?}"),
        }
    }

    pub(crate) fn accept(connection: u64, tags: &[&str]) -> Result<(), Refusal> {
        if super::with(|host| host.gone.contains(&connection)) {
            return Err(Refusal::Gone);
        }
        super::record(format!("accept {connection} {}", tags.join(",")));
        Ok(())
    }

    pub(crate) fn send(connection: u64, message: MessageParam<'_>) -> Result<(), Refusal> {
        super::record(format!("send {connection} {}", shown(message)));
        Ok(())
    }

    pub(crate) fn broadcast(message: MessageParam<'_>, without: &[u64]) -> Result<(), Refusal> {
        super::record(format!("broadcast {without:?} {}", shown(message)));
        Ok(())
    }

    pub(crate) fn close(connection: u64, code: Option<u16>, reason: &str) -> Result<(), Refusal> {
        let code = code.map_or("-".to_owned(), |code| code.to_string());
        super::record(format!("close {connection} {code} {reason}"));
        Ok(())
    }
}

pub(crate) mod bodies {
    use crate::bindings::partykit::room::types::Refusal;

    pub(crate) fn open() -> Result<u64, Refusal> {
        let body = super::next();
        super::record(format!("open {body}"));
        Ok(body)
    }

    pub(crate) fn write(body: u64, piece: &[u8], scope: u64) -> Result<bool, Refusal> {
        known(body)?;
        let piece = String::from_utf8_lossy(piece);
        super::record(format!("write {body} {piece} scope {scope}"));
        Ok(!super::with(|host| host.bodies_are_full))
    }

    pub(crate) fn finish(body: u64) -> Result<(), Refusal> {
        known(body)?;
        super::record(format!("finish {body}"));
        Ok(())
    }

    pub(crate) fn abort(body: u64) {
        super::record(format!("abort {body}"));
    }

    pub(crate) fn pull(body: u64, scope: u64) -> Result<(), Refusal> {
        known(body)?;
        super::record(format!("pull {body} scope {scope}"));
        Ok(())
    }

    pub(crate) fn cancel(body: u64) {
        super::record(format!("cancel {body}"));
    }

    fn known(body: u64) -> Result<(), Refusal> {
        match super::with(|host| host.gone.contains(&body)) {
            true => Err(Refusal::Gone),
            false => Ok(()),
        }
    }
}

pub(crate) mod alarms {
    use crate::bindings::partykit::room::types::Refusal;

    pub(crate) fn get() -> Result<Option<u64>, Refusal> {
        Ok(super::with(|host| host.alarm))
    }

    pub(crate) fn set(at_ms: u64) -> Result<(), Refusal> {
        super::with(|host| host.alarm = Some(at_ms));
        super::record(format!("alarm {at_ms}"));
        Ok(())
    }

    pub(crate) fn delete() -> Result<(), Refusal> {
        super::with(|host| host.alarm = None);
        super::record("no alarm".to_owned());
        Ok(())
    }
}

pub(crate) mod timers {
    use crate::bindings::partykit::room::types::Refusal;

    pub(crate) fn set(delay_ms: u64, scope: u64) -> Result<u64, Refusal> {
        let timer = super::next();
        super::record(format!("timer {timer} {delay_ms}ms scope {scope}"));
        Ok(timer)
    }

    pub(crate) fn clear(timer: u64) {
        super::record(format!("clear {timer}"));
    }
}

pub(crate) mod storage {
    pub(crate) use crate::bindings::partykit::room::storage::{Page, Range};
    use crate::bindings::partykit::room::types::Refusal;

    pub(crate) fn get(key: &str) -> Result<Option<Vec<u8>>, Refusal> {
        Ok(super::with(|host| host.stored.get(key).cloned()))
    }

    pub(crate) fn put(key: &str, value: &[u8]) -> Result<(), Refusal> {
        super::with(|host| host.stored.insert(key.to_owned(), value.to_vec()));
        super::record(format!("put {key}"));
        Ok(())
    }

    pub(crate) fn delete(key: &str) -> Result<bool, Refusal> {
        super::record(format!("delete {key}"));
        Ok(super::with(|host| host.stored.remove(key)).is_some())
    }

    pub(crate) fn delete_all() -> Result<(), Refusal> {
        super::with(|host| host.stored.clear());
        super::record("delete all".to_owned());
        Ok(())
    }

    pub(crate) fn sync(scope: u64) -> Result<Option<u64>, Refusal> {
        super::record(format!("sync scope {scope}"));
        let is_durable = super::with(|host| host.is_durable);
        Ok((!is_durable).then(super::next))
    }

    pub(crate) fn list(range: Range<'_>, after: Option<&str>) -> Result<Page, Refusal> {
        super::with(|host| {
            let beyond = |key: &str, after: &str| {
                if range.reverse {
                    key < after
                } else {
                    key > after
                }
            };
            let inside = |key: &str| {
                range.start.is_none_or(|start| key >= start)
                    && range.end.is_none_or(|end| key < end)
                    && range.prefix.is_none_or(|prefix| key.starts_with(prefix))
                    && after.is_none_or(|after| beyond(key, after))
            };
            let found = host.stored.iter().filter(|(key, _)| inside(key));
            let mut all: Vec<(String, Vec<u8>)> = found
                .map(|(key, value)| (key.clone(), value.clone()))
                .collect();
            if range.reverse {
                all.reverse();
            }
            all.truncate(range.limit.map_or(usize::MAX, |limit| limit as usize));
            let cut = host.page != 0 && host.page < all.len();
            all.truncate(if cut { host.page } else { all.len() });
            let more = all.last().filter(|_| cut).map(|(key, _)| key.clone());
            Ok(Page { entries: all, more })
        })
    }
}

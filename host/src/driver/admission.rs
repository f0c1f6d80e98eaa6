//! Who makes room when there are as many rooms as there may be, and what is said when nobody can.
//!
//! Looking for idle rooms walks over all of them, so several are found at a time, and when there
//! are none nobody looks again for a moment: a full host refuses quickly.

use parking_lot::Mutex;
use partykit_core::{LogLevel, Now};

use crate::log::LogSink;

/// Rooms that are given up at a time: the walk that found them is paid for by as many newcomers.
const EVICTED_AT_ONCE: usize = 64;

/// After nobody was found to be idle, nobody is looked for during this time.
const LOOK_AGAIN_US: u64 = 100_000;

/// One line says how many were refused since the last one.
const LINE_EVERY_US: u64 = 60_000_000;

/// The limit, and what has been done about it.
pub(super) struct Admission {
    pub(super) max: usize,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    look_again_at_us: u64,
    refused: u64,
    next_line_at_us: u64,
}

impl Admission {
    pub(super) fn new(max: usize) -> Self {
        Self {
            max,
            state: Mutex::default(),
        }
    }

    /// Whether somebody idle may be found.
    pub(super) fn may_look(&self, now: Now) -> bool {
        now.monotonic_us >= self.state.lock().look_again_at_us
    }

    /// So many idle rooms were found.
    pub(super) fn found(&self, count: usize, now: Now) {
        if count == 0 {
            self.state.lock().look_again_at_us = now.monotonic_us + LOOK_AGAIN_US;
        }
    }

    /// Of rooms and since when they are idle, those that are for longest.
    pub(super) fn oldest<R>(idle: impl Iterator<Item = (u64, R)>) -> Vec<R> {
        let mut idle: Vec<_> = idle.collect();
        if idle.len() > EVICTED_AT_ONCE {
            idle.select_nth_unstable_by_key(EVICTED_AT_ONCE, |(since, _)| *since);
            idle.truncate(EVICTED_AT_ONCE);
        }
        idle.into_iter().map(|(_, room)| room).collect()
    }

    /// A room was refused.
    pub(super) fn refused(&self, now: Now, log: &dyn LogSink) {
        let refused = {
            let mut state = self.state.lock();
            state.refused += 1;
            if now.monotonic_us < state.next_line_at_us {
                return;
            }
            state.next_line_at_us = now.monotonic_us + LINE_EVERY_US;
            std::mem::take(&mut state.refused)
        };
        let max = self.max;
        let text = format!(
            "the host is full: {refused} refused since this was said last \
             (max_resident_rooms is {max})"
        );
        log.host(LogLevel::Warn, &text);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn those_idle_for_longest_go_first_and_not_all_at_once() {
        let idle = (0..200u64).map(|since| (since, since)).rev();
        let mut gone = Admission::oldest(idle);
        gone.sort_unstable();
        assert_eq!(gone, (0..64).collect::<Vec<_>>());
        assert_eq!(Admission::oldest([(7, "a")].into_iter()), ["a"]);
    }

    #[test]
    fn after_nobody_was_found_nobody_is_looked_for_at_once() {
        let at = |monotonic_us| Now {
            monotonic_us,
            ..Now::default()
        };
        let admission = Admission::new(1);
        assert!(admission.may_look(at(5)));
        admission.found(0, at(5));
        assert!(!admission.may_look(at(6)));
        assert!(admission.may_look(at(5 + LOOK_AGAIN_US)));
    }
}

//! How long a room whose guest keeps failing waits before it is given another one. Without it,
//! every reconnecting client would restart a room that cannot start.

use partykit_core::Limits;

/// The pause stops doubling here.
const BACKOFF_MS_MAX: u64 = 60_000;

/// A room that ran so long after its last pause is trusted again.
const FORGIVEN_AFTER_US: u64 = 60_000_000;

#[derive(Debug, Default)]
pub(crate) struct Restart {
    failures: u32,
    not_before_us: u64,
    reason: String,
}

impl Restart {
    /// The guest failed: the first failure is forgiven, from the second on there is a pause.
    pub(crate) fn failed(&mut self, reason: String, now_us: u64, limits: &Limits) {
        if now_us > self.not_before_us + FORGIVEN_AFTER_US {
            self.failures = 0;
        }
        self.failures = self.failures.saturating_add(1);
        self.reason = reason;
        let doublings = self.failures.saturating_sub(2).min(16);
        let pause_ms = match self.failures {
            1 => 0,
            _ => (limits.restart_backoff_ms << doublings).min(BACKOFF_MS_MAX),
        };
        self.not_before_us = now_us + pause_ms * 1000;
    }

    /// How often it has failed in a row.
    pub(crate) fn failures(&self) -> u32 {
        self.failures
    }

    /// While the room must wait: until when, and what made it wait.
    pub(crate) fn pause(&self, now_us: u64) -> Option<(u64, &str)> {
        (now_us < self.not_before_us).then_some((self.not_before_us, self.reason.as_str()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_pause_begins_with_the_second_failure_doubles_and_is_forgotten_in_time() {
        let (mut restart, limits) = (Restart::default(), Limits::default());
        restart.failed("boom".into(), 0, &limits);
        assert_eq!(restart.pause(0), None);
        restart.failed("boom".into(), 0, &limits);
        assert_eq!(restart.pause(0), Some((500_000, "boom")));
        restart.failed("boom".into(), 500_000, &limits);
        assert_eq!(restart.pause(500_000), Some((1_500_000, "boom")));
        for _ in 0..50 {
            restart.failed("boom".into(), 0, &limits);
        }
        assert_eq!(restart.pause(0), Some((60_000_000, "boom")));
        restart.failed("boom".into(), 60_000_000 + FORGIVEN_AFTER_US + 1, &limits);
        assert_eq!(restart.failures(), 1);
        assert_eq!(restart.pause(60_000_000 + FORGIVEN_AFTER_US + 1), None);
    }
}

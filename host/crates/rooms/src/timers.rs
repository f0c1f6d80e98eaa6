//! Armed timers of one guest, in the order they are due. They live and die with the guest; the
//! driver only ever hears of the earliest.

use std::collections::{BTreeMap, HashMap};

use partykit_core::{Limits, Refusal, Scope, TimerHandle};

/// 24.8 days, the longest delay browsers and Node know; theirs fire at once above it, ours then.
const DELAY_MS_MAX: u64 = i32::MAX as u64;

#[derive(Debug, Default)]
pub(crate) struct Timers {
    /// Handles grow, so that equal moments fire in the order they were set.
    by_due: BTreeMap<(u64, TimerHandle), Scope>,
    due_of: HashMap<TimerHandle, u64>,
    last: u64,
}

impl Timers {
    pub(crate) fn set(
        &mut self,
        delay_ms: u64,
        scope: Scope,
        now_us: u64,
        limits: &Limits,
    ) -> Result<TimerHandle, Refusal> {
        let armed = self.by_due.len() as u64;
        if armed >= limits.timers_max {
            let (value, max) = (armed + 1, limits.timers_max);
            return Err(Refusal::Limit {
                name: "timers_max",
                value,
                max,
            });
        }
        self.last += 1;
        let timer = TimerHandle(self.last);
        let due = now_us + delay_ms.min(DELAY_MS_MAX) * 1000;
        self.by_due.insert((due, timer), scope);
        self.due_of.insert(timer, due);
        Ok(timer)
    }

    /// Says whether it was armed.
    pub(crate) fn clear(&mut self, timer: TimerHandle) -> bool {
        let due = self.due_of.remove(&timer);
        due.is_some_and(|due| self.by_due.remove(&(due, timer)).is_some())
    }

    /// The next timer that is due, and the scope it was set in.
    pub(crate) fn take_due(&mut self, now_us: u64) -> Option<(TimerHandle, Scope)> {
        let entry = self.by_due.first_entry()?;
        let (due, timer) = *entry.key();
        if due > now_us {
            return None;
        }
        self.due_of.remove(&timer);
        Some((timer, entry.remove()))
    }

    /// A section ended: what it started belongs to the one around it.
    pub(crate) fn rescope(&mut self, ended: Scope, outer: Scope) {
        let armed = self.by_due.values_mut();
        armed
            .filter(|scope| **scope == ended)
            .for_each(|scope| *scope = outer);
    }

    pub(crate) fn next_due_us(&self) -> Option<u64> {
        self.by_due.first_key_value().map(|((due, _), _)| *due)
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.by_due.is_empty()
    }

    /// The guest is gone, and its timers with it. Handles are not given out twice.
    pub(crate) fn forget_all(&mut self) {
        self.by_due.clear();
        self.due_of.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn timers_fire_in_the_order_of_their_moments_and_then_of_their_setting() {
        let (mut timers, limits) = (Timers::default(), Limits::default());
        let late = timers.set(5, Scope::NONE, 0, &limits).unwrap();
        let first = timers.set(1, Scope::NONE, 0, &limits).unwrap();
        let second = timers.set(1, Scope::NONE, 0, &limits).unwrap();
        let cleared = timers.set(2, Scope::NONE, 0, &limits).unwrap();
        assert!(timers.clear(cleared));
        assert!(!timers.clear(cleared));
        assert_eq!(timers.next_due_us(), Some(1000));
        assert_eq!(timers.take_due(999), None);
        let fired: Vec<_> = std::iter::from_fn(|| timers.take_due(10_000))
            .map(|(timer, _)| timer)
            .collect();
        assert_eq!(fired, [first, second, late]);
        assert!(timers.is_empty());
    }

    #[test]
    fn a_timer_above_timers_max_is_refused_by_name() {
        let mut limits = Limits::default();
        limits.timers_max = 1;
        let mut timers = Timers::default();
        timers.set(0, Scope::NONE, 0, &limits).unwrap();
        let error = timers.set(0, Scope::NONE, 0, &limits).unwrap_err();
        assert!(error.to_string().contains("timers_max"), "{error}");
    }
}

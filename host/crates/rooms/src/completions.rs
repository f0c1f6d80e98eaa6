//! Completions of started work that wait to enter: timers that are due, pieces of bodies, room to
//! write on, writes that are durable. Unlike other events each belongs to a scope, and enters while
//! its section is open.
//!
//! Bound: each is the one answer to something the guest has started, and those have limits.

use std::collections::VecDeque;

use partykit_core::{BodyEvent, BodyHandle, Scope, SyncHandle, TimerHandle};

/// What has completed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Completion {
    Timer(TimerHandle),
    Body { body: BodyHandle, what: BodyEvent },
    Synced(SyncHandle),
}

#[derive(Debug)]
struct Waiting {
    /// Orders it among the events of the mailbox.
    arrival: u64,
    scope: Scope,
    completion: Completion,
}

#[derive(Debug, Default)]
pub(crate) struct Completions {
    waiting: VecDeque<Waiting>,
}

impl Completions {
    pub(crate) fn push(&mut self, arrival: u64, scope: Scope, completion: Completion) {
        self.waiting.push_back(Waiting {
            arrival,
            scope,
            completion,
        });
    }

    /// Arrival number of the first that may enter: any, or those of the open section.
    pub(crate) fn first(&self, open: Option<Scope>) -> Option<u64> {
        let may_enter = |waiting: &&Waiting| open.is_none_or(|open| open == waiting.scope);
        self.waiting
            .iter()
            .find(may_enter)
            .map(|waiting| waiting.arrival)
    }

    pub(crate) fn take(&mut self, arrival: u64) -> Option<Completion> {
        let index = self
            .waiting
            .iter()
            .position(|waiting| waiting.arrival == arrival)?;
        self.waiting.remove(index).map(|waiting| waiting.completion)
    }

    /// A timer was cleared after it was due and before it was delivered.
    pub(crate) fn forget_timer(&mut self, timer: TimerHandle) {
        self.waiting
            .retain(|waiting| waiting.completion != Completion::Timer(timer));
    }

    /// A section ended: what it started belongs to the one around it.
    pub(crate) fn rescope(&mut self, ended: Scope, outer: Scope) {
        let of_ended = self
            .waiting
            .iter_mut()
            .filter(|waiting| waiting.scope == ended);
        of_ended.for_each(|waiting| waiting.scope = outer);
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.waiting.is_empty()
    }

    /// The guest is gone, and nobody waits for them.
    pub(crate) fn forget_all(&mut self) {
        self.waiting.clear();
    }
}

//! Delivered events whose handlers have not settled: what each answer will be for, and by when it
//! must come.

use std::collections::{BTreeSet, HashMap};

use partykit_core::{ConnectionHandle, EventId, Scope};

use crate::ExchangeId;

/// What a settle will mean.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Debt {
    /// The gate opens.
    Start { scope: Scope },
    /// The handshake is answered.
    Connect { connection: ConnectionHandle },
    /// The request is answered.
    Request { exchange: ExchangeId },
    /// The alarm is forgotten, or tried again.
    Alarm,
    /// A peer that said its last is answered.
    Close { connection: ConnectionHandle },
    /// The client of the request has gone.
    Gone,
    /// Nobody waits; only quietness depends on it. The word is for the log.
    Nobody { handler: &'static str },
}

impl Debt {
    /// Whether a peer, the whole room or its alarm waits for it.
    pub(crate) fn is_awaited(self) -> bool {
        !matches!(self, Self::Nobody { .. } | Self::Gone | Self::Close { .. })
    }

    /// The handler's name in room code.
    pub(crate) fn handler(self) -> &'static str {
        match self {
            Self::Start { .. } => "onStart",
            Self::Connect { .. } => "onConnect",
            Self::Request { .. } | Self::Gone => "onRequest",
            Self::Alarm => "onAlarm",
            Self::Close { .. } => "onClose",
            Self::Nobody { handler } => handler,
        }
    }
}

#[derive(Debug)]
struct Entry {
    debt: Debt,
    /// Every awaited event has one.
    deadline_us: Option<u64>,
}

#[derive(Debug, Default)]
pub(crate) struct Owed {
    entries: HashMap<EventId, Entry>,
    /// Of requests, by what the driver names them.
    requests: HashMap<ExchangeId, EventId>,
    deadlines: BTreeSet<(u64, EventId)>,
    /// Awaited events about which the guest was not asked yet whether they can still settle.
    unasked: Vec<EventId>,
    last: u64,
}

impl Owed {
    pub(crate) fn add(&mut self, debt: Debt, deadline_us: Option<u64>) -> EventId {
        self.last += 1;
        let event = EventId(self.last);
        self.entries.insert(event, Entry { debt, deadline_us });
        if let Debt::Request { exchange } = debt {
            self.requests.insert(exchange, event);
        }
        if let Some(deadline) = deadline_us {
            self.deadlines.insert((deadline, event));
        }
        if debt.is_awaited() {
            self.unasked.push(event);
        }
        event
    }

    pub(crate) fn settle(&mut self, event: EventId) -> Option<Debt> {
        let entry = self.entries.remove(&event)?;
        if let Debt::Request { exchange } = &entry.debt {
            self.requests.remove(exchange);
        }
        if self.unasked.last() == Some(&event) {
            // The usual case: settled in the turn that delivered it.
            self.unasked.pop();
        }
        if let Some(deadline) = entry.deadline_us {
            self.deadlines.remove(&(deadline, event));
        }
        Some(entry.debt)
    }

    /// The client of a request has gone: its event, if it is owed. Nobody waits for it any more.
    pub(crate) fn gone(&mut self, exchange: ExchangeId) -> Option<EventId> {
        let event = self.requests.remove(&exchange)?;
        let entry = self.entries.get_mut(&event)?;
        entry.debt = Debt::Gone;
        if let Some(deadline) = entry.deadline_us.take() {
            self.deadlines.remove(&(deadline, event));
        }
        Some(event)
    }

    pub(crate) fn debt(&self, event: EventId) -> Option<Debt> {
        self.entries.get(&event).map(|entry| entry.debt)
    }

    pub(crate) fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether a peer or the whole room waits for something.
    pub(crate) fn is_awaited(&self) -> bool {
        !self.deadlines.is_empty()
    }

    pub(crate) fn next_deadline_us(&self) -> Option<u64> {
        self.deadlines.first().map(|(deadline, _)| *deadline)
    }

    /// One event whose time is up. It stays owed until it is settled.
    pub(crate) fn overdue(&self, now_us: u64) -> Option<EventId> {
        self.deadlines
            .first()
            .filter(|(deadline, _)| *deadline <= now_us)
            .map(|(_, event)| *event)
    }

    /// Events that somebody waits for and about which the guest was not asked yet, in order; they
    /// count as asked from now on.
    pub(crate) fn take_unasked(&mut self) -> Vec<EventId> {
        let unasked = std::mem::take(&mut self.unasked);
        unasked
            .into_iter()
            .filter(|event| self.entries.contains_key(event))
            .collect()
    }

    /// All owed events, in order.
    pub(crate) fn all(&self) -> Vec<EventId> {
        let mut events: Vec<_> = self.entries.keys().copied().collect();
        events.sort_unstable();
        events
    }

    /// The guest is gone: everything it owed, in order.
    pub(crate) fn take_all(&mut self) -> Vec<Debt> {
        self.requests.clear();
        self.deadlines.clear();
        self.unasked.clear();
        let mut entries: Vec<_> = self.entries.drain().collect();
        entries.sort_unstable_by_key(|(event, _)| *event);
        entries.into_iter().map(|(_, entry)| entry.debt).collect()
    }
}

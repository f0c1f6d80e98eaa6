//! Events that wait to enter, in the order they came. Bounded by `mailbox_events_max` and
//! `mailbox_bytes_max`: above them the driver stops reading sockets, and what it cannot hold back
//! (the end of a connection) is bounded by the number of connections.

use std::collections::VecDeque;

use partykit_core::{
    CloseInfo, ConnectionHandle, ConnectionInfo, EventId, Limits, Message, RequestHead,
};

use crate::{ExchangeId, RequestBody};

#[derive(Debug)]
pub(crate) enum Waiting {
    Connect {
        client: ConnectionInfo,
        request: RequestHead,
    },
    Message {
        sender: ConnectionHandle,
        message: Message,
    },
    Error {
        client: ConnectionInfo,
        error: String,
    },
    Close {
        client: ConnectionInfo,
        info: CloseInfo,
    },
    Request {
        exchange: ExchangeId,
        head: RequestHead,
        body: RequestBody,
    },
    /// The driver says that the room's alarm is due.
    Alarm,
    /// The client of a delivered request has gone.
    Abort { event: EventId },
}

impl Waiting {
    fn bytes(&self) -> u64 {
        let bytes = match self {
            Self::Message { message, .. } => message.len(),
            Self::Request {
                body: RequestBody::Whole(body),
                ..
            } => body.len(),
            _ => 0,
        };
        bytes as u64
    }
}

#[derive(Debug, Default)]
pub(crate) struct Mailbox {
    /// Each with its arrival number.
    events: VecDeque<(u64, Waiting)>,
    bytes: u64,
}

impl Mailbox {
    pub(crate) fn push(&mut self, arrival: u64, event: Waiting) {
        self.bytes += event.bytes();
        self.events.push_back((arrival, event));
    }

    pub(crate) fn first_arrival(&self) -> Option<u64> {
        self.events.front().map(|(arrival, _)| *arrival)
    }

    pub(crate) fn pop(&mut self) -> Option<Waiting> {
        let (_, event) = self.events.pop_front()?;
        self.bytes -= event.bytes();
        Some(event)
    }

    /// Removes what is not to be kept, and hands it over in order.
    pub(crate) fn take(&mut self, mut wanted: impl FnMut(&Waiting) -> bool) -> Vec<Waiting> {
        let (taken, kept): (VecDeque<_>, VecDeque<_>) = std::mem::take(&mut self.events)
            .into_iter()
            .partition(|(_, event)| wanted(event));
        self.events = kept;
        let taken: Vec<_> = taken.into_iter().map(|(_, event)| event).collect();
        self.bytes -= taken.iter().map(Waiting::bytes).sum::<u64>();
        taken
    }

    pub(crate) fn any(&self, wanted: impl Fn(&Waiting) -> bool) -> bool {
        self.events.iter().any(|(_, event)| wanted(event))
    }

    pub(crate) fn has_space(&self, limits: &Limits) -> bool {
        (self.events.len() as u64) < limits.mailbox_events_max
            && self.bytes < limits.mailbox_bytes_max
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.events.is_empty()
    }
}

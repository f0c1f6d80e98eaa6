//! Everything of a room but its guest: kept apart so that the guest can be run with the rest of
//! the room in its hands.

use std::sync::Arc;

use partykit_core::{
    BodyEvent, BodyHandle, Clock, Entropy, Limits, LogLevel, LogLine, RoomInfo, RoomKey,
    RoomReader, Scope, Store, SyncHandle,
};

use crate::alarm::Running;
use crate::bodies::Bodies;
use crate::completions::{Completion, Completions};
use crate::connections::Connections;
use crate::gate::OutputGate;
use crate::mailbox::Mailbox;
use crate::overlay::Overlay;
use crate::owed::Owed;
use crate::sections::Sections;
use crate::timers::Timers;
use crate::turn::Turn;
use crate::{Action, RoomParts};

pub(crate) struct State {
    pub(crate) key: RoomKey,
    pub(crate) info: RoomInfo,
    pub(crate) limits: Arc<Limits>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) entropy: Arc<dyn Entropy>,
    pub(crate) store: Arc<dyn Store>,
    pub(crate) reader: Box<dyn RoomReader>,
    pub(crate) connections: Connections,
    pub(crate) mailbox: Mailbox,
    pub(crate) timers: Timers,
    pub(crate) bodies: Bodies,
    pub(crate) completions: Completions,
    pub(crate) sections: Sections,
    pub(crate) owed: Owed,
    pub(crate) overlay: Overlay,
    pub(crate) alarm: Option<Running>,
    pub(crate) gate: OutputGate,
    pub(crate) turn: Turn,
    /// Grows when a failed commit resets the room.
    pub(crate) generation: u64,
    arrivals: u64,
}

impl State {
    pub(crate) fn new(parts: &RoomParts) -> Self {
        let key = parts.key.clone();
        let info = RoomInfo {
            id: key.room.clone(),
            internal_id: key.internal_id(),
            party: key.party.clone(),
        };
        Self {
            info,
            limits: parts.limits.clone(),
            clock: parts.clock.clone(),
            entropy: parts.entropy.clone(),
            store: parts.store.clone(),
            reader: parts.store.reader(&key),
            key,
            connections: Connections::default(),
            mailbox: Mailbox::default(),
            timers: Timers::default(),
            bodies: Bodies::default(),
            completions: Completions::default(),
            sections: Sections::default(),
            owed: Owed::default(),
            overlay: Overlay::new(&parts.limits, parts.cache_budget.clone()),
            alarm: None,
            gate: OutputGate::default(),
            turn: Turn::default(),
            generation: 0,
            arrivals: 0,
        }
    }

    /// Orders events of different queues by when they came.
    pub(crate) fn next_arrival(&mut self) -> u64 {
        self.arrivals += 1;
        self.arrivals
    }

    pub(crate) fn collect_due_timers(&mut self, now_us: u64) {
        while let Some((timer, scope)) = self.timers.take_due(now_us) {
            self.complete(scope, Completion::Timer(timer));
        }
    }

    /// Started work is done.
    pub(crate) fn complete(&mut self, scope: Scope, completion: Completion) {
        let arrival = self.next_arrival();
        self.completions.push(arrival, scope, completion);
    }

    /// Started work is done or has failed for a body.
    pub(crate) fn complete_body(&mut self, whose: Option<(BodyHandle, Scope)>, what: BodyEvent) {
        if let Some((body, scope)) = whose {
            self.complete(scope, Completion::Body { body, what });
        }
    }

    /// What they waited for is durable.
    pub(crate) fn complete_syncs(&mut self, syncs: Vec<(SyncHandle, Scope)>) {
        for (sync, scope) in syncs {
            self.complete(scope, Completion::Synced(sync));
        }
    }

    /// A section ended: what it started belongs to the one around it.
    pub(crate) fn rescope(&mut self, ended: Scope, outer: Scope) {
        self.timers.rescope(ended, outer);
        self.bodies.rescope(ended, outer);
        self.completions.rescope(ended, outer);
        self.gate.rescope(ended, outer);
        let syncs = self.turn.syncs.iter_mut();
        let of_ended = syncs.filter(|(_, scope)| *scope == ended);
        of_ended.for_each(|(_, scope)| *scope = outer);
    }

    /// Whether some completion is still to come.
    pub(crate) fn is_work_outstanding(&self) -> bool {
        !self.timers.is_empty()
            || !self.completions.is_empty()
            || self.bodies.is_awaited()
            || self.gate.syncs() > 0
    }

    /// Whether nothing but durable state would be lost with the room.
    pub(crate) fn is_idle(&self) -> bool {
        self.is_owed_to_nobody() && !self.is_work_outstanding()
    }

    /// Whether a room that is to end has done what it was doing. A timer without a handler that
    /// waits for it does not count: it may be one that repeats for ever.
    pub(crate) fn is_finished(&self) -> bool {
        self.is_owed_to_nobody() && (self.owed.len() == 0 || !self.is_work_outstanding())
    }

    fn is_owed_to_nobody(&self) -> bool {
        self.connections.is_empty()
            && self.mailbox.is_empty()
            && self.bodies.is_idle()
            && self.sections.innermost().is_none()
            && !self.owed.is_awaited()
            && self.gate.is_empty()
    }

    /// Moves the turn's log lines out, gate or no gate.
    pub(crate) fn drain_log(&mut self, actions: &mut Vec<Action>) {
        let dropped = std::mem::take(&mut self.turn.log_dropped);
        let line = |level, text| {
            Action::Log(LogLine {
                room: self.key.clone(),
                level,
                text,
            })
        };
        actions.extend(
            self.turn
                .log
                .drain(..)
                .map(|(level, text)| line(level, text)),
        );
        if dropped > 0 {
            let max = self.limits.log_lines_max;
            let text = format!("{dropped} more lines of one turn dropped (log_lines_max is {max})");
            actions.push(line(LogLevel::Warn, text));
        }
    }
}

//! The orderly end of a room: connections are closed at once, handlers may finish what they are
//! doing for a while, and then whoever is still owed an answer gets one from the room itself.

use crate::answers::Cause;
use crate::mailbox::Waiting;
use crate::{Action, Room};

/// A room that was told to end.
#[derive(Debug)]
pub(crate) struct Stopping {
    /// What latecomers are told, and those who are not answered in time.
    pub(crate) cause: Cause,
    drain_us: u64,
    /// When whatever is not finished is cut off; none when all of it has been.
    by_us: Option<u64>,
    /// The guest that was running is gone; another one may only run what is owed to connections.
    was_cut_off: bool,
}

impl Stopping {
    pub(crate) fn deadline_us(&self) -> Option<u64> {
        self.by_us
    }
}

impl Room {
    /// The host wants the room to end.
    pub(crate) fn stop(&mut self, cause: Cause, drain_ms: u64, actions: &mut Vec<Action>) {
        if self.stopping.is_some() {
            return;
        }
        let mut outbox = Vec::new();
        for event in self
            .state
            .mailbox
            .take(|event| matches!(event, Waiting::Connect { .. }))
        {
            if let Waiting::Connect { client, .. } = event {
                outbox.push(cause.reject(client.handle));
            }
        }
        for handle in self.state.connections.connecting() {
            outbox.push(cause.reject(handle));
            if let Some(client) = self.state.connections.cut_off(handle) {
                self.owe_close(client, &cause);
            }
        }
        let alarm = |event: &Waiting| matches!(event, Waiting::Alarm);
        if !self.state.mailbox.take(alarm).is_empty() {
            // It stays stored, and fires in the room that comes after this one.
            outbox.push(Action::AlarmOver);
        }
        self.part_with_connections(&cause, &mut outbox);
        self.state.gate.pass(&mut outbox, actions);
        self.stopping = Some(Stopping {
            cause,
            drain_us: drain_ms * 1000,
            by_us: Some(self.after_ms(drain_ms)),
            was_cut_off: false,
        });
    }

    /// Closes every connection. Its on-close enters behind what it has sent, which counts.
    fn part_with_connections(&mut self, cause: &Cause, outbox: &mut Vec<Action>) {
        for handle in self.state.connections.living() {
            outbox.push(cause.close(handle));
            if let Some(client) = self.state.connections.part_with(handle) {
                self.owe_close(client, cause);
            }
        }
    }

    /// Cuts off what did not finish while the room was drained. The guest goes, and the next one
    /// runs the on-close events that are left, for as long once more; then they are given up.
    pub(crate) fn end_drain(&mut self, actions: &mut Vec<Action>) {
        let now = self.now.monotonic_us;
        let Some(stopping) = &mut self.stopping else {
            return;
        };
        if stopping.by_us.is_none_or(|by| now < by) {
            return;
        }
        let is_over = std::mem::replace(&mut stopping.was_cut_off, true);
        stopping.by_us = (!is_over).then_some(now + stopping.drain_us);
        let cause = stopping.cause.clone();
        self.reset(&cause, actions);
        self.alarm_put_back(actions);
        let mut outbox = Vec::new();
        self.answer_waiting(&cause, &mut outbox);
        self.state.gate.pass(&mut outbox, actions);
        if is_over {
            self.give_up_closes(actions);
            self.state.mailbox.take(|_| true);
        }
    }
}

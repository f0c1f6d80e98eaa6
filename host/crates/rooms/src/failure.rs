//! What a failure costs: the guest goes, its peers are told, what is durable stays, and every
//! accepted connection still gets its on-close from the next guest.

use partykit_core::{
    CloseInfo, CommitError, CommitSeq, ConnectionHandle, ConnectionInfo, Failure, Fault,
    GuestError, LogLevel,
};

use crate::answers::Cause;
use crate::connections::Phase;
use crate::mailbox::Waiting;
use crate::owed::Debt;
use crate::{Action, BatchId, Room};

/// After so many starts failed in a row the on-close events that wait for a guest are given up:
/// they would keep a broken room for ever.
const STARTS_MAX: u32 = 6;

impl Room {
    /// The guest failed in a turn: the turn never happened.
    pub(crate) fn guest_failed(&mut self, error: GuestError, actions: &mut Vec<Action>) {
        let cause = Cause::guest(&error);
        // What the host fails at is no attempt of the alarm's: it stays as it is stored.
        if error.fault() == Fault::Host {
            self.alarm_put_back(actions);
        }
        actions.push(Action::Failed { error });
        self.reset_for(cause, actions);
    }

    /// An exception escaped the constructor or on-start.
    pub(crate) fn start_refused(&mut self, failure: &Failure, actions: &mut Vec<Action>) {
        let cause = Cause::start(failure);
        self.reset_for(cause.clone(), actions);
        self.waiting_alarm_failed(actions);
        let mut outbox = Vec::new();
        self.answer_waiting(&cause, &mut outbox);
        self.state.gate.pass(&mut outbox, actions);
    }

    /// The code did not load.
    pub(crate) fn start_failed(&mut self, error: GuestError, actions: &mut Vec<Action>) {
        let mut cause = Cause::guest(&error);
        if let GuestError::Load { message, .. } = &error {
            cause.text.clone_from(message);
        }
        // A host without space is no failure of the alarm's: it waits.
        if error.fault() != Fault::Host {
            self.waiting_alarm_failed(actions);
        }
        actions.push(Action::Failed { error });
        self.note_failure(&cause);
        let mut outbox = Vec::new();
        self.answer_waiting(&cause, &mut outbox);
        self.state.gate.pass(&mut outbox, actions);
    }

    /// Resets the room, and counts it as a failure of its code.
    pub(crate) fn reset_for(&mut self, cause: Cause, actions: &mut Vec<Action>) {
        self.note_failure(&cause);
        self.reset(&cause, actions);
        if self.state.alarm.is_some() {
            self.alarm_failed(actions);
        }
    }

    fn note_failure(&mut self, cause: &Cause) {
        let limits = self.state.limits.clone();
        self.restart
            .failed(cause.text.clone(), self.now.monotonic_us, &limits);
    }

    /// Drops the guest and everything that lived in it. What earlier turns have sent still leaves
    /// when their writes are durable, and before what is said here.
    pub(crate) fn reset(&mut self, cause: &Cause, actions: &mut Vec<Action>) {
        self.guest = None;
        let (written, read) = self.state.bodies.forget_all();
        self.state.completions.forget_all();
        self.state.timers.forget_all();
        self.state.sections.forget_all();
        self.state.gate.forget_syncs();
        let discarded = std::mem::take(&mut self.state.turn.outbox);
        self.state.turn.clear();
        self.state.overlay.drop_turn();
        let mut outbox = Vec::new();
        for action in discarded {
            match action {
                // The answer to a peer's last word: that peer is none of those closed below.
                Action::Close { connection, .. } if !self.is_member(connection) => {
                    outbox.push(action);
                }
                _ if is_answer(&action) => self.answer_discarded(&action, cause, &mut outbox),
                _ => {}
            }
        }
        let mut was_starting = false;
        for debt in self.state.owed.take_all() {
            match debt {
                Debt::Start { .. } => was_starting = true,
                Debt::Connect { connection } => {
                    if self.state.connections.get(connection).is_some() {
                        outbox.push(cause.reject(connection));
                    }
                    if let Some(client) = self.state.connections.cut_off(connection) {
                        self.owe_close(client, cause);
                    }
                }
                Debt::Request { exchange } => outbox.push(cause.respond(exchange)),
                Debt::Close { .. } | Debt::Nobody { .. } | Debt::Gone | Debt::Alarm => {}
            }
        }
        outbox.extend(
            written
                .into_iter()
                .map(|exchange| Action::BodyAbort { exchange }),
        );
        actions.extend(
            read.into_iter()
                .map(|exchange| Action::CancelBody { exchange }),
        );
        outbox.append(&mut self.state.connections.answer_leaving());
        self.close_all(cause, &mut outbox);
        if was_starting {
            self.answer_waiting(cause, &mut outbox);
        }
        self.state.gate.pass(&mut outbox, actions);
    }

    fn is_member(&self, connection: ConnectionHandle) -> bool {
        self.state.connections.get(connection).is_some()
    }

    /// Closes every connection, and owes each accepted one its on-close.
    fn close_all(&mut self, cause: &Cause, outbox: &mut Vec<Action>) {
        let members: Vec<_> = self.state.connections.take_all().collect();
        for member in members
            .into_iter()
            .filter(|member| member.phase != Phase::Gone)
        {
            outbox.push(cause.close(member.info.handle));
            if member.accepted {
                self.owe_close(member.info, cause);
            }
        }
    }

    pub(crate) fn owe_close(&mut self, client: ConnectionInfo, cause: &Cause) {
        let info = CloseInfo {
            code: cause.code,
            reason: cause.text.as_str().into(),
            was_clean: false,
        };
        let arrival = self.state.next_arrival();
        self.state
            .mailbox
            .push(arrival, Waiting::Close { client, info });
    }

    /// Those who waited for a start that failed are told so.
    pub(crate) fn answer_waiting(&mut self, cause: &Cause, outbox: &mut Vec<Action>) {
        let answered =
            |event: &Waiting| matches!(event, Waiting::Connect { .. } | Waiting::Request { .. });
        for waiting in self.state.mailbox.take(answered) {
            match waiting {
                // 503 is for the host's own reasons; a browser can only read a close code.
                Waiting::Connect { client, .. } if cause.status == 503 => {
                    outbox.push(cause.reject(client.handle));
                }
                Waiting::Connect { client, .. } => outbox.push(cause.refuse(client.handle)),
                Waiting::Request { exchange, .. } => outbox.push(cause.respond(exchange)),
                _ => {}
            }
        }
    }

    /// While a room that keeps failing has to wait, those who come are sent away.
    pub(crate) fn is_backing_off(&mut self, actions: &mut Vec<Action>) -> bool {
        if self.restart.failures() >= STARTS_MAX {
            self.give_up_closes(actions);
        }
        let now = self.now.monotonic_us;
        let Some((until, reason)) = self.restart.pause(now) else {
            return false;
        };
        let cause = Cause::backing_off(reason, until - now);
        let mut outbox = Vec::new();
        self.answer_waiting(&cause, &mut outbox);
        self.state
            .mailbox
            .take(|event| matches!(event, Waiting::Message { .. }));
        if self.stopping.is_some() {
            self.give_up_closes(actions);
        }
        self.state.gate.pass(&mut outbox, actions);
        true
    }

    pub(crate) fn give_up_closes(&mut self, actions: &mut Vec<Action>) {
        let given_up = self
            .state
            .mailbox
            .take(|event| matches!(event, Waiting::Close { .. } | Waiting::Error { .. }));
        if !given_up.is_empty() {
            let text = format!(
                "the room cannot start: {} onClose events given up",
                given_up.len()
            );
            self.state
                .turn
                .log(LogLevel::Error, text, &self.state.limits);
            self.state.drain_log(actions);
        }
    }

    /// The store has answered for a batch.
    pub(crate) fn committed(
        &mut self,
        batch: BatchId,
        result: Result<CommitSeq, CommitError>,
        actions: &mut Vec<Action>,
    ) {
        if !self.state.gate.knows(batch) {
            // A batch of before a reset: its failure is why the reset was made.
            return;
        }
        match result {
            Ok(_) => {
                let durable = self.state.gate.committed(batch, actions);
                self.state.overlay.forget(batch, &durable.keys);
                self.state.complete_syncs(durable.syncs);
            }
            Err(error) => self.poison(&error, actions),
        }
    }

    /// A commit failed: nothing that waited for it ever leaves, and the room reads again what is
    /// durable.
    fn poison(&mut self, error: &CommitError, actions: &mut Vec<Action>) {
        let cause = Cause::commit(error);
        actions.push(Action::Failed {
            error: GuestError::Storage {
                message: error.to_string(),
            },
        });
        let discarded = self.state.gate.poison();
        self.state.overlay.forget_all();
        self.state.generation += 1;
        self.state.reader = self.state.store.reader(&self.state.key);
        let mut outbox = Vec::new();
        for action in discarded {
            self.answer_discarded(&action, &cause, &mut outbox);
        }
        match error {
            // Its own doing, which would be the same the next time.
            CommitError::TooLarge { .. } => self.alarm_after_poison(),
            _ => self.alarm_put_back(actions),
        }
        self.state.gate.pass(&mut outbox, actions);
        self.reset_for(cause, actions);
    }

    /// What was thrown away may have been an answer somebody waits for.
    fn answer_discarded(&mut self, action: &Action, cause: &Cause, outbox: &mut Vec<Action>) {
        match action {
            Action::Respond { exchange, .. } => outbox.push(cause.respond(*exchange)),
            Action::Reject { connection, .. } | Action::Refuse { connection, .. } => {
                outbox.push(cause.reject(*connection));
            }
            Action::Close { connection, .. } => outbox.push(cause.close(*connection)),
            Action::BodyAbort { exchange } => {
                let exchange = *exchange;
                outbox.push(Action::BodyAbort { exchange });
            }
            Action::AlarmOver => outbox.push(Action::AlarmOver),
            Action::AlarmSet { .. } => {
                // It may be durable all the same, and whoever waits for it must know.
                let alarm = self.state.reader.alarm().ok().flatten();
                let at_ms = alarm.map(|alarm| alarm.at_ms);
                outbox.push(Action::AlarmSet { at_ms });
            }
            Action::Accept { connection } => {
                // Its onConnect has run, so that it is owed an onClose too, unless it has gone
                // meanwhile and so is owed one already.
                outbox.push(cause.reject(*connection));
                if let Some(client) = self.state.connections.cut_off(*connection) {
                    self.owe_close(client, cause);
                }
            }
            _ => {}
        }
    }
}

/// Whether somebody outside waits for it, so that a turn that fails after it must not swallow it.
/// Connections are closed and alarms ended by the reset itself.
fn is_answer(action: &Action) -> bool {
    matches!(
        action,
        Action::Respond { .. }
            | Action::Accept { .. }
            | Action::Reject { .. }
            | Action::Refuse { .. }
            | Action::BodyAbort { .. }
    )
}

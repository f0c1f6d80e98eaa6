//! Events that do not settle: those whose time is up, and those that nothing can ever settle.

use partykit_core::{CloseInfo, EventId, Failure, Outcome, RoomApi, close_code};

use crate::answers::{self, Cause};
use crate::mailbox::Waiting;
use crate::owed::Debt;
use crate::{Action, Room};

impl Room {
    /// Ends what has taken too long.
    pub(crate) fn check_deadlines(&mut self, actions: &mut Vec<Action>) {
        self.end_drain(actions);
        let now = self.now.monotonic_us;
        if self
            .state
            .sections
            .deadline_us()
            .is_some_and(|deadline| deadline <= now)
        {
            let ms = self.state.limits.section_ms;
            let what = self.state.sections.name();
            self.reset_for(Cause::overdue(what, "section_ms", ms), actions);
        }
        while let Some(event) = self.state.owed.overdue(now) {
            let limits = &self.state.limits;
            let (limit, ms) = match self.state.owed.debt(event) {
                Some(Debt::Start { .. }) => {
                    let cause = Cause::overdue("onStart", "start_ms", limits.start_ms);
                    self.reset_for(cause, actions);
                    continue;
                }
                Some(Debt::Connect { .. }) => ("connect_ms", limits.connect_ms),
                Some(Debt::Alarm) => ("alarm_ms", limits.alarm_ms),
                _ => ("request_ms", limits.request_ms),
            };
            self.fail(event, |handler| answers::overdue(handler, limit, ms));
            self.end_turn(Ok(()), actions);
        }
    }

    /// With nothing outstanding, a handler that is not done may be one that never can be.
    pub(crate) fn ask_stranded(&mut self, actions: &mut Vec<Action>) {
        let outstanding = self.state.is_work_outstanding();
        if self.guest.is_none() || outstanding || !self.state.owed.is_awaited() {
            return;
        }
        let unasked = self.state.owed.take_unasked();
        if !unasked.is_empty() {
            self.write_off_stranded(&unasked, actions);
            // A start that was written off has answered those that waited; others may go on.
            self.run(actions);
        }
    }

    /// Asks the guest which of these can never settle, and settles them as failed.
    pub(crate) fn write_off_stranded(&mut self, owed: &[EventId], actions: &mut Vec<Action>) {
        let Some(guest) = self.guest.as_mut() else {
            return;
        };
        let result = guest.stranded(owed, &mut self.state).map(|stranded| {
            for event in stranded {
                self.fail(event, answers::stranded);
            }
        });
        self.end_turn(result, actions);
    }

    /// Settles an event in the guest's place. A connection that the guest has among its own is sent
    /// away without its knowing: it gets the on-close that tells it.
    fn fail(&mut self, event: EventId, why: impl FnOnce(&str) -> Failure) {
        let Some(debt) = self.state.owed.debt(event) else {
            return;
        };
        let failure = why(debt.handler());
        let joined = match debt {
            Debt::Connect { connection } => self.state.connections.joined(connection),
            _ => None,
        };
        if let Some(client) = joined {
            let info = CloseInfo {
                code: close_code::FAILED,
                reason: failure.message.as_str().into(),
                was_clean: false,
            };
            self.wait(Waiting::Close { client, info });
        }
        // Cannot be refused: the event is owed.
        let _ = self.state.settle(event, Outcome::Failed(failure));
    }
}

//! How a room gets its guest: made by the factory, told who it is, and gated until on-start has
//! settled.

use partykit_core::{Event, Scope, SectionEnding, SectionKind};

use crate::owed::Debt;
use crate::{Action, Room};

impl Room {
    /// Makes a guest and delivers on-start. False when the room has to wait.
    pub(crate) fn start(&mut self, actions: &mut Vec<Action>) -> bool {
        if self.is_backing_off(actions) {
            return false;
        }
        let started = self.factory.start(&mut self.state);
        self.state.drain_log(actions);
        self.state.turn.clear();
        match started {
            Ok(guest) => {
                self.guest = Some(guest);
                self.deliver_start(actions);
            }
            Err(error) => self.start_failed(error, actions),
        }
        true
    }

    fn deliver_start(&mut self, actions: &mut Vec<Action>) {
        let deadline = self.after_ms(self.state.limits.start_ms);
        // The stack is empty: the last guest took its sections with it.
        let sections = &mut self.state.sections;
        let Ok(scope) = sections.enter(Scope::NONE, SectionKind::Block, u64::MAX) else {
            return;
        };
        let event = self.state.owed.add(Debt::Start { scope }, Some(deadline));
        let room = self.state.info.clone();
        self.turn(&Event::Start { event, scope, room }, actions);
    }

    /// on-start has settled well: the gate opens.
    pub(crate) fn leave_start_section(&mut self) {
        if let Some(scope) = self.state.sections.innermost()
            && let Ok(left) = self.state.sections.leave(scope, SectionEnding::Keep)
        {
            self.state.rescope(scope, left.outer);
        }
    }
}

//! When a room has nothing to do: when it is to be woken, and when it is given up.

use crate::stop::Stopping;
use crate::{Action, Room};

impl Room {
    /// Says when to come back, and gives up the room when nothing would be lost.
    pub(crate) fn rest(&mut self, actions: &mut Vec<Action>) {
        let now = self.now.monotonic_us;
        let at_once = std::mem::take(&mut self.wanted_to_rest);
        let idle_deadline = self.idle_deadline(now);
        let finished = self.stopping.is_some() && self.state.is_finished();
        if finished || idle_deadline.is_some_and(|deadline| at_once || now >= deadline) {
            self.give_up_guest(actions);
            actions.push(Action::Evict);
        }
        let pause = self
            .restart
            .pause(now)
            .filter(|_| !self.state.mailbox.is_empty());
        let deadlines = [
            idle_deadline.filter(|deadline| now < *deadline),
            self.stopping.as_ref().and_then(Stopping::deadline_us),
            pause.map(|(until, _)| until),
            self.state.timers.next_due_us(),
            self.state.owed.next_deadline_us(),
            self.state
                .sections
                .deadline_us()
                .filter(|deadline| *deadline != u64::MAX),
        ];
        let wake_at = deadlines.into_iter().flatten().min();
        if wake_at != self.wake_at {
            self.wake_at = wake_at;
            actions.push(Action::WakeAt {
                monotonic_us: wake_at,
            });
        }
    }

    /// Nothing of it would be missed; what it has started ends with it.
    fn give_up_guest(&mut self, actions: &mut Vec<Action>) {
        self.guest = None;
        actions.append(&mut self.state.connections.answer_leaving());
        self.state.timers.forget_all();
        let (_, read) = self.state.bodies.forget_all();
        let cancel = |exchange| Action::CancelBody { exchange };
        actions.extend(read.into_iter().map(cancel));
    }

    /// Since when the room is idle decides when it is given up.
    fn idle_deadline(&mut self, now: u64) -> Option<u64> {
        if !self.state.is_idle() {
            self.idle_since_us = None;
            return None;
        }
        let since = *self.idle_since_us.get_or_insert(now);
        Some(since + self.state.limits.room_idle_ms * 1000)
    }
}

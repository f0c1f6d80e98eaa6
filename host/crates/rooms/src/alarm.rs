//! The room's alarm: when its handler runs, and what becomes of it afterwards.
//!
//! Owns the rules of one alarm: it fires only when it is durable and due, it is gone when its
//! handler is done, and is stored again for later when the handler fails, a few times. Each change
//! is a write of a batch like any other. When alarms are due is the driver's business
//! (`Input::Alarm`), and it is the store that remembers them.

use partykit_core::{Alarm, LogLevel, Outcome, ReadError, Refusal};

use crate::mailbox::Waiting;
use crate::state::State;
use crate::{Action, Room};

/// As PartyKit: after the first run and so many more that fail an alarm is given up.
const RETRIES_MAX: u32 = 6;

/// As PartyKit: the first pause, which doubles each time.
const FIRST_RETRY_MS: u64 = 2_000;

/// A pause is longer by up to this part of it, so that alarms that failed together do not come
/// together again.
const JITTER: u64 = 4;

/// The alarm whose handler runs.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Running {
    pub(crate) alarm: Alarm,
    /// Its handler has settled in the turn that is running: if that turn fails, it has not.
    settled: bool,
}

impl State {
    fn now_ms(&self) -> u64 {
        self.clock.now().unix_us / 1000
    }

    pub(crate) fn set_alarm(&mut self, at_ms: u64) {
        let alarm = Alarm {
            at_ms: at_ms.max(self.now_ms()),
            failures: 0,
        };
        self.overlay.set_alarm(Some(alarm));
    }

    /// The alarm that is durable and due, if it is and its handler does not run.
    pub(crate) fn due_alarm(&mut self) -> Result<Option<Alarm>, ReadError> {
        if self.alarm.is_some() {
            return Ok(None);
        }
        let alarm = self.overlay.durable_alarm(self.reader.as_ref())?;
        let now_ms = self.now_ms();
        Ok(alarm.filter(|alarm| alarm.at_ms <= now_ms))
    }

    pub(crate) fn alarm_begins(&mut self, alarm: Alarm) {
        self.overlay.deliver_alarm();
        let settled = false;
        self.alarm = Some(Running { alarm, settled });
    }

    /// The handler has ended, in this turn.
    pub(crate) fn settle_alarm(&mut self, outcome: &Outcome) {
        let Some(running) = &mut self.alarm else {
            return;
        };
        running.settled = true;
        let alarm = running.alarm;
        match outcome {
            Outcome::Failed(_) => self.try_again(alarm),
            _ => self.overlay.replace_delivered(None),
        }
        self.turn.outbox.push(Action::AlarmOver);
    }

    /// A turn has ended well: an alarm that settled in it is over.
    pub(crate) fn alarm_ends(&mut self) {
        self.alarm.take_if(|running| running.settled);
    }

    /// Stores the alarm for later, unless the room has set another one since.
    pub(crate) fn try_again(&mut self, alarm: Alarm) {
        if !self.overlay.is_delivered() {
            return;
        }
        let again = (alarm.failures < RETRIES_MAX).then(|| Alarm {
            at_ms: self.now_ms() + self.pause_ms(alarm.failures),
            failures: alarm.failures + 1,
        });
        if again.is_none() {
            let runs = RETRIES_MAX + 1;
            let text = format!("the alarm is given up: its handler has failed {runs} times");
            self.turn.log(LogLevel::Error, text, &self.limits);
        }
        self.overlay.replace_delivered(again);
    }

    fn pause_ms(&self, failures: u32) -> u64 {
        let pause = FIRST_RETRY_MS << failures;
        let mut random = [0; 8];
        // Without randomness alarms may come together, which is no reason to fail.
        let _ = self.entropy.fill(&mut random);
        pause + u64::from_le_bytes(random) % (pause / JITTER)
    }
}

impl Room {
    /// The driver says that the alarm is due. Only one that is starts a guest.
    pub(crate) fn alarm_is_due(&mut self, actions: &mut Vec<Action>) {
        let waits = |event: &Waiting| matches!(event, Waiting::Alarm);
        if self.state.alarm.is_some() || self.state.mailbox.any(waits) {
            // Its end is the answer to this one, too.
            return;
        }
        if self.stopping.is_none() && self.look_at_alarm(actions).is_some() {
            return self.wait(Waiting::Alarm);
        }
        self.alarm_is_over(actions);
    }

    /// Its turn has come, unless the alarm has become another one while it waited.
    pub(crate) fn begin_alarm(&mut self, actions: &mut Vec<Action>) -> bool {
        let alarm = self.look_at_alarm(actions);
        match alarm {
            Some(alarm) => self.state.alarm_begins(alarm),
            None => self.alarm_is_over(actions),
        }
        alarm.is_some()
    }

    /// The alarm to be run now.
    pub(crate) fn look_at_alarm(&mut self, actions: &mut Vec<Action>) -> Option<Alarm> {
        match self.state.due_alarm() {
            Ok(alarm) => alarm,
            Err(error) => {
                let message = format!("its alarm could not be read: {error}");
                let error = partykit_core::GuestError::Host { message };
                actions.push(Action::Failed { error });
                None
            }
        }
    }

    /// Says so, behind everything that is on its way.
    pub(crate) fn alarm_is_over(&mut self, actions: &mut Vec<Action>) {
        self.state.gate.pass(&mut vec![Action::AlarmOver], actions);
    }

    /// The host has cut the handler off: the alarm is due as it was, and no attempt is counted.
    pub(crate) fn alarm_put_back(&mut self, actions: &mut Vec<Action>) {
        if self.state.alarm.take().is_some() {
            self.state.overlay.put_alarm_back();
            self.alarm_is_over(actions);
        }
    }

    /// What is durable is the truth again: whether the handler that ran is still that of the
    /// room's alarm.
    pub(crate) fn alarm_after_poison(&mut self) {
        let Some(running) = self.state.alarm else {
            return;
        };
        if self.state.reader.alarm().ok() == Some(Some(running.alarm)) {
            self.state.overlay.deliver_alarm();
        }
    }

    /// The guest could not start: an alarm that waited for it has failed.
    pub(crate) fn waiting_alarm_failed(&mut self, actions: &mut Vec<Action>) {
        let waits = |event: &Waiting| matches!(event, Waiting::Alarm);
        if self.state.mailbox.take(waits).is_empty() {
            return;
        }
        if let Some(alarm) = self.look_at_alarm(actions) {
            self.state.alarm_begins(alarm);
        }
        self.alarm_failed(actions);
    }

    /// The guest is gone, and with it the handler that ran.
    pub(crate) fn alarm_failed(&mut self, actions: &mut Vec<Action>) {
        if let Some(running) = self.state.alarm.take() {
            self.state.try_again(running.alarm);
            self.state.drain_log(actions);
        }
        self.state.turn.outbox.push(Action::AlarmOver);
        self.commit_turn(actions);
        self.state.turn.clear();
    }
}

/// What room code is told when it sets an alarm that cannot be.
pub(crate) fn check(at_ms: u64) -> Result<(), Refusal> {
    /// The end of JavaScript's time.
    const AT_MS_MAX: u64 = 8_640_000_000_000_000;
    match at_ms <= AT_MS_MAX {
        true => Ok(()),
        false => Err(Refusal::Invalid(format!(
            "{at_ms} is no moment that an alarm could be set for"
        ))),
    }
}

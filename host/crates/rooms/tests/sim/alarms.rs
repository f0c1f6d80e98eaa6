//! The alarm: what a driver does for it, and what must have become of it whenever the store is
//! written to.

use partykit_core::{Alarm, RoomBatch, WriteOp};

use crate::simulation::Simulation;

#[derive(Debug, Default)]
pub(crate) struct Alarms {
    /// The room was told and has not answered.
    is_handed: bool,
    /// The stored alarm's handler has been run since it was stored, by the host that is alive.
    has_run: bool,
    /// And has come to a good end.
    pub(crate) has_succeeded: bool,
}

/// Its seventh failure is an alarm's last.
const FAILURES_MAX: u32 = 6;

/// What the scripts of room code that set an alarm, or delete it, write beside it.
const SET: &str = "alarm-is-set";
const DELETED: &str = "alarm-is-deleted";

/// Scripts that set an alarm and delete it. Each says so by a value.
pub(crate) fn set(ms: u64) -> String {
    format!("put {SET} yes;alarm {ms}")
}

pub(crate) fn delete() -> String {
    format!("put {DELETED} yes;unalarm")
}

impl Simulation {
    /// The driver looks whether the alarm is due, or believes it to be.
    pub(crate) fn look_at_alarm(&mut self) {
        let stored = self.room.stored_alarm();
        let is_due = stored.is_some_and(|alarm| alarm.at_ms <= self.room.now_ms());
        // What it heard last may be outdated by now.
        let is_mistaken = self.random.below(4) == 0;
        if self.alarms.is_handed || !(is_due || is_mistaken) {
            return;
        }
        self.alarms.is_handed = true;
        let script = match self.is_settling {
            true => "put rung yes".to_owned(),
            false => self.alarm_script(),
        };
        self.note(format!("alarm: {script}"));
        self.room.factory.set_on_alarm(&script);
        self.room.alarm();
    }

    fn alarm_script(&self) -> String {
        let again = set(self.random.below(60));
        match self.random.below(10) {
            0 => "throw no".to_owned(),
            1 => "put rung lost;trap".to_owned(),
            2 => "hold;timer 20 put rung yes&release".to_owned(),
            3 => "hold;timer 20 trap".to_owned(),
            4 => format!("{again};put rung yes"),
            5 => format!("{again};throw no"),
            6 => "begin;put rung yes;timer 10 leave;hold;timer 20 release".to_owned(),
            7 => "enter;break".to_owned(),
            8 => format!("hold;begin;{again};timer 10 undo;timer 20 release"),
            _ => "put rung yes".to_owned(),
        }
    }

    /// The room has run the handler.
    pub(crate) fn alarm_runs(&mut self) {
        let (stored, now) = (self.room.stored_alarm(), self.room.now_ms());
        let is_due = stored.is_some_and(|alarm| alarm.at_ms <= now);
        self.check(
            is_due,
            &format!("an alarm fires when it is durable and due, not {stored:?} at {now}"),
        );
        self.alarms.has_run = true;
    }

    pub(crate) fn alarm_is_over(&mut self) {
        self.check(
            self.alarms.is_handed,
            "each alarm of the driver's is answered once",
        );
        self.alarms.is_handed = false;
    }

    pub(crate) fn alarm_is_told(&self, at_ms: Option<u64>) {
        let stored = self.room.stored_alarm().map(|alarm| alarm.at_ms);
        self.check(
            stored == at_ms,
            &format!("{at_ms:?} is told while {stored:?} is stored"),
        );
    }

    /// A batch is stored now: whether it may have done this to the alarm.
    pub(crate) fn check_alarm_of(&mut self, batch: &RoomBatch, before: Option<Alarm>) {
        let set = batch.writes.iter().find_map(|write| match write {
            WriteOp::Alarm(alarm) => Some(*alarm),
            _ => None,
        });
        let Some(alarm) = set else { return };
        let says = |word| {
            let is_put = |write: &WriteOp| matches!(write, WriteOp::Put { key, .. } if key == word);
            batch.writes.iter().any(is_put)
        };
        let Alarms {
            has_run,
            has_succeeded,
            ..
        } = self.alarms;
        let is_last = has_run && before.is_some_and(|alarm| alarm.failures == FAILURES_MAX);
        let may_be = match alarm {
            None => says(DELETED) || has_succeeded || is_last,
            Some(Alarm { failures: 0, .. }) => says(SET),
            Some(Alarm { failures, .. }) => {
                let counted = before.map(|alarm| alarm.failures + 1);
                has_run && counted == Some(failures)
            }
        };
        self.check(
            may_be,
            &format!("{before:?} becomes {alarm:?} by {:?}", batch.writes),
        );
        self.alarms.has_run = false;
        self.alarms.has_succeeded = false;
    }

    /// The host is another one.
    pub(crate) fn forget_alarms(&mut self) {
        self.alarms = Alarms::default();
    }

    pub(crate) fn check_alarm_is_answered(&self) {
        self.check(
            !self.alarms.is_handed,
            "a room that goes leaves no alarm unanswered",
        );
    }

    /// Everything has come to rest.
    pub(crate) fn check_alarm_has_fired(&self) {
        let stored = self.room.stored_alarm();
        self.check(
            stored.is_none(),
            &format!("every alarm fires in the end, {stored:?} has not"),
        );
        self.check_alarm_is_answered();
    }
}

//! Which alarms are to be looked for in the store, and when: the bookkeeping of `alarms.rs`,
//! without a store and without time of its own.
//!
//! The store is read in passes: a pass begins with the alarm that is due for longest and ends with
//! the first that is not due, which says when the next pass begins. Rooms say when their alarm has
//! become another one. Alarms that were handed to rooms are kept here until those say that they are
//! done, and are not handed twice meanwhile. Bound: as many of them as may be in flight.

use std::collections::HashMap;

use partykit_core::{RoomAlarm, RoomKey};

/// An alarm that a room has not tried is handed to it again after so long.
pub(super) const AGAIN_MS: u64 = 1_000;

/// Alarms that were handed to rooms, and what is known of the next.
pub(super) struct Schedule {
    max: usize,
    in_flight: HashMap<RoomKey, Heard>,
    /// When the next pass begins.
    look_at_ms: u64,
    /// The last alarm of the pass that is being made.
    cursor: Option<RoomAlarm>,
    is_passing: bool,
    /// Something is in the way, and the next pass waits until `look_at_ms` whatever is heard.
    is_put_off: bool,
}

/// What a room has said of its alarm since it was handed one.
#[derive(Clone, Copy)]
enum Heard {
    Nothing,
    Set(Option<u64>),
}

/// What to do now.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Next {
    /// Read those behind this one that are due.
    Read(Option<RoomAlarm>),
    /// Nothing is due before this moment.
    WaitUntil(u64),
    /// As many are in flight as may be.
    WaitForRooms,
}

impl Schedule {
    /// Begins with a look at all that is stored.
    pub(super) fn new(max: usize) -> Self {
        Self {
            max,
            in_flight: HashMap::new(),
            look_at_ms: 0,
            cursor: None,
            is_passing: false,
            is_put_off: false,
        }
    }

    pub(super) fn next(&mut self, now_ms: u64) -> Next {
        if !self.is_passing && now_ms < self.look_at_ms {
            return Next::WaitUntil(self.look_at_ms);
        }
        if self.in_flight.len() >= self.max {
            return Next::WaitForRooms;
        }
        if !self.is_passing {
            self.is_passing = true;
            self.is_put_off = false;
            self.cursor = None;
            self.look_at_ms = u64::MAX;
        }
        Next::Read(self.cursor.clone())
    }

    /// One that is due was read. Whether it is to be handed to its room, which it then counts as;
    /// none: it must wait, and so must those behind it.
    pub(super) fn take(&mut self, alarm: &RoomAlarm) -> Option<bool> {
        if self.in_flight.contains_key(&alarm.room) {
            self.cursor = Some(alarm.clone());
            return Some(false);
        }
        if self.in_flight.len() >= self.max {
            return None;
        }
        self.cursor = Some(alarm.clone());
        self.in_flight.insert(alarm.room.clone(), Heard::Nothing);
        Some(true)
    }

    /// One that is none of this host's business was read.
    pub(super) fn pass_over(&mut self, alarm: &RoomAlarm) {
        self.cursor = Some(alarm.clone());
    }

    /// Everything that is due was read; the first that is not, if there is one.
    pub(super) fn pass_ends(&mut self, first: Option<&RoomAlarm>) {
        self.is_passing = false;
        self.cursor = None;
        self.look_no_later_than(first.map_or(u64::MAX, |alarm| alarm.at_ms));
    }

    /// The pass could not be ended; another one begins then.
    pub(super) fn put_off(&mut self, until_ms: u64) {
        self.is_passing = false;
        self.cursor = None;
        // Whatever was heard of meanwhile has to wait as well, and whatever will be.
        self.is_put_off = true;
        self.look_at_ms = until_ms;
    }

    pub(super) fn is_put_off(&self) -> bool {
        self.is_put_off
    }

    /// No place could be had for a room, but those behind it may have theirs: this one is tried
    /// again in a pass of its own.
    pub(super) fn miss(&mut self, room: &RoomKey, again_ms: u64) {
        self.in_flight.remove(room);
        self.look_no_later_than(again_ms);
    }

    /// No room could be had for one that was taken.
    pub(super) fn give_back(&mut self, room: &RoomKey) {
        self.in_flight.remove(room);
    }

    /// A room's alarm is durably another one. Whether somebody who waits must know.
    pub(super) fn set(&mut self, room: &RoomKey, at_ms: Option<u64>) -> bool {
        if let Some(heard) = self.in_flight.get_mut(room) {
            *heard = Heard::Set(at_ms);
            return false;
        }
        at_ms.is_some_and(|at_ms| self.look_no_later_than(at_ms))
    }

    /// A room is done with what it was handed, or is gone. Whether somebody who waits must know.
    pub(super) fn over(&mut self, room: &RoomKey, now_ms: u64) -> bool {
        let was_full = self.in_flight.len() >= self.max;
        let Some(heard) = self.in_flight.remove(room) else {
            return false;
        };
        let next_ms = match heard {
            Heard::Nothing => Some(now_ms + AGAIN_MS),
            Heard::Set(at_ms) => at_ms,
        };
        let is_sooner = next_ms.is_some_and(|next_ms| self.look_no_later_than(next_ms));
        was_full || is_sooner
    }

    fn look_no_later_than(&mut self, at_ms: u64) -> bool {
        if self.is_put_off {
            return false;
        }
        let is_sooner = at_ms < self.look_at_ms;
        self.look_at_ms = self.look_at_ms.min(at_ms);
        is_sooner
    }
}

#[cfg(test)]
mod tests {
    use partykit_core::{PartyName, ProjectName, RoomId};

    use super::*;

    fn alarm(at_ms: u64, room: &str) -> RoomAlarm {
        let room = RoomKey {
            project: ProjectName::parse("test").unwrap(),
            party: PartyName::main(),
            room: RoomId::parse(room).unwrap(),
        };
        RoomAlarm { at_ms, room }
    }

    #[test]
    fn a_pass_hands_each_alarm_once_and_the_first_that_is_not_due_begins_the_next() {
        let mut schedule = Schedule::new(10);
        let (a, b) = (alarm(1, "a"), alarm(2, "b"));
        assert_eq!(schedule.next(5), Next::Read(None));
        assert_eq!(schedule.take(&a), Some(true));
        assert_eq!(schedule.take(&b), Some(true));
        assert_eq!(schedule.next(5), Next::Read(Some(b.clone())));
        schedule.pass_ends(Some(&alarm(90, "c")));
        assert_eq!(schedule.next(5), Next::WaitUntil(90));
        assert_eq!(schedule.next(90), Next::Read(None));
        assert_eq!(schedule.take(&a), Some(false), "it is in flight");
        schedule.pass_ends(None);
        assert_eq!(schedule.next(u64::MAX - 1), Next::WaitUntil(u64::MAX));
    }

    #[test]
    fn above_the_limit_the_pass_stands_still_and_goes_on_where_it_was() {
        let mut schedule = Schedule::new(2);
        let all = ["a", "b", "c"].map(|room| alarm(1, room));
        schedule.next(5);
        let taken = all.each_ref().map(|alarm| schedule.take(alarm));
        assert_eq!(taken, [Some(true), Some(true), None]);
        assert_eq!(schedule.next(5), Next::WaitForRooms);
        schedule.set(&all[0].room, None);
        assert!(schedule.over(&all[0].room, 5), "there is space again");
        assert_eq!(schedule.next(5), Next::Read(Some(all[1].clone())));
        assert_eq!(schedule.take(&all[2]), Some(true));
    }

    #[test]
    fn a_room_without_a_place_is_passed_over_and_tried_again() {
        let mut schedule = Schedule::new(10);
        let (a, b) = (alarm(1, "a"), alarm(2, "b"));
        schedule.next(5);
        assert_eq!(schedule.take(&a), Some(true));
        schedule.miss(&a.room, 1005);
        assert_eq!(schedule.take(&b), Some(true), "those behind it go on");
        schedule.pass_ends(None);
        assert_eq!(schedule.next(5), Next::WaitUntil(1005));
        schedule.next(1005);
        assert_eq!(schedule.take(&a), Some(true));
    }

    #[test]
    fn a_pass_that_was_put_off_is_not_brought_forward() {
        let mut schedule = Schedule::new(10);
        schedule.next(5);
        schedule.put_off(2000);
        assert!(!schedule.set(&alarm(0, "c").room, Some(50)));
        assert_eq!(schedule.next(60), Next::WaitUntil(2000));
        assert!(schedule.is_put_off());
        assert_eq!(schedule.next(2000), Next::Read(None));
        assert!(!schedule.is_put_off());
    }

    #[test]
    fn what_rooms_say_brings_the_next_look_forward() {
        let mut schedule = Schedule::new(10);
        let a = alarm(1, "a");
        schedule.next(5);
        // While the pass goes on; it may have gone past this already.
        assert!(schedule.set(&a.room, Some(3)));
        schedule.pass_ends(Some(&alarm(90, "b")));
        assert_eq!(schedule.next(5), Next::Read(None));
        schedule.pass_ends(None);
        assert!(schedule.set(&alarm(0, "c").room, Some(50)));
        assert!(!schedule.set(&alarm(0, "d").room, Some(60)));
        assert!(!schedule.set(&alarm(0, "e").room, None));
        assert_eq!(schedule.next(5), Next::WaitUntil(50));
    }

    #[test]
    fn an_alarm_set_while_the_room_had_one_in_flight_is_looked_for_when_that_is_over() {
        let mut schedule = Schedule::new(10);
        let a = alarm(1, "a");
        schedule.next(5);
        schedule.take(&a);
        schedule.set(&a.room, Some(4));
        assert_eq!(
            schedule.take(&alarm(4, "a")),
            Some(false),
            "still in flight"
        );
        schedule.pass_ends(None);
        assert!(
            schedule.over(&a.room, 5),
            "its next one has been passed over"
        );
        assert_eq!(schedule.next(5), Next::Read(None));
    }

    #[test]
    fn one_that_was_not_tried_is_looked_for_again_after_a_while() {
        let mut schedule = Schedule::new(10);
        let a = alarm(1, "a");
        schedule.next(5);
        schedule.take(&a);
        schedule.pass_ends(None);
        assert!(schedule.over(&a.room, 5));
        assert!(!schedule.over(&a.room, 5), "it is over once");
        assert_eq!(schedule.next(5), Next::WaitUntil(5 + AGAIN_MS));
        schedule.next(5 + AGAIN_MS);
        assert_eq!(schedule.take(&a), Some(true));
        schedule.give_back(&a.room);
        schedule.put_off(9_000);
        assert_eq!(schedule.next(6_000), Next::WaitUntil(9_000));
    }
}

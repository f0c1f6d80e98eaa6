//! Alarms: one for each room, found by their times over all rooms.

use bytes::Bytes;
use partykit_core::{Alarm, CommitError, RoomAlarm, RoomKey, Store, WriteOp};

use super::Opener;
use super::sample::{
    alarm, alarm_of, batch, commit, delete_all, get, no_alarm, pending, put, room, sound,
};

fn at(room: &RoomKey, at_ms: u64) -> RoomAlarm {
    RoomAlarm {
        at_ms,
        room: room.clone(),
    }
}

fn times(store: &dyn Store) -> Vec<u64> {
    pending(store).iter().map(|alarm| alarm.at_ms).collect()
}

pub(super) fn set_and_forgotten(open: Opener<'_>) {
    let (store, r, other) = (open(), room("r"), room("r0"));
    assert_eq!(alarm_of(&*store, &r), None);
    assert_eq!(pending(&*store), []);
    commit(&*store, batch(&r, vec![put("k", "1"), alarm(500)]));
    commit(&*store, batch(&other, vec![alarm(70)]));
    let set = |at_ms, failures| Some(Alarm { at_ms, failures });
    assert_eq!(alarm_of(&*store, &r), set(500, 0));
    assert_eq!(pending(&*store), [at(&other, 70), at(&r, 500)]);
    // Later, earlier, at the same time as the other one, and as a retry at that time.
    for (at_ms, failures) in [(900, 0), (30, 0), (70, 0), (70, 3)] {
        let write = WriteOp::Alarm(Some(Alarm { at_ms, failures }));
        commit(&*store, batch(&r, vec![write]));
        assert_eq!(alarm_of(&*store, &r), set(at_ms, failures));
        let mut expected = [70, at_ms];
        expected.sort_unstable();
        assert_eq!(times(&*store), expected);
    }
    commit(&*store, batch(&r, vec![no_alarm()]));
    assert_eq!(alarm_of(&*store, &r), None);
    assert_eq!(pending(&*store), [at(&other, 70)]);
    commit(&*store, batch(&r, vec![no_alarm()]));
    assert_eq!(get(&*store, &r, "k"), Some(Bytes::from("1")));
    sound(&*store);
}

pub(super) fn order_within_a_group(open: Opener<'_>) {
    let (store, a, b, c) = (open(), room("a"), room("b"), room("c"));
    commit(&*store, batch(&a, vec![alarm(1)]));
    commit(&*store, batch(&b, vec![alarm(2)]));
    let group = vec![
        batch(&a, vec![alarm(10), alarm(11)]),
        batch(&c, vec![alarm(5), no_alarm()]),
        batch(&b, vec![alarm(20)]),
        batch(&a, vec![alarm(12)]),
        batch(&b, vec![no_alarm()]),
        batch(&c, vec![]),
        batch(&a, vec![put("k", "1"), alarm(9)]),
    ];
    assert!(store.commit(group).iter().all(Result::is_ok));
    assert_eq!(pending(&*store), [at(&a, 9)]);
    assert_eq!(alarm_of(&*store, &a).map(|alarm| alarm.at_ms), Some(9));
    assert_eq!(alarm_of(&*store, &b), None);
    sound(&*store);
    // Away from a time and back to it.
    let group = vec![batch(&a, vec![alarm(8)]), batch(&a, vec![alarm(9)])];
    assert!(store.commit(group).iter().all(Result::is_ok));
    assert_eq!(pending(&*store), [at(&a, 9)]);
    sound(&*store);
}

pub(super) fn of_refused_batches(open: Opener<'_>) {
    let (store, a, b) = (open(), room("a"), room("b"));
    commit(&*store, batch(&b, vec![alarm(3)]));
    let too_long = put(&"k".repeat(2049), "1");
    let group = vec![
        batch(&a, vec![alarm(10)]),
        batch(&b, vec![too_long.clone(), no_alarm()]),
        batch(&a, vec![alarm(11), too_long, delete_all()]),
        batch(&a, vec![alarm(12)]),
        batch(&b, vec![alarm(4)]),
    ];
    let results = store.commit(group);
    let refused: Vec<bool> = results.iter().map(Result::is_err).collect();
    assert_eq!(refused, [false, true, true, true, true], "{results:?}");
    assert!(matches!(
        results.last(),
        Some(Err(CommitError::Io(text))) if text.contains("before it")
    ));
    assert_eq!(pending(&*store), [at(&b, 3), at(&a, 10)]);
    assert_eq!(alarm_of(&*store, &b).map(|alarm| alarm.at_ms), Some(3));
    sound(&*store);
}

pub(super) fn listed_in_order(open: Opener<'_>) {
    let store = open();
    // Names of which one begins another, many at one time, and the ends of time.
    let names = ["a", "a\0", "aa", "\u{10ffff}", "b", "c"];
    let long = "r".repeat(1024);
    let times = [0, 1, 256, 256, 256, 256, 1 << 40, u64::MAX - 1, u64::MAX];
    let mut rooms: Vec<RoomKey> = names.iter().map(|name| room(name)).collect();
    rooms.extend([room(&long), room("y"), room("z")]);
    let mut group: Vec<_> = rooms
        .iter()
        .zip(times)
        .map(|(room, at_ms)| batch(room, vec![put("k", "v"), alarm(at_ms)]))
        .collect();
    group.reverse();
    assert!(store.commit(group).iter().all(Result::is_ok));
    let until = |after: Option<&RoomAlarm>, until_ms, limit| {
        let found = store.alarms(after, until_ms, limit);
        found.unwrap_or_default()
    };
    for (index, until_ms) in times.iter().enumerate() {
        let due = until(None, *until_ms, 100);
        let expected = times.iter().filter(|at_ms| *at_ms <= until_ms).count();
        assert_eq!(due.len(), expected, "until {until_ms} ({index})");
        assert!(due.is_sorted_by_key(|alarm| alarm.at_ms));
    }
    let all = until(None, u64::MAX, 100);
    let mut seen: Vec<RoomKey> = all.iter().map(|alarm| alarm.room.clone()).collect();
    seen.sort_unstable();
    rooms.sort_unstable();
    assert_eq!(seen, rooms);
    // One after the other, in the same order, and behind one that has gone meanwhile.
    let mut after = None;
    for expected in &all {
        let next = until(after.as_ref(), u64::MAX, 1);
        assert_eq!(next, std::slice::from_ref(expected));
        commit(&*store, batch(&expected.room, vec![no_alarm()]));
        after = next.into_iter().next();
    }
    assert_eq!(until(after.as_ref(), u64::MAX, 1), []);
    assert_eq!(until(None, u64::MAX, 1), []);
    assert_eq!(until(None, u64::MAX, 0), []);
}

pub(super) fn of_deleted_rooms(open: Opener<'_>) {
    let (store, a, b) = (open(), room("a"), room("ab"));
    for room in [&a, &b] {
        commit(&*store, batch(room, vec![put("k", "1"), alarm(7)]));
    }
    commit(&*store, batch(&a, vec![delete_all()]));
    assert_eq!(times(&*store), [7, 7], "the alarm stays");
    assert!(store.delete_room(&a).is_ok());
    assert_eq!(pending(&*store), [at(&b, 7)]);
    assert_eq!(alarm_of(&*store, &a), None);
    let counted = |store: &dyn Store| store.stats().map(|stats| (stats.rooms, stats.alarms));
    assert_eq!(counted(&*store), Ok((1, 1)));
    let report = store.check().map(|report| (report.alarms, report.problems));
    assert_eq!(report, Ok((1, Vec::new())));
}

pub(super) fn reopened(open: Opener<'_>) {
    let (store, a, b) = (open(), room("a"), room("b"));
    let retry = Alarm {
        at_ms: 40,
        failures: 2,
    };
    commit(&*store, batch(&a, vec![alarm(90)]));
    commit(&*store, batch(&b, vec![WriteOp::Alarm(Some(retry))]));
    commit(&*store, batch(&a, vec![alarm(20)]));
    assert_eq!(store.close(), Ok(()));
    drop(store);
    let store = open();
    assert_eq!(pending(&*store), [at(&a, 20), at(&b, 40)]);
    assert_eq!(alarm_of(&*store, &b), Some(retry));
    commit(&*store, batch(&a, vec![no_alarm()]));
    drop(store);
    let store = open();
    assert_eq!(pending(&*store), [at(&b, 40)]);
    sound(&*store);
    assert_eq!(store.close(), Ok(()));
    let closed = store.commit(vec![batch(&a, vec![alarm(1)])]);
    assert!(closed.iter().all(Result::is_err));
}

//! Rooms that cannot be written among many that can: SQLite refuses their batches and makes all
//! others durable, with one sync when they are few.

use std::collections::BTreeMap;
use std::path::Path;

use bytes::Bytes;
use partykit_core::{CommitError, Range, ReadError, RoomBatch, RoomKey, Store};
use partykit_storage::conformance::{
    Random, alarm, alarm_of, batch, delete_all, entries, get, pending, put, room,
};

use crate::failing::{find, folder, overwrite};
use crate::recorder;
use crate::sqlite;

const PAGE: u64 = 4096;

/// Rooms of several pages each, in the order of their names, and closed: all is in the database.
fn filled(dir: &Path) -> Vec<RoomKey> {
    let store = sqlite(dir);
    let rooms: Vec<RoomKey> = (0..40)
        .map(|number| room(&format!("r{number:02}")))
        .collect();
    for room in &rooms {
        let value = |key: usize| format!("{} {key:02} {}", room.room, "x".repeat(400));
        let values = (0..30).map(|key| put(&format!("k{key:02}"), value(key)));
        let writes = values.chain([alarm(100)]).collect();
        assert!(store.commit(vec![batch(room, writes)])[0].is_ok());
    }
    store.close().unwrap();
    rooms
}

/// Overwrites the page that has this text.
fn damage(dir: &Path, text: &str) {
    let file = dir.join("sqlite/store.db");
    let page = find(&file, text.as_bytes()) / PAGE * PAGE;
    overwrite(&file, page, &[0x5a; PAGE as usize]);
}

fn of(results: &[Result<partykit_core::CommitSeq, CommitError>], wanted: &[usize]) -> Vec<bool> {
    wanted.iter().map(|index| results[*index].is_ok()).collect()
}

#[test]
fn a_damaged_page_under_one_room_fails_that_room_and_no_other_of_its_group() {
    let (_temp, dir) = folder();
    let rooms = filled(&dir);
    // In the middle of the room: the pages of its first and its last keys are whole.
    damage(&dir, "r20 15 ");
    let store = sqlite(&dir);
    let before = get(&*store, &rooms[20], "k00");
    assert!(store.reader(&rooms[20]).get("k15").is_err());
    recorder::take(&dir);
    // First a whole page of that room, then the damaged one, then an alarm.
    let mut group: Vec<RoomBatch> = Vec::new();
    for room in &rooms {
        let values = ["k00", "k15", "k29"].map(|key| put(key, "changed"));
        let writes = values.into_iter().chain([alarm(200)]).collect();
        group.push(batch(room, writes));
    }
    group.push(batch(&rooms[20], vec![put("k00", "after the refused one")]));
    group.push(batch(&rooms[21], vec![put("k00", "twice"), alarm(300)]));
    let results = store.commit(group);
    let calls = recorder::take(&dir);
    let syncs = calls.iter().filter(|call| call.what.is_sync()).count();
    assert_eq!(syncs, 1, "one sync for all others: {calls:?}");
    assert!(
        matches!(results[20], Err(CommitError::Corrupt(_))),
        "{:?}",
        results[20]
    );
    let whole: Vec<usize> = (0..20).chain(21..40).chain([41]).collect();
    assert!(of(&results, &whole).iter().all(|ok| *ok), "{results:?}");
    assert_eq!(of(&results, &[40]), [false], "after the refused one");
    // Only the damaged room, later too.
    let results = store.commit(vec![
        batch(&rooms[20], vec![delete_all()]),
        batch(&rooms[5], vec![put("later", "1")]),
    ]);
    assert_eq!(of(&results, &[0, 1]), [false, true], "{results:?}");
    drop(store);

    let store = sqlite(&dir);
    for (index, room) in rooms.iter().enumerate() {
        let at_ms = alarm_of(&*store, room).map(|alarm| alarm.at_ms);
        let expected = match index {
            20 => {
                assert_eq!(get(&*store, room, "k00"), before, "nothing of it in part");
                100
            }
            21 => {
                assert_eq!(get(&*store, room, "k00").unwrap(), "twice");
                300
            }
            _ => {
                assert_eq!(get(&*store, room, "k00").unwrap(), "changed");
                assert_eq!(
                    entries(&*store, room, &Range::default()).len(),
                    30 + usize::from(index == 5)
                );
                200
            }
        };
        assert_eq!(at_ms, Some(expected), "{room}");
    }
    let times: Vec<u64> = pending(&*store).iter().map(|alarm| alarm.at_ms).collect();
    assert_eq!(times.len(), 40);
    assert_eq!((times[0], times[1], times[39]), (100, 200, 300));
    assert!(!store.check().unwrap().is_sound());
}

/// More of them than are left out one by one: the others are written each by itself.
#[test]
fn many_rooms_on_damaged_pages_fail_alone_too() {
    let (_temp, dir) = folder();
    let store = sqlite(&dir);
    let rooms: Vec<RoomKey> = (0..300)
        .map(|number| room(&format!("r{number:03}")))
        .collect();
    // Of one length: pages beside the damaged one need not be balanced with it.
    let small = |room: &RoomKey, what: &str| {
        let text = format!("{} {what} {}", room.room, "x".repeat(80));
        let at_ms = u64::from(what == "third");
        batch(room, vec![put("k", text), alarm(at_ms)])
    };
    let write = |store: &dyn Store, what: &str| {
        let results = store.commit(rooms.iter().map(|room| small(room, what)).collect());
        let ok = results.iter().map(Result::is_ok);
        ok.collect::<Vec<bool>>()
    };
    assert!(write(&*store, "first").iter().all(|ok| *ok));
    store.close().unwrap();
    drop(store);
    damage(&dir, "r150 first");
    let store = sqlite(&dir);
    let readable = |store: &dyn Store| {
        let read = |room: &RoomKey| store.reader(room).get("k").is_ok();
        rooms.iter().map(read).collect::<Vec<bool>>()
    };
    let whole = readable(&*store);
    let damaged: Vec<usize> = (0..300).filter(|room| !whole[*room]).collect();
    assert!((9..100).contains(&damaged.len()), "{damaged:?}");
    let goes_on = write(&*store, "other");
    // An entry between two pages stands in the page above both: it may be written and not read, or
    // read and not written, where one of them is damaged.
    let (first, last) = (damaged[0], damaged[damaged.len() - 1]);
    for (room, goes_on) in goes_on.iter().enumerate() {
        let between = [first - 1, first, last, last + 1].contains(&room);
        assert!(between || *goes_on == whole[room], "{room}, {damaged:?}");
    }
    assert_eq!(write(&*store, "third"), goes_on);
    drop(store);
    let store = sqlite(&dir);
    assert_eq!(readable(&*store), whole);
    for (room, goes_on) in rooms.iter().zip(goes_on) {
        let at_ms = alarm_of(&*store, room).unwrap().at_ms;
        assert_eq!(at_ms, u64::from(goes_on), "{room}");
        if let Ok(Some(value)) = store.reader(room).get("k") {
            let what = if goes_on { "third" } else { "first" };
            let begin = format!("{} {what} ", room.room);
            assert!(value.starts_with(begin.as_bytes()), "{room}");
        }
    }
    assert_eq!(pending(&*store).len(), 300);
}

/// Random groups with rooms that a rule of the database refuses in the middle of their writes:
/// whatever such a room had written of the group is undone, and nothing else.
#[test]
fn what_a_refused_room_has_written_is_undone_and_nothing_else() {
    const POISON: &str = "poison";
    let (_temp, dir) = folder();
    sqlite(&dir).close().unwrap();
    let rule = rusqlite::Connection::open(dir.join("sqlite/store.db")).unwrap();
    rule.execute_batch(
        "CREATE TRIGGER rule BEFORE INSERT ON entries WHEN NEW.value = CAST('poison' AS BLOB)
         BEGIN SELECT RAISE(ABORT, 'against the rule'); END",
    )
    .unwrap();
    rule.close().unwrap();
    let store = sqlite(&dir);
    let mut random = Random::new(0xda3a6e);
    let rooms: Vec<RoomKey> = ["a", "aa", "b", "c"].map(room).into();
    let mut model: Vec<BTreeMap<String, Bytes>> = vec![BTreeMap::new(); rooms.len()];
    let (mut written, mut undone) = (0, 0);
    for round in 0..400 {
        let mut next = model.clone();
        let (mut group, mut of_room, mut poisoned) = (Vec::new(), Vec::new(), [false; 4]);
        for _ in 0..1 + random.below(5) {
            let which = random.below(rooms.len());
            let mut writes = Vec::new();
            for _ in 0..random.below(10) {
                let (key, value) = (random.key(), random.value());
                if random.below(50) == 0 {
                    next[which].clear();
                    // Takes what is against the rule, too.
                    poisoned[which] = false;
                    writes.push(delete_all());
                }
                next[which].insert(key.clone(), value.clone());
                writes.push(put(&key, value));
            }
            if random.below(6) == 0 {
                poisoned[which] = true;
                // At its own place among the keys: some are written before it, some would be after.
                writes.push(put(&format!("{}!", random.key()), POISON));
            }
            of_room.push(which);
            group.push(batch(&rooms[which], writes));
        }
        for which in 0..rooms.len() {
            if poisoned[which] {
                next[which] = model[which].clone();
                undone += 1;
            }
        }
        let results = store.commit(group);
        for (result, which) in results.iter().zip(&of_room) {
            let poisoned = poisoned[*which];
            let told = matches!(result, Err(CommitError::Io(text)) if text.contains("the rule"));
            assert_eq!(
                (told, result.is_ok()),
                (poisoned, !poisoned),
                "round {round}"
            );
            written += usize::from(result.is_ok());
        }
        model = next;
        for (room, values) in rooms.iter().zip(&model) {
            has_only(&*store, room, values, round);
        }
    }
    println!("{written} batches written, {undone} times a room undone");
    assert!(undone > 100 && written > 400);
    assert!(store.check().unwrap().is_sound());
    store.close().unwrap();
}

fn has_only(store: &dyn Store, room: &RoomKey, values: &BTreeMap<String, Bytes>, round: usize) {
    let found = entries(store, room, &Range::default());
    let found: BTreeMap<_, _> = found.into_iter().collect();
    assert!(found == *values, "round {round}, {room}");
}

#[test]
fn a_large_value_without_its_key_and_a_key_without_its_value_are_found() {
    let (_temp, dir) = folder();
    let store = sqlite(&dir);
    let (a, b) = (room("a"), room("b"));
    for room in [&a, &b] {
        let write = batch(room, vec![put("large", vec![7; 5000]), put("small", "1")]);
        assert!(store.commit(vec![write])[0].is_ok());
    }
    store.close().unwrap();
    drop(store);
    let database = rusqlite::Connection::open(dir.join("sqlite/store.db")).unwrap();
    database
        .execute_batch(
            "INSERT INTO large (value) VALUES (x'00');
             DELETE FROM large WHERE id = (SELECT min(large) FROM entries)",
        )
        .unwrap();
    database.close().unwrap();
    let store = sqlite(&dir);
    let report = store.check().unwrap();
    let told = |text: &str| report.problems.iter().any(|problem| problem.contains(text));
    assert!(
        told("is of no key") && told("a\\xfflarge` does not fit"),
        "{report:?}"
    );
    assert_eq!(report.problems.len(), 2, "{report:?}");
    let read = store.reader(&a).get("large");
    assert!(matches!(read, Err(ReadError::Corrupt(_))), "{read:?}");
    assert_eq!(get(&*store, &b, "large").unwrap(), vec![7; 5000]);
    // Written anew it is whole.
    let write = batch(&a, vec![put("large", vec![8; 6000])]);
    assert!(store.commit(vec![write])[0].is_ok());
    assert_eq!(get(&*store, &a, "large").unwrap(), vec![8; 6000]);
}

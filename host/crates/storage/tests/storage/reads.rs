//! What opening and reading cost, in bytes that are read from files and never in time: what is
//! asked for decides it, not what else is stored.

use std::path::Path;
use std::sync::Arc;

use partykit_core::{Range, RoomKey, Store};
use partykit_storage::conformance::{alarm, batch, get, pending, put, room};

use crate::recorder::Reads;
use crate::{long, sled, sqlite};

const KIB: u64 = 1024;

type Opener = fn(&Path) -> Arc<dyn Store>;

/// What a search for one entry may read: a page of each level of a tree, and what a connection
/// reads first. sled reads nodes with up to 24 pieces of 16 KiB, and has some from its opening.
const SEARCH: [(&str, Opener, u64); 2] = [("sqlite", sqlite, 64 * KIB), ("sled", sled, 1024 * KIB)];

fn numbered(number: usize) -> RoomKey {
    room(&format!("room{number:06}"))
}

/// Commits in groups of a hundred batches.
fn fill<B: Fn(&RoomKey) -> Vec<partykit_core::WriteOp>>(store: &dyn Store, rooms: usize, of: B) {
    for first in (0..rooms).step_by(100) {
        let group = (first..rooms.min(first + 100)).map(|number| {
            let room = numbered(number);
            batch(&room, of(&room))
        });
        assert!(store.commit(group.collect()).iter().all(Result::is_ok));
    }
}

/// A thousand keys in each room; a million of them with PARTYKIT_LONG_TESTS.
#[test]
fn opening_a_large_store_of_sqlite_reads_little_of_it() {
    let rooms = if long() { 1000 } else { 100 };
    let temp = tempfile::tempdir().unwrap();
    let store = sqlite(temp.path());
    fill(&*store, rooms, |_| {
        let value = |key: usize| put(&format!("key{key:06}"), vec![key as u8; 100]);
        (0..1000).map(value).collect()
    });
    store.close().unwrap();
    drop(store);

    let reads = Reads::of(temp.path());
    let store = sqlite(temp.path());
    let opened = reads.take();
    let value = get(&*store, &numbered(rooms / 2), "key000007").unwrap();
    let first = reads.take();
    assert_eq!(value, vec![7; 100]);
    let listed = store.rooms(Some(&numbered(rooms / 2)), 10).unwrap();
    assert_eq!(listed.len(), 10);
    let ten_rooms = reads.take();
    let stats = store.stats().unwrap();
    println!(
        "{} keys, {} bytes on disk; read {opened} to open, {first} for the first key, \
         {ten_rooms} for ten rooms",
        stats.keys, stats.disk_bytes
    );
    assert_eq!(stats.keys, rooms as u64 * 1000);
    assert!(stats.disk_bytes > 14_000_000, "{stats:?}");
    assert!(opened > 0 && first > 0, "the recorder sees no reads");
    assert!(opened < 256 * KIB, "{opened} bytes read to open");
    assert!(first < 64 * KIB, "{first} bytes read for one key");
    assert!(ten_rooms < 10 * 64 * KIB, "{ten_rooms} bytes for ten rooms");
    store.close().unwrap();
}

#[test]
fn one_key_of_a_room_with_ten_megabytes_is_read_without_the_rest() {
    for (name, open, search) in SEARCH {
        let temp = tempfile::tempdir().unwrap();
        let (store, room) = (open(temp.path()), room("large"));
        for first in (0..10_000).step_by(1000) {
            let keys = first..first + 1000;
            let writes = keys.map(|key| put(&format!("key{key:05}"), vec![key as u8; 1000]));
            assert!(store.commit(vec![batch(&room, writes.collect())])[0].is_ok());
        }
        let value = vec![9; 3_000_000];
        let alone = vec![put("value", value.clone()), alarm(5)];
        assert!(store.commit(vec![batch(&room, alone)])[0].is_ok());
        store.close().unwrap();
        drop(store);

        let store = open(temp.path());
        let reads = Reads::of(temp.path());
        assert_eq!(
            get(&*store, &room, "key04321").unwrap(),
            vec![4321_u32 as u8; 1000]
        );
        let one = reads.take();
        assert!(store.reader(&room).alarm().unwrap().is_some());
        let of_alarm = reads.take();
        let range = Range {
            start: Some("key07000".to_owned()),
            limit: Some(5),
            ..Range::default()
        };
        assert_eq!(store.reader(&room).range(&range).count(), 5);
        let five = reads.take();
        assert!(get(&*store, &room, "value").unwrap() == value);
        let large = reads.take();
        println!(
            "{name}: {one} for one key, {of_alarm} for the alarm, {five} for five, {large} for the large one"
        );
        assert!(one < search, "{name}: {one} bytes for one key");
        assert!(of_alarm < search, "{name}: {of_alarm} bytes for the alarm");
        assert!(
            five < 2 * search + 200 * KIB,
            "{name}: {five} bytes for five keys"
        );
        assert!(
            large > 2_000_000,
            "{name}: the recorder misses reads: {large}"
        );
        assert!(
            large < 4_000_000,
            "{name}: {large} bytes of a value of 3 MB"
        );
        store.close().unwrap();
    }
}

/// A search passes the keys of other values, and must not read these.
#[test]
fn one_large_value_is_read_without_the_large_values_beside_it() {
    for (name, open, search) in SEARCH {
        let temp = tempfile::tempdir().unwrap();
        let store = open(temp.path());
        // Enough for a tree of several levels, in an order that is not theirs.
        for round in 0..20 {
            let group = (0..20).map(|number| {
                let key = format!("key{:02}", (round * 7 + number) % 20);
                batch(
                    &numbered(number),
                    vec![put(&key, vec![number as u8; 100_000])],
                )
            });
            assert!(store.commit(group.collect()).iter().all(Result::is_ok));
        }
        store.close().unwrap();
        drop(store);
        let store = open(temp.path());
        let reads = Reads::of(temp.path());
        for (number, key) in [(0, "key00"), (7, "key13"), (13, "key07"), (19, "key19")] {
            assert!(get(&*store, &numbered(number), key).unwrap() == vec![number as u8; 100_000]);
            let read = reads.take();
            println!("{name}: {read} for {key} of room {number}");
            assert!(
                read < 130_000 + search,
                "{name}: {read} bytes for a value of 100,000"
            );
        }
        // To replace one, its entry is searched for, too.
        let replace = batch(&numbered(11), vec![put("key05", vec![1; 100_000])]);
        assert!(store.commit(vec![replace])[0].is_ok());
        let read = reads.take();
        println!("{name}: {read} to replace one");
        assert!(
            read < 130_000 + search,
            "{name}: {read} bytes to replace one value"
        );
        store.close().unwrap();
    }
}

/// A hundred thousand alarms are pending: those that are due are found without the others.
#[test]
fn alarms_that_are_due_are_read_without_those_that_are_not() {
    for (name, open, search) in SEARCH {
        let rooms = if long() { 100_000 } else { 10_000 };
        let temp = tempfile::tempdir().unwrap();
        let store = open(temp.path());
        fill(&*store, rooms, |room| {
            let number: u64 = room.room.as_str()[4..].parse().unwrap();
            // Not in the order of the rooms.
            vec![alarm(number * 7919 % rooms as u64)]
        });
        store.close().unwrap();
        drop(store);

        let store = open(temp.path());
        let reads = Reads::of(temp.path());
        let due = store.alarms(None, 9, 100).unwrap();
        let times: Vec<u64> = due.iter().map(|alarm| alarm.at_ms).collect();
        assert_eq!(times, (0..10).collect::<Vec<_>>());
        let first = reads.take();
        let some = store.alarms(due.last(), u64::MAX, 10).unwrap();
        let times: Vec<u64> = some.iter().map(|alarm| alarm.at_ms).collect();
        assert_eq!(times, (10..20).collect::<Vec<_>>());
        let next = reads.take();
        let all = pending(&*store);
        let every = reads.take();
        println!(
            "{name}: {first} for ten, {next} for ten more, {every} for all of {}",
            all.len()
        );
        assert_eq!(all.len(), rooms);
        assert!(every > 0, "{name}: the recorder sees no reads");
        assert!(first < search, "{name}: {first} bytes for ten alarms");
        assert!(next < search, "{name}: {next} bytes for ten alarms");
        store.close().unwrap();
    }
}

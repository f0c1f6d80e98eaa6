//! What concerns a room or a store as a whole: deleting, counting, checking, listing.

use bytes::Bytes;
use partykit_core::{PartyName, ProjectName, Range, RoomKey};

use super::Opener;
use super::sample::{alarm, batch, commit, delete, delete_all, entries, get, no_alarm, put, room};

pub(super) fn delete_room(open: Opener<'_>) {
    let store = open();
    // Names of which one begins another, and keys at both ends.
    let rooms = ["r", "r0", "q", "r\u{ffff}"].map(room);
    for room in &rooms {
        let large = put("large", vec![7; 200_000]);
        let writes = vec![put("", "first"), put("\u{10ffff}", "last"), large];
        commit(&*store, batch(room, writes));
    }
    let [gone, others @ ..] = &rooms;
    let before = commit(&*store, batch(gone, vec![put("k", "1")]));
    let deleted = store.delete_room(gone);
    assert!(
        deleted.as_ref().is_ok_and(|seq| *seq > before),
        "{deleted:?}"
    );
    assert_eq!(entries(&*store, gone, &Range::default()), []);
    for room in others {
        assert_eq!(entries(&*store, room, &Range::default()).len(), 3, "{room}");
    }
    assert!(store.delete_room(gone).is_ok(), "again does nothing");
    commit(&*store, batch(gone, vec![put("new", "2")]));
    let all = entries(&*store, gone, &Range::default());
    assert_eq!(all, [("new".to_owned(), Bytes::from("2"))]);
    assert!(store.check().is_ok_and(|report| report.is_sound()));
}

pub(super) fn counts(open: Opener<'_>) {
    let store = open();
    let counted = |rooms, keys, content| {
        let stats = store.stats();
        let found = stats.map(|stats| (stats.rooms, stats.keys, stats.content_bytes));
        assert_eq!(found, Ok((rooms, keys, content)));
        let report = store.check();
        let found = report.map(|report| (report.rooms, report.keys, report.problems));
        assert_eq!(found, Ok((rooms, keys, Vec::new())));
    };
    counted(0, 0, 0);
    let (a, b) = (room("a"), room("ab"));
    commit(
        &*store,
        batch(&a, vec![put("k", "1"), put("large", vec![1; 100_000])]),
    );
    commit(&*store, batch(&b, vec![put("k", "22")]));
    counted(2, 3, 2 + 100_005 + 3);
    commit(&*store, batch(&a, vec![delete("large"), delete("k")]));
    counted(1, 1, 3);
    commit(&*store, batch(&b, vec![put("k", vec![3; 50_000])]));
    counted(1, 1, 50_001);
}

pub(super) fn rooms_are_listed(open: Opener<'_>) {
    let store = open();
    let listed = |limit: usize| {
        let mut all: Vec<RoomKey> = Vec::new();
        loop {
            let part = store.rooms(all.last(), limit).unwrap_or_default();
            assert!(part.len() <= limit);
            let ended = part.len() < limit;
            all.extend(part);
            if ended {
                return all;
            }
        }
    };
    assert_eq!(listed(5), []);
    let mut elsewhere = room("a");
    elsewhere.project = ProjectName::parse("another").unwrap_or(elsewhere.project);
    let mut of_party = room("a");
    of_party.party = PartyName::parse("side").unwrap_or(of_party.party);
    let names = ["a", "a\0", "aa", "b", "\u{10ffff}", "emptied", "c"];
    let mut rooms: Vec<RoomKey> = names.iter().map(|name| room(name)).collect();
    rooms.extend([elsewhere, of_party]);
    for (index, room) in rooms.iter().enumerate() {
        let keys = (0..20).map(|key| put(&format!("k{key}"), vec![1; 3000]));
        // Some have values, some an alarm, some both.
        let writes: Vec<_> = match index % 3 {
            0 => keys.collect(),
            1 => vec![alarm(9)],
            _ => keys.chain([alarm(9)]).collect(),
        };
        commit(&*store, batch(room, writes));
    }
    rooms.sort_unstable();
    for limit in [1, 2, 4, 100] {
        let mut found = listed(limit);
        let in_a_row = found.len();
        found.sort_unstable();
        assert_eq!(found, rooms, "{limit} at a time");
        found.dedup();
        assert_eq!(found.len(), in_a_row, "each once");
    }
    assert_eq!(store.rooms(None, 0), Ok(Vec::new()));
    commit(
        &*store,
        batch(&room("emptied"), vec![delete_all(), no_alarm()]),
    );
    assert!(store.delete_room(&room("aa")).is_ok());
    // Behind one that has nothing any more.
    let behind = store.rooms(Some(&room("aa")), 100).unwrap_or_default();
    let all = listed(3);
    rooms.retain(|other| *other != room("emptied") && *other != room("aa"));
    assert!(behind.len() < all.len() && all.ends_with(&behind));
    let mut all = all;
    all.sort_unstable();
    assert_eq!(all, rooms);
}

pub(super) fn deleted_stays_deleted(open: Opener<'_>) {
    let (store, room) = (open(), room("r"));
    commit(
        &*store,
        batch(&room, vec![put("k", "1"), put("l", vec![2; 90_000])]),
    );
    assert!(store.delete_room(&room).is_ok());
    drop(store);
    let store = open();
    assert_eq!(get(&*store, &room, "k"), None);
    assert_eq!(entries(&*store, &room, &Range::default()), []);
    assert_eq!(store.close(), Ok(()));
    assert!(store.delete_room(&room).is_err(), "the store is closed");
}

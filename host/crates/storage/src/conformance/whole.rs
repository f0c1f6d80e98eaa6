//! What concerns a room or a store as a whole: deleting, counting, checking.

use bytes::Bytes;
use partykit_core::Range;

use super::Opener;
use super::sample::{batch, commit, delete, entries, get, put, room};

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

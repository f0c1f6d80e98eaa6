//! Deleting everything that a room has: its place in a batch, and in a group.

use bytes::Bytes;
use partykit_core::{Range, RoomKey, Store};

use super::Opener;
use super::sample::{
    alarm, alarm_of, batch, commit, delete, delete_all, entries, get, put, room, sound,
};

fn keys(store: &dyn Store, room: &RoomKey) -> Vec<String> {
    let all = entries(store, room, &Range::default());
    all.into_iter().map(|(key, _)| key).collect()
}

/// Keys at both ends, one of them large; neighbours whose names begin alike.
fn filled(open: Opener<'_>) -> (std::sync::Arc<dyn Store>, RoomKey, [RoomKey; 3]) {
    let (store, r) = (open(), room("r"));
    let neighbours = ["r\0", "r0", "q"].map(room);
    for room in neighbours.iter().chain([&r]) {
        let large = put("large", vec![7; 200_000]);
        let writes = vec![put("", "first"), put("\u{10ffff}", "last"), large, alarm(5)];
        commit(&*store, batch(room, writes));
    }
    (store, r, neighbours)
}

pub(super) fn in_its_place(open: Opener<'_>) {
    let (store, r, neighbours) = filled(open);
    let writes = vec![
        put("before", "1"),
        put("large", vec![8; 100_000]),
        delete_all(),
        delete("before"),
        put("after", "2"),
        put("large", "small"),
        put("gone", "3"),
        delete("gone"),
    ];
    commit(&*store, batch(&r, writes));
    assert_eq!(keys(&*store, &r), ["after", "large"]);
    assert_eq!(get(&*store, &r, "large"), Some(Bytes::from("small")));
    assert!(alarm_of(&*store, &r).is_some(), "the alarm stays");
    for room in &neighbours {
        assert_eq!(keys(&*store, room), ["", "large", "\u{10ffff}"], "{room}");
    }
    // Pieces of what went are gone too.
    sound(&*store);
    commit(&*store, batch(&r, vec![delete_all()]));
    assert_eq!(keys(&*store, &r), Vec::<String>::new());
    commit(&*store, batch(&r, vec![delete_all(), delete_all()]));
    commit(&*store, batch(&r, vec![put("new", "4")]));
    assert_eq!(keys(&*store, &r), ["new"]);
    sound(&*store);
}

pub(super) fn within_a_group(open: Opener<'_>) {
    let (store, r, neighbours) = filled(open);
    let [one, ..] = &neighbours;
    let group = vec![
        batch(&r, vec![put("first", "1"), put("large", vec![9; 90_000])]),
        batch(one, vec![put("own", "1")]),
        batch(
            &r,
            vec![put("second", "2"), delete_all(), put("third", "3")],
        ),
        batch(one, vec![put("large", "changed")]),
        batch(&r, vec![put("fourth", "4"), delete("third")]),
    ];
    assert!(store.commit(group).iter().all(Result::is_ok));
    assert_eq!(keys(&*store, &r), ["fourth"]);
    assert_eq!(keys(&*store, one), ["", "large", "own", "\u{10ffff}"]);
    sound(&*store);
    // Refused, and everything behind it of that room.
    let too_long = put(&"k".repeat(2049), "1");
    let group = vec![
        batch(&r, vec![put("fifth", "5")]),
        batch(&r, vec![delete_all(), too_long]),
        batch(one, vec![delete_all()]),
        batch(&r, vec![delete_all()]),
    ];
    let results = store.commit(group);
    let refused: Vec<bool> = results.iter().map(Result::is_err).collect();
    assert_eq!(refused, [false, true, false, true], "{results:?}");
    assert_eq!(keys(&*store, &r), ["fifth", "fourth"]);
    assert_eq!(keys(&*store, one), Vec::<String>::new());
    sound(&*store);
}

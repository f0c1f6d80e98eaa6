//! What is there after the store was closed and opened again.

use bytes::Bytes;
use partykit_core::Range;

use super::Opener;
use super::sample::{batch, commit, delete, entries, get, put, room};

pub(super) fn keeps_everything(open: Opener<'_>) {
    let (store, room) = (open(), room("r"));
    let large = Bytes::from(vec![7; 200_000]);
    commit(
        &*store,
        batch(
            &room,
            vec![put("a", "1"), put("b", "2"), put("large", large.clone())],
        ),
    );
    commit(&*store, batch(&room, vec![delete("a")]));
    assert_eq!(store.close(), Ok(()));
    drop(store);

    let store = open();
    let all = entries(&*store, &room, &Range::default());
    assert_eq!(
        all,
        [
            ("b".to_owned(), Bytes::from("2")),
            ("large".to_owned(), large)
        ]
    );
    commit(&*store, batch(&room, vec![delete("large")]));
    // Dropped without being closed, as in a host that failed to start.
    drop(store);
    assert_eq!(get(&*open(), &room, "large"), None);
}

pub(super) fn sequence_goes_on(open: Opener<'_>) {
    let room = room("r");
    let mut last = None;
    for round in 0..3 {
        let store = open();
        let seq = commit(&*store, batch(&room, vec![put("k", round.to_string())]));
        assert!(Some(seq) > last, "round {round}: {seq:?} after {last:?}");
        last = Some(seq);
        assert_eq!(store.close(), Ok(()));
    }
}

//! Groups: their order, their results, their failures.

use bytes::Bytes;
use partykit_core::{CommitError, Range};

use super::Opener;
use super::sample::{batch, commit, delete, entries, get, put, room};

pub(super) fn sequence_grows(open: Opener<'_>) {
    let (store, a, b) = (open(), room("a"), room("b"));
    let mut last = commit(&*store, batch(&a, vec![put("k", "0")]));
    for round in 0..20 {
        let group = vec![
            batch(&a, vec![put("k", round.to_string())]),
            batch(&b, vec![]),
            batch(&a, vec![delete("nothing")]),
        ];
        for result in store.commit(group) {
            let seq = result.ok();
            assert!(seq > Some(last), "round {round}: {seq:?} after {last:?}");
            last = seq.unwrap_or(last);
        }
    }
    assert!(store.commit(Vec::new()).is_empty());
}

pub(super) fn order_within_a_group(open: Opener<'_>) {
    let (store, a, b) = (open(), room("a"), room("b"));
    let group = vec![
        batch(&a, vec![put("k", "1"), put("gone", "1")]),
        batch(&b, vec![put("k", "b")]),
        batch(&a, vec![put("k", "2"), delete("gone")]),
        batch(&a, vec![put("large", vec![1; 100_000])]),
        batch(&a, vec![put("large", vec![2; 50_000])]),
    ];
    assert!(store.commit(group).iter().all(Result::is_ok));
    assert_eq!(get(&*store, &a, "k"), Some(Bytes::from("2")));
    assert_eq!(get(&*store, &a, "gone"), None);
    assert_eq!(
        get(&*store, &a, "large"),
        Some(Bytes::from(vec![2; 50_000]))
    );
    assert_eq!(get(&*store, &b, "k"), Some(Bytes::from("b")));
}

pub(super) fn too_large(open: Opener<'_>) {
    let (store, a, b) = (open(), room("a"), room("b"));
    let long = "k".repeat(2049);
    let group = vec![
        batch(&a, vec![put("before", "1")]),
        batch(&a, vec![put("beside", "1"), put(&long, "1")]),
        batch(&b, vec![put("other", "1")]),
        batch(&a, vec![put("after", "1")]),
    ];
    let results = store.commit(group);
    assert!(
        matches!(
            results.as_slice(),
            [
                Ok(_),
                Err(CommitError::TooLarge { .. }),
                Ok(_),
                Err(CommitError::Io(_))
            ]
        ),
        "{results:?}"
    );
    let keys: Vec<String> = entries(&*store, &a, &Range::default())
        .into_iter()
        .map(|(key, _)| key)
        .collect();
    assert_eq!(keys, ["before"]);
    assert_eq!(get(&*store, &b, "other"), Some(Bytes::from("1")));
    commit(&*store, batch(&a, vec![put("later", "1")]));
    assert_eq!(get(&*store, &a, "later"), Some(Bytes::from("1")));
}

pub(super) fn closed(open: Opener<'_>) {
    let (store, room) = (open(), room("r"));
    commit(&*store, batch(&room, vec![put("k", "1")]));
    assert_eq!(store.close(), Ok(()));
    let results = store.commit(vec![
        batch(&room, vec![put("k", "2")]),
        batch(&room, vec![]),
    ]);
    assert!(
        matches!(results.as_slice(), [Err(CommitError::Io(_)), Err(_)]),
        "{results:?}"
    );
    assert_eq!(store.close(), Ok(()), "closing again does nothing");
}

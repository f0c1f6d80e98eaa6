//! What reaches the disk before a commit is acknowledged, seen at the C library's border.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use partykit_core::{CommitError, ReadError};
use partykit_storage::conformance::{batch, get, put, room};

use crate::recorder::{self, Call, What};
use crate::sled;

fn files(dir: &Path) -> BTreeSet<PathBuf> {
    let mut found = BTreeSet::new();
    for entry in std::fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(files(&path));
        }
        found.insert(path);
    }
    found
}

fn is(call: &Call, what: What, file: &str) -> bool {
    call.what == what && call.file.ends_with(file)
}

#[test]
fn each_group_is_acknowledged_after_one_sync_that_follows_its_last_write() {
    const GROUPS: usize = 50;
    let temp = tempfile::tempdir().unwrap();
    let store = sled(temp.path());
    let before = files(temp.path());
    recorder::take(temp.path());
    for round in 0..GROUPS {
        let large = vec![round as u8; if round % 5 == 0 { 300_000 } else { 10 }];
        let of_room = |name| batch(&room(name), vec![put("k", large.clone())]);
        let results = store.commit(["a", "b", "c", "d", "e", "f", "g", "h"].map(of_room).into());
        // Taken at once: what is not there now was not done before the acknowledgement.
        let calls = recorder::take(temp.path());
        assert!(results.iter().all(Result::is_ok));
        let syncs = calls
            .iter()
            .filter(|call| is(call, What::SyncData, "sled/db"))
            .count();
        assert_eq!(syncs, 1, "round {round}: {calls:?}");
        let writes = calls
            .iter()
            .filter(|call| is(call, What::Write, "sled/db"))
            .count();
        assert!(
            writes > 0,
            "round {round}: the recorder sees no writes: {calls:?}"
        );
        // Only sled's own thread may follow, which syncs the file after making it shorter.
        let sync = calls.iter().position(|call| call.what == What::SyncData);
        let mut rest = calls.iter().skip(sync.unwrap());
        assert!(
            !rest.any(|call| call.what == What::Write),
            "round {round}: {calls:?}"
        );
        let elsewhere = calls.iter().find(|call| !call.file.ends_with("sled/db"));
        assert_eq!(elsewhere, None, "round {round}");
    }
    assert_eq!(
        files(temp.path()),
        before,
        "no file is made while the store is open"
    );
}

#[test]
fn what_opening_writes_is_synced_with_its_directories_before_the_first_commit() {
    let temp = tempfile::tempdir().unwrap();
    let dir = temp.path().join("new");
    let store = sled(&dir);
    let calls = recorder::take(temp.path());
    let synced = |file: &Path| {
        let last = calls
            .iter()
            .rposition(|call| call.file == *file && call.what == What::Write);
        let rest = &calls[last.map_or(0, |last| last + 1)..];
        rest.iter()
            .any(|call| call.file == *file && call.what == What::SyncAll)
    };
    let root = temp.path().canonicalize().unwrap();
    let lock = root.join("new/lock");
    for file in files(&root).iter().filter(|file| **file != lock) {
        // The marker gets its name after it was synced.
        let name = if file.ends_with("new/format") {
            root.join("new/format.new")
        } else {
            file.clone()
        };
        assert!(
            synced(&name),
            "{} is not synced: {calls:#?}",
            file.display()
        );
    }
    assert!(synced(&root), "the new directory's own name");
    store.close().unwrap();
}

#[test]
fn a_failed_sync_stops_the_store() {
    let temp = tempfile::tempdir().unwrap();
    let (store, room) = (sled(temp.path()), room("r"));
    assert!(store.commit(vec![batch(&room, vec![put("k", "1")])])[0].is_ok());

    recorder::fail_next_sync(&temp.path().join("sled/db"));
    let results = store.commit(vec![batch(&room, vec![put("k", "2")])]);
    assert!(
        matches!(results[0], Err(CommitError::Ambiguous(_))),
        "{results:?}"
    );

    let later = store.commit(vec![batch(&room, vec![put("k", "3")])]);
    let Err(CommitError::Io(text)) = &later[0] else {
        panic!("{later:?}")
    };
    assert!(
        text.contains("the store stopped") && text.contains("restart"),
        "{text}"
    );
    // What would be read may not be durable, and a turn that only reads waits for no commit.
    let read = store.reader(&room).get("k");
    assert!(
        matches!(&read, Err(ReadError::Io(text)) if text.contains("stopped")),
        "{read:?}"
    );
    store.close().unwrap();
    drop(store);

    let value = get(&*sled(temp.path()), &room, "k").unwrap();
    assert!(value == "1" || value == "2", "{value:?}");
}

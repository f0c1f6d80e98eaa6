//! What reaches the disk before a commit is acknowledged, seen at the C library's border.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use partykit_core::{RoomBatch, Store};
use partykit_storage::conformance::{alarm, batch, delete_all, put, room};

use crate::recorder::{self, Call, What};
use crate::{memory, sled, sqlite};

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

const GROUPS: usize = 50;

/// One group of eight rooms, sometimes large, sometimes in the place of everything before it. Each
/// room has an alarm, at the time of other rooms or at its own.
fn group(round: usize) -> Vec<RoomBatch> {
    let len = if round.is_multiple_of(5) { 300_000 } else { 10 };
    let large = vec![round as u8; len];
    let of_room = |name: &str| {
        let at_ms = round as u64 % 3 + name.len() as u64;
        let mut writes = vec![put("k", large.clone()), alarm(at_ms)];
        if round.is_multiple_of(7) {
            writes.insert(0, delete_all());
        }
        batch(&room(name), writes)
    };
    ["a", "b", "c", "d", "ee", "ff", "ggg", "hhh"]
        .map(of_room)
        .into()
}

#[test]
fn sled_acknowledges_each_group_after_one_sync_that_follows_its_last_write() {
    let temp = tempfile::tempdir().unwrap();
    let store = sled(temp.path());
    let before = files(temp.path());
    recorder::take(temp.path());
    for round in 0..GROUPS {
        let results = store.commit(group(round));
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
fn sqlite_acknowledges_each_group_after_one_sync_and_says_when_there_are_more() {
    let temp = tempfile::tempdir().unwrap();
    let store = sqlite(temp.path());
    let before = files(temp.path());
    recorder::take(temp.path());
    let (wal, database) = ("sqlite/store.db-wal", "sqlite/store.db");
    let (mut copies, mut begins_anew) = (0, false);
    for round in 0..GROUPS {
        let results = store.commit(group(round));
        let calls = recorder::take(temp.path());
        assert!(results.iter().all(Result::is_ok));
        let syncs = calls.iter().filter(|call| call.what.is_sync()).count();
        let copied = calls.iter().any(|call| is(call, What::Write, database));
        // One for the group. One for the head of a log that begins anew, before what follows it.
        // And two when the log was copied: the log before it is read, the database after.
        let expected = 1 + usize::from(begins_anew) + 2 * usize::from(copied);
        assert_eq!(syncs, expected, "round {round}: {calls:?}");
        let written = calls.iter().rposition(|call| is(call, What::Write, wal));
        let mut rest = calls.iter().skip(written.unwrap());
        assert!(
            rest.any(|call| call.what.is_sync() && call.file.ends_with(wal)),
            "round {round}: {calls:?}"
        );
        if copied {
            let last = calls.iter().rposition(|call| call.what == What::Write);
            let mut rest = calls.iter().skip(last.unwrap());
            assert!(
                rest.any(|call| call.what.is_sync() && call.file.ends_with(database)),
                "round {round}: {calls:?}"
            );
        }
        copies += usize::from(copied);
        begins_anew = copied;
    }
    assert!(copies > 1 && copies < GROUPS / 3, "{copies} copies");
    assert_eq!(
        files(temp.path()),
        before,
        "no file is made while the store is open"
    );
}

#[test]
fn memory_touches_no_file() {
    let store = memory();
    let here = std::env::current_dir().unwrap();
    recorder::take(&here);
    for round in 0..GROUPS {
        assert!(store.commit(group(round)).iter().all(Result::is_ok));
    }
    assert_eq!(recorder::take(&here), []);
}

#[test]
fn what_opening_writes_is_synced_with_its_directories_before_the_first_commit() {
    all_is_synced(sled);
    all_is_synced(sqlite);
}

fn all_is_synced(open: fn(&Path) -> Arc<dyn Store>) {
    let temp = tempfile::tempdir().unwrap();
    let dir = temp.path().join("new");
    let store = open(&dir);
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
    // The index of SQLite's log is made anew at each opening.
    let durable = |file: &&PathBuf| **file != lock && !file.ends_with("sqlite/store.db-shm");
    for file in files(&root).iter().filter(durable) {
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

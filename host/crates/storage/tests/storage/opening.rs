//! Directories that are opened, refused, damaged or full.

use std::fs;
use std::path::Path;

use partykit_core::{CommitError, Range, Store};
use partykit_storage::conformance::{
    alarm, batch, delete, delete_all, get, no_alarm, pending, put, room,
};
use partykit_storage::{SledOptions, SqliteOptions, StorageConfig, StorageError, open, upkeep};

use crate::{sled, sqlite};

fn refused(dir: &Path) -> StorageError {
    open(&StorageConfig::Sled(SledOptions::new(dir)))
        .err()
        .unwrap()
}

#[test]
fn a_store_in_use_is_refused_and_can_be_opened_once_it_is_closed() {
    let temp = tempfile::tempdir().unwrap();
    let first = sled(temp.path());
    let reader = first.reader(&room("r"));
    let error = refused(temp.path());
    assert!(matches!(error, StorageError::Locked { .. }), "{error}");
    assert!(error.to_string().contains("stop that one"), "{error}");
    first.close().unwrap();
    let second = sled(temp.path());
    assert!(
        reader.get("k").is_err(),
        "a reader of a closed store says so"
    );
    assert!(second.commit(vec![batch(&room("r"), vec![put("k", "1")])])[0].is_ok());
}

#[test]
fn a_newer_format_is_refused_and_left_as_it_was() {
    let temp = tempfile::tempdir().unwrap();
    sled(temp.path()).close().unwrap();
    let marker = temp.path().join("format");
    fs::write(&marker, "partykit-store 7 sled\n").unwrap();
    let log = fs::read(temp.path().join("sled/db")).unwrap();
    let error = refused(temp.path()).to_string();
    assert!(
        error.contains("format 7") && error.contains("up to 1"),
        "{error}"
    );
    assert_eq!(fs::read(temp.path().join("sled/db")).unwrap(), log);
}

#[test]
fn a_store_whose_log_is_gone_is_damaged_and_not_empty() {
    let temp = tempfile::tempdir().unwrap();
    let store = sled(temp.path());
    store.commit(vec![batch(&room("r"), vec![put("k", "1")])]);
    store.close().unwrap();
    drop(store);
    fs::remove_dir_all(temp.path().join("sled")).unwrap();
    let error = refused(temp.path());
    assert!(matches!(error, StorageError::Corrupt { .. }), "{error}");
    assert!(
        error.to_string().contains("restore it from a backup"),
        "{error}"
    );
}

#[test]
fn a_log_of_garbage_is_an_error_and_not_a_panic() {
    let temp = tempfile::tempdir().unwrap();
    let store = sled(temp.path());
    store.commit(vec![batch(&room("r"), vec![put("k", vec![1; 100_000])])]);
    store.close().unwrap();
    drop(store);
    let log = temp.path().join("sled/db");
    let len = fs::metadata(&log).unwrap().len() as usize;
    fs::write(&log, vec![0x5a; len]).unwrap();
    let error = refused(temp.path());
    assert!(matches!(error, StorageError::Corrupt { .. }), "{error}");
}

/// A store of SQLite as format 1 had it: all values in one table.
pub(crate) fn of_format_1(dir: &Path) {
    let fixture = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/storage/fixtures/sqlite-1");
    fs::create_dir_all(dir.join("sqlite")).unwrap();
    for name in ["format", "lock", "sqlite/store.db"] {
        fs::copy(fixture.join(name), dir.join(name)).unwrap();
    }
}

fn bytes(len: usize, salt: usize) -> Vec<u8> {
    (0..len).map(|at| (at / 7 + at + salt) as u8).collect()
}

fn has_what_format_1_had(store: &dyn Store) {
    let (a, b) = (room("a"), room("b"));
    assert_eq!(get(store, &a, "greeting").unwrap(), "hello");
    assert_eq!(get(store, &a, "medium").unwrap(), bytes(900, 1));
    assert_eq!(get(store, &a, "large").unwrap(), bytes(9_000, 2));
    assert_eq!(get(store, &b, "large").unwrap(), bytes(6_000, 4));
    let due: Vec<u64> = pending(store).iter().map(|alarm| alarm.at_ms).collect();
    assert_eq!(due, [7, 1_795_700_000_000]);
    assert!(store.check().unwrap().is_sound());
}

#[test]
fn a_store_of_format_1_is_upgraded_when_it_is_opened_and_not_when_it_is_looked_at() {
    let temp = tempfile::tempdir().unwrap();
    let dir = temp.path().join("store");
    of_format_1(&dir);
    let format = || fs::read_to_string(dir.join("format")).unwrap();
    let database = || fs::read(dir.join("sqlite/store.db")).unwrap();
    let before = database();
    let stats = upkeep::stats(&dir).unwrap();
    assert_eq!((stats.rooms, stats.keys, stats.alarms), (2, 6, 2));
    assert!(upkeep::check(&dir).unwrap().is_sound());
    upkeep::backup(&dir, &temp.path().join("backup")).unwrap();
    assert_eq!(format(), "partykit-store 1 sqlite\n");
    assert!(database() == before);
    let new = temp.path().join("new");
    upkeep::restore(&temp.path().join("backup"), &new, "sqlite").unwrap();
    has_what_format_1_had(&*sqlite(&new));

    let store = sqlite(&dir);
    assert_eq!(format(), "partykit-store 2 sqlite\n");
    has_what_format_1_had(&*store);
    // Values that lie as format 1 had them are replaced and removed like others, and left.
    let (a, b) = (room("a"), room("b"));
    let writes = vec![
        put("replaced", bytes(7_000, 5)),
        put("new", bytes(8_000, 6)),
    ];
    let group = vec![batch(&a, writes), batch(&b, vec![delete("k")])];
    assert!(store.commit(group).iter().all(Result::is_ok));
    assert_eq!(get(&*store, &a, "replaced").unwrap(), bytes(7_000, 5));
    has_what_format_1_had(&*store);
    store.close().unwrap();
    drop(store);
    let store = sqlite(&dir);
    assert_eq!(get(&*store, &a, "new").unwrap(), bytes(8_000, 6));
    has_what_format_1_had(&*store);
    store.delete_room(&a).unwrap();
    assert_eq!(get(&*store, &b, "large").unwrap(), bytes(6_000, 4));
    assert_eq!(store.stats().unwrap().keys, 1);
    assert!(store.check().unwrap().is_sound());
}

/// sled looks at the beginning of the name only, and takes what it has not finished for the newest.
#[test]
fn a_snapshot_that_a_killed_opening_left_unfinished_does_not_keep_sled_from_opening() {
    let temp = tempfile::tempdir().unwrap();
    let store = sled(temp.path());
    store.commit(vec![batch(&room("r"), vec![put("k", "1")])]);
    store.close().unwrap();
    drop(store);
    let unfinished = temp.path().join("sled/snap.FFFFFFFFFFFFFFF0.generating");
    fs::write(&unfinished, "half").unwrap();
    let store = sled(temp.path());
    assert_eq!(get(&*store, &room("r"), "k").unwrap(), "1");
    assert!(!unfinished.exists());
}

#[test]
fn a_sled_that_lost_power_while_it_was_made_is_made_again_and_a_finished_one_is_damaged() {
    let temp = tempfile::tempdir().unwrap();
    sled(temp.path()).close().unwrap();
    let (conf, marker) = (temp.path().join("sled/conf"), temp.path().join("format"));
    fs::write(&conf, "half of a configuration").unwrap();
    let error = refused(temp.path());
    assert!(matches!(error, StorageError::Corrupt { .. }), "{error}");
    assert_eq!(
        fs::read(&conf).unwrap(),
        b"half of a configuration",
        "left as it was"
    );
    fs::remove_file(&marker).unwrap();
    let store = sled(temp.path());
    assert!(store.commit(vec![batch(&room("r"), vec![put("k", "1")])])[0].is_ok());
}

#[test]
fn with_too_little_space_commits_are_refused_and_reads_go_on() {
    let temp = tempfile::tempdir().unwrap();
    let room = room("r");
    let store = sled(temp.path());
    store.commit(vec![batch(&room, vec![put("k", "1")])]);
    store.close().unwrap();
    drop(store);

    let mut options = SledOptions::new(temp.path());
    options.free_bytes_min = u64::MAX;
    let full = open(&StorageConfig::Sled(options)).unwrap();
    let results = full.commit(vec![batch(&room, vec![put("k", "2")])]);
    assert_eq!(results, [Err(CommitError::NoSpace)]);
    assert_eq!(get(&*full, &room, "k").unwrap(), "1");
    full.close().unwrap();
    drop(full);

    let store = sled(temp.path());
    assert!(store.commit(vec![batch(&room, vec![put("k", "3")])])[0].is_ok());
    assert_eq!(get(&*store, &room, "k").unwrap(), "3");
}

#[test]
fn with_too_little_space_sqlite_refuses_what_needs_more_and_deletes_what_is_asked() {
    let temp = tempfile::tempdir().unwrap();
    let rooms = ["a", "b", "c"].map(room);
    let store = sqlite(temp.path());
    let fill = |room| batch(room, vec![put("k", "1"), put("l", "1"), alarm(5)]);
    let results = store.commit(rooms.iter().map(fill).collect());
    assert!(results.iter().all(Result::is_ok));
    store.close().unwrap();
    drop(store);

    let mut options = SqliteOptions::new(temp.path());
    options.free_bytes_min = u64::MAX;
    let full = open(&StorageConfig::Sqlite(options)).unwrap();
    let [a, b, c] = &rooms;
    let results = full.commit(vec![
        batch(a, vec![put("k", "2"), delete("l")]),
        batch(b, vec![delete("k"), no_alarm()]),
        batch(c, vec![delete_all(), alarm(6)]),
        batch(a, vec![delete("another")]),
    ]);
    let no_space = Err(CommitError::NoSpace);
    assert!(results[1].is_ok(), "{results:?}");
    assert!(
        [0, 2, 3].iter().all(|index| results[*index] == no_space),
        "{results:?}"
    );
    assert_eq!(get(&*full, a, "k").unwrap(), "1");
    assert_eq!(get(&*full, b, "k"), None);
    assert_eq!(pending(&*full).len(), 2);
    let results = full.commit(vec![batch(c, vec![delete_all()])]);
    assert!(results[0].is_ok(), "{results:?}");
    full.delete_room(a).unwrap();
    assert_eq!(pending(&*full).len(), 1);
    assert!(full.check().unwrap().is_sound());
}

/// sled makes a file of its own of each record above its limit, and never syncs it.
#[test]
fn no_record_becomes_a_file_of_its_own_however_long_keys_and_values_are() {
    let temp = tempfile::tempdir().unwrap();
    let (store, room) = (sled(temp.path()), room(&"r".repeat(1024)));
    // Long keys that differ only at their ends make the largest index nodes.
    let key = |index: usize| format!("{}{index:06}", "k".repeat(2042));
    for first in (0..4000).step_by(500) {
        let writes = (first..first + 500)
            .map(|index| put(&key(index), "v"))
            .collect();
        assert!(store.commit(vec![batch(&room, writes)])[0].is_ok());
    }
    // Values just below the size of a piece make the largest leaves; rewriting merges them.
    for round in 0..6_u8 {
        let large = |index| put(&key(index), vec![round; 16_384 + usize::from(round % 2)]);
        let writes = (0..160).map(large).collect();
        assert!(store.commit(vec![batch(&room, writes)])[0].is_ok());
    }
    let blobs: Vec<_> = fs::read_dir(temp.path().join("sled/blobs"))
        .unwrap()
        .collect();
    assert!(blobs.is_empty(), "{blobs:?}");
    let all = store.reader(&room).range(&Range::default());
    assert_eq!(all.filter(Result::is_ok).count(), 4000);
}

#[test]
fn space_of_replaced_values_is_used_again() {
    let temp = tempfile::tempdir().unwrap();
    let (store, room) = (sled(temp.path()), room("r"));
    let round = |round: usize| {
        // Keys that stay as they are, between one that is written all the time.
        let cold = put(&format!("cold{round:05}"), vec![1; 100]);
        let hot = (0..8).map(|key| put(&format!("hot{key}"), vec![round as u8; 60_000]));
        let results = store.commit(vec![batch(&room, hot.chain([cold]).collect())]);
        assert!(results[0].is_ok());
    };
    (0..400).for_each(round);
    let written = 400 * 8 * 60_000;
    let log = fs::metadata(temp.path().join("sled/db")).unwrap().len();
    println!("{written} bytes written, the log has {log}");
    assert!(
        log < written / 2,
        "the log has {log} bytes after {written} were written"
    );
}

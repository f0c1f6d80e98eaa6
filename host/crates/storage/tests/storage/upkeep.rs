//! Backups and restoring, counting, checking and compacting, by directory as an operator does it.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use bytes::Bytes;
use partykit_core::{Alarm, Entry, Range, RoomAlarm, Store, UpkeepError, WriteOp};
use partykit_storage::conformance::{
    Random, alarm, alarm_of, batch, delete, entries, get, pending, put, room,
};
use partykit_storage::{StorageConfig, StorageError, open, upkeep};

use crate::{memory, sled, sqlite};

const ROOMS: [&str; 4] = ["a", "aa", "r/\u{10ffff}", "z"];

/// Small and large values, odd keys, one room emptied again; alarms beside values and alone.
fn fill(store: &dyn Store) {
    let mut random = Random::new(0xbac);
    for name in ROOMS {
        let room = room(name);
        for _ in 0..12 {
            let writes = (0..20)
                .map(|_| put(&random.key(), random.value()))
                .collect();
            assert!(store.commit(vec![batch(&room, writes)])[0].is_ok());
        }
    }
    let gone = room("gone");
    assert!(store.commit(vec![batch(&gone, vec![put("k", "1")])])[0].is_ok());
    assert!(store.commit(vec![batch(&gone, vec![delete("k")])])[0].is_ok());
    let retry = Alarm {
        at_ms: 500,
        failures: 3,
    };
    let alarms = vec![
        batch(&room("a"), vec![alarm(u64::MAX)]),
        batch(&room("z"), vec![alarm(500)]),
        batch(&room("only"), vec![WriteOp::Alarm(Some(retry))]),
    ];
    assert!(store.commit(alarms).iter().all(Result::is_ok));
}

type Contents = (Vec<(Vec<Entry>, Option<Alarm>)>, Vec<RoomAlarm>);

fn contents(store: &dyn Store) -> Contents {
    let rooms = ROOMS.iter().chain(&["gone", "k", "only"]);
    let of_room = |name: &&str| {
        let room = room(name);
        let values = entries(store, &room, &Range::default());
        (values, alarm_of(store, &room))
    };
    (rooms.map(of_room).collect(), pending(store))
}

pub(crate) fn restored(file: &Path, dir: &Path, backend: &str) -> Arc<dyn Store> {
    upkeep::restore(file, dir, backend).unwrap();
    open(&StorageConfig::named(backend, dir).unwrap()).unwrap()
}

#[test]
fn a_backup_of_any_backend_can_be_restored_with_any_other() {
    let temp = tempfile::tempdir().unwrap();
    let from: [(&str, Arc<dyn Store>); 3] = [
        ("memory", memory()),
        ("sled", sled(&temp.path().join("sled"))),
        ("sqlite", sqlite(&temp.path().join("sqlite"))),
    ];
    let mut files = Vec::new();
    for (name, store) in &from {
        fill(&**store);
        let file = temp.path().join(format!("{name}.backup"));
        let report = store.backup(&file).unwrap();
        assert_eq!((report.rooms, report.alarms), (4, 3), "{name}");
        assert_eq!(report.file_bytes, fs::metadata(&file).unwrap().len());
        for backend in ["sled", "sqlite"] {
            let dir = temp.path().join(format!("{name}-{backend}"));
            let copy = restored(&file, &dir, backend);
            assert!(
                contents(&*copy) == contents(&**store),
                "{name} to {backend}"
            );
            assert!(copy.check().unwrap().is_sound());
            copy.close().unwrap();
        }
        files.push(fs::read(file).unwrap());
    }
    assert!(files.windows(2).all(|two| two[0] == two[1]), "one format");
}

/// Written when the format was made: what comes later must still read it.
#[test]
fn a_backup_of_format_1_can_be_restored() {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/storage/fixtures/backup-1");
    let temp = tempfile::tempdir().unwrap();
    let store = restored(&file, &temp.path().join("store"), "sqlite");
    assert_eq!(get(&*store, &room("a"), "greeting").unwrap(), "hello");
    assert_eq!(get(&*store, &room("a"), "empty").unwrap(), "");
    let large = Bytes::from(vec![7; 20_000]);
    assert!(get(&*store, &room("b"), "large").unwrap() == large);
    assert_eq!(store.stats().unwrap().keys, 3);
    assert_eq!(pending(&*store), []);
    // It can have alarms from now on.
    assert!(store.commit(vec![batch(&room("a"), vec![alarm(5)])])[0].is_ok());
    assert_eq!(pending(&*store).len(), 1);
}

#[test]
fn a_backup_of_format_2_can_be_restored() {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/storage/fixtures/backup-2");
    let temp = tempfile::tempdir().unwrap();
    let store = restored(&file, &temp.path().join("store"), "sqlite");
    assert_eq!(get(&*store, &room("a"), "greeting").unwrap(), "hello");
    let alarm = |at_ms, failures| Some(Alarm { at_ms, failures });
    assert_eq!(alarm_of(&*store, &room("a")), alarm(1_795_700_000_000, 0));
    assert_eq!(alarm_of(&*store, &room("only")), alarm(7, 2));
    let due: Vec<u64> = pending(&*store).iter().map(|alarm| alarm.at_ms).collect();
    assert_eq!(due, [7, 1_795_700_000_000]);
    // Written anew it is the same file.
    let again = temp.path().join("again");
    store.backup(&again).unwrap();
    assert!(fs::read(again).unwrap() == fs::read(file).unwrap());
}

#[test]
fn sqlite_is_backed_up_while_it_is_written_as_of_one_moment() {
    let temp = tempfile::tempdir().unwrap();
    let dir = temp.path().join("store");
    let (store, ended) = (sqlite(&dir), AtomicBool::new(false));
    let write = |round: u64| {
        let text = || Bytes::from(round.to_string());
        let of = |name| batch(&room(name), vec![put("n", text()), put("m", text())]);
        let results = store.commit(vec![of("a"), of("z")]);
        assert!(results.iter().all(Result::is_ok));
    };
    write(0);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            (1..)
                .take_while(|_| !ended.load(Ordering::SeqCst))
                .for_each(write)
        });
        let mut before = Bytes::from("0");
        for round in 0..6 {
            let file = temp.path().join(format!("{round}.backup"));
            // By its directory, as another process does it.
            upkeep::backup(&dir, &file).unwrap();
            let after = get(&*store, &room("a"), "n").unwrap();
            let copy = restored(&file, &temp.path().join(round.to_string()), "sqlite");
            let read = |name, key| get(&*copy, &room(name), key).unwrap();
            let moment = read("a", "n");
            for (name, key) in [("a", "m"), ("z", "n"), ("z", "m")] {
                assert_eq!(read(name, key), moment, "round {round}");
            }
            let number = |text: &Bytes| std::str::from_utf8(text).unwrap().parse::<u64>().unwrap();
            assert!(number(&before) <= number(&moment) && number(&moment) <= number(&after));
            before = after;
        }
        ended.store(true, Ordering::SeqCst);
    });
}

#[test]
fn nothing_is_overwritten() {
    let temp = tempfile::tempdir().unwrap();
    let (store, file) = (memory(), temp.path().join("backup"));
    fs::write(&file, "mine").unwrap();
    assert_eq!(store.backup(&file), Err(UpkeepError::Exists(file.clone())));
    assert_eq!(fs::read_to_string(&file).unwrap(), "mine");
    fs::remove_file(&file).unwrap();
    store.backup(&file).unwrap();
    let nowhere = temp.path().join("no/such/folder");
    assert!(store.backup(&nowhere.join("backup")).is_err());
}

pub(crate) fn backup_file(dir: &Path) -> (PathBuf, Vec<u8>) {
    let (store, file) = (memory(), dir.join("backup"));
    let writes = (0..20)
        .map(|key| put(&key.to_string(), vec![key; 50]))
        .collect();
    store.commit(vec![batch(&room("a"), writes)]);
    let alarms = [("a", 5), ("b", 6)].map(|(name, at_ms)| batch(&room(name), vec![alarm(at_ms)]));
    store.commit(alarms.into());
    store.backup(&file).unwrap();
    let bytes = fs::read(&file).unwrap();
    (file, bytes)
}

#[test]
fn a_backup_that_was_cut_changed_or_made_longer_is_refused_before_anything_is_made() {
    let temp = tempfile::tempdir().unwrap();
    let (file, bytes) = backup_file(temp.path());
    let dir = temp.path().join("store");
    let refused = |what: &str, bytes: &[u8]| {
        fs::write(&file, bytes).unwrap();
        let error = upkeep::restore(&file, &dir, "sqlite").unwrap_err();
        let expected = matches!(
            error,
            StorageError::DamagedBackup { .. }
                | StorageError::NoBackup { .. }
                | StorageError::NewerBackup { .. }
        );
        assert!(expected, "{what}: {error}");
        assert_eq!(fs::read_dir(temp.path()).unwrap().count(), 1, "{what}");
    };
    for len in 0..bytes.len() {
        refused(&format!("cut to {len}"), &bytes[..len]);
    }
    for at in 0..bytes.len() {
        let mut changed = bytes.clone();
        changed[at] ^= 0x10;
        refused(&format!("changed at {at}"), &changed);
    }
    refused("something behind its end", &[&bytes[..], b"x"].concat());
    // Frames are those of two entries, whole, but in another order.
    let head = "partykit-backup 2\n".len();
    let frame = |at: usize| 8 + u32::from_le_bytes(bytes[at..at + 4].try_into().unwrap()) as usize;
    let (first, second) = (head, head + frame(head));
    let third = second + frame(second);
    let (one, two) = (&bytes[first..second], &bytes[second..third]);
    let swapped = [&bytes[..head], two, one, &bytes[third..]].concat();
    refused("two entries swapped", &swapped);
    let without = [&bytes[..second], &bytes[third..]].concat();
    refused("an entry left out", &without);
    // A file of format 1 has no alarms, whatever it says.
    let older = [&b"partykit-backup 1"[..], &bytes[head - 1..]].concat();
    refused("alarms in format 1", &older);
    fs::write(&file, &bytes).unwrap();
    upkeep::restore(&file, &dir, "sqlite").unwrap();
}

#[test]
fn a_newer_backup_and_something_else_are_told_apart() {
    let temp = tempfile::tempdir().unwrap();
    let file = temp.path().join("backup");
    let told = |text: &str| {
        fs::write(&file, text).unwrap();
        let dir = temp.path().join("store");
        upkeep::restore(&file, &dir, "sled")
            .unwrap_err()
            .to_string()
    };
    assert!(
        told("partykit-backup 3\n...").contains("format 3, this program knows formats up to 2")
    );
    assert!(told("SQLite format 3\0").contains("is no backup of a store"));
    assert!(told("").contains("is no backup of a store"));
}

#[test]
fn where_there_is_no_store_nothing_is_made() {
    let temp = tempfile::tempdir().unwrap();
    let dir = temp.path().join("store");
    let told = [
        upkeep::stats(&dir).map(|_| ()),
        upkeep::check(&dir).map(|_| ()),
        upkeep::compact(&dir).map(|_| ()),
        upkeep::backup(&dir, &temp.path().join("backup")).map(|_| ()),
    ];
    for result in told {
        assert!(
            matches!(result, Err(StorageError::NoStore { .. })),
            "{result:?}"
        );
    }
    assert_eq!(fs::read_dir(temp.path()).unwrap().count(), 0);
}

#[test]
fn beside_a_host_sqlite_is_counted_checked_and_backed_up_and_sled_is_not() {
    let temp = tempfile::tempdir().unwrap();
    let (one, two) = (temp.path().join("sqlite"), temp.path().join("sled"));
    let serving = [sqlite(&one), sled(&two)];
    serving.iter().for_each(|store| fill(&**store));
    let stats = upkeep::stats(&one).unwrap();
    assert_eq!((stats.backend, stats.rooms, stats.alarms), ("sqlite", 4, 3));
    assert!(stats.disk_bytes > stats.content_bytes, "{stats:?}");
    let report = upkeep::check(&one).unwrap();
    assert!(report.is_sound() && report.alarms == 3, "{report:?}");
    upkeep::backup(&one, &temp.path().join("backup")).unwrap();
    let locked = |error: StorageError| matches!(error, StorageError::Locked { .. });
    assert!(locked(upkeep::compact(&one).unwrap_err()));
    assert!(locked(upkeep::stats(&two).unwrap_err()));
    serving.iter().for_each(|store| store.close().unwrap());
    let stats = upkeep::stats(&two).unwrap();
    assert_eq!(
        (stats.backend, stats.rooms, stats.free_bytes),
        ("sled", 4, None)
    );
    let report = upkeep::check(&two).unwrap();
    assert!(report.is_sound() && report.keys == stats.keys, "{report:?}");
    assert_eq!((stats.alarms, report.alarms), (3, 3));
    assert!(upkeep::compact(&one).is_ok());
}

#[test]
fn compacting_gives_space_back_or_says_what_to_do_instead() {
    let temp = tempfile::tempdir().unwrap();
    let (one, two) = (temp.path().join("sqlite"), temp.path().join("sled"));
    let store = sqlite(&one);
    for key in 0..60 {
        let write = batch(&room("r"), vec![put(&key.to_string(), vec![1; 100_000])]);
        assert!(store.commit(vec![write])[0].is_ok());
    }
    store.delete_room(&room("r")).unwrap();
    store.commit(vec![batch(&room("s"), vec![put("k", "kept"), alarm(9)])]);
    assert!(store.stats().unwrap().free_bytes > Some(5_000_000));
    let done = store.compact().unwrap();
    assert!(
        done.before_bytes > 6_000_000 && done.after_bytes < 500_000,
        "{done:?}"
    );
    assert_eq!(get(&*store, &room("s"), "k").unwrap(), "kept");
    assert_eq!(pending(&*store).len(), 1);
    assert!(store.check().unwrap().is_sound());
    store.commit(vec![batch(&room("s"), vec![put("k", "written")])]);
    store.close().unwrap();
    assert_eq!(get(&*sqlite(&one), &room("s"), "k").unwrap(), "written");

    sled(&two).close().unwrap();
    let error = upkeep::compact(&two).unwrap_err();
    assert!(
        matches!(
            &error,
            StorageError::Upkeep(UpkeepError::Unsupported { backend: "sled", instead, .. })
                if instead.contains("restore")
        ),
        "{error}"
    );
}

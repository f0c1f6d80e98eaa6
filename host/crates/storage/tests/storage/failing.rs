//! Disks that are full, fail or may not be written, damage, and clocks that jump: what rooms are
//! told, who goes on, and what is there afterwards.

use std::fs;
use std::io::{Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::mpsc::channel;

use partykit_core::{CommitError, CommitSeq, ReadError, RoomKey, Store};
use partykit_storage::conformance::{alarm, alarm_of, batch, get, pending, put, room};
use partykit_storage::{Committer, SledOptions, SqliteOptions, StorageConfig, StorageError, open};

use crate::recorder::{self, Failing, Failure};
use crate::{sled, sqlite};

/// A durable backend, and the file that a commit waits for.
#[derive(Clone, Copy)]
struct Backend {
    name: &'static str,
    open: fn(&Path) -> Arc<dyn Store>,
    log: &'static str,
}

const BACKENDS: [Backend; 2] = [
    Backend {
        name: "sled",
        open: sled,
        log: "sled/db",
    },
    Backend {
        name: "sqlite",
        open: sqlite,
        log: "sqlite/store.db-wal",
    },
];

/// A folder of a test, by the name that the system knows it by.
pub(crate) fn folder() -> (tempfile::TempDir, PathBuf) {
    let temp = tempfile::tempdir().unwrap();
    let path = temp.path().canonicalize().unwrap();
    (temp, path)
}

fn commit(store: &dyn Store, room: &RoomKey, value: &str) -> Result<CommitSeq, CommitError> {
    let results = store.commit(vec![batch(room, vec![put("k", value.to_owned())])]);
    results.into_iter().next().unwrap()
}

fn fail(call: Failing, file: &Path, errno: i32, times: Option<u32>) {
    let file = file.to_owned();
    recorder::fail(Failure {
        call,
        file,
        errno,
        times,
    });
}

/// Nothing is acknowledged or read any more, and the text says what to do.
fn has_stopped(name: &str, store: &dyn Store, room: &RoomKey) {
    let Err(CommitError::Io(text)) = commit(store, room, "later") else {
        panic!("{name}: a stopped store commits")
    };
    assert!(
        text.contains("the store stopped") && text.contains("restart"),
        "{name}: {text}"
    );
    // What would be read may not be durable, and a turn that only reads waits for no commit.
    let read = store.reader(room).get("k");
    assert!(
        matches!(&read, Err(ReadError::Io(text)) if text.contains("stopped")),
        "{name}: {read:?}"
    );
    let counted = store.stats().map(|_| ()).unwrap_err().to_string();
    assert!(counted.contains("stopped"), "{name}: {counted}");
}

#[test]
fn a_failed_sync_stops_the_store_and_leaves_the_batch_open() {
    for Backend { name, open, log } in BACKENDS {
        let (_temp, dir) = folder();
        let (store, room) = (open(&dir), room("r"));
        commit(&*store, &room, "1").unwrap();
        recorder::fail_next_sync(&dir.join(log));
        let result = commit(&*store, &room, "2");
        assert!(
            matches!(result, Err(CommitError::Ambiguous(_))),
            "{name}: {result:?}"
        );
        has_stopped(name, &*store, &room);
        store.close().unwrap();
        drop(store);
        let value = get(&*open(&dir), &room, "k").unwrap();
        assert!(value == "1" || value == "2", "{name}: {value:?}");
    }
}

#[test]
fn a_store_that_cannot_be_synced_while_it_opens_is_an_error_and_not_a_panic() {
    for name in ["sled", "sqlite"] {
        let (_temp, dir) = folder();
        let config = StorageConfig::named(name, dir.join("store")).unwrap();
        fail(
            Failing::Sync,
            &dir.join("store").join(name),
            libc::EIO,
            None,
        );
        let error = open(&config).err().unwrap();
        assert!(matches!(error, StorageError::Io { .. }), "{name}: {error}");
        recorder::mend(&dir);
        let store = open(&config).unwrap();
        commit(&*store, &room("r"), "1").unwrap();
        store.close().unwrap();
    }
}

#[test]
fn a_log_that_cannot_be_copied_does_not_take_back_what_was_acknowledged() {
    let (_temp, dir) = folder();
    let (store, room) = (sqlite(&dir), room("r"));
    let large = |round: u8| batch(&room, vec![put("large", vec![round; 1_500_000])]);
    recorder::fail_next_sync(&dir.join("sqlite/store.db"));
    let mut acknowledged = 0;
    let stopped = (1..20).find_map(|round| {
        let result = store.commit(vec![large(round)]).remove(0);
        acknowledged += u8::from(result.is_ok());
        result.err()
    });
    assert!(matches!(stopped, Some(CommitError::Io(_))), "{stopped:?}");
    has_stopped("sqlite", &*store, &room);
    store.close().unwrap();
    drop(store);
    let value = get(&*sqlite(&dir), &room, "large").unwrap();
    assert!(value == vec![acknowledged; 1_500_000], "{acknowledged}");
}

#[test]
fn sqlite_goes_on_after_a_full_disk_and_the_room_must_reset() {
    let (_temp, dir) = folder();
    let store = sqlite(&dir);
    let committer = Committer::start(store.clone()).unwrap();
    let submit = |lane: &partykit_storage::CommitLane, generation, room: &RoomKey, value: &str| {
        let (done, answer) = channel();
        let write = batch(room, vec![put("k", value.to_owned())]);
        lane.submit(
            generation,
            write,
            Box::new(move |result| done.send(result).unwrap()),
        );
        answer.recv().unwrap()
    };
    let (a, b) = (room("a"), room("b"));
    let (lane_a, lane_b) = (committer.lane(), committer.lane());
    submit(&lane_a, 0, &a, "1").unwrap();
    submit(&lane_b, 0, &b, "1").unwrap();
    fail(
        Failing::Write,
        &dir.join("sqlite/store.db-wal"),
        libc::ENOSPC,
        None,
    );
    assert_eq!(submit(&lane_a, 0, &a, "2"), Err(CommitError::NoSpace));
    assert_eq!(get(&*store, &a, "k").unwrap(), "1", "reads go on");
    recorder::mend(&dir);
    assert!(
        matches!(submit(&lane_a, 0, &a, "3"), Err(CommitError::Io(_))),
        "not before a reset"
    );
    submit(&lane_b, 0, &b, "2").unwrap();
    submit(&lane_a, 1, &a, "4").unwrap();
    committer.shutdown().unwrap();
    drop((committer, store));
    let store = sqlite(&dir);
    assert_eq!(get(&*store, &a, "k").unwrap(), "4");
    assert_eq!(get(&*store, &b, "k").unwrap(), "2");
}

#[test]
fn sled_stops_when_the_disk_is_full_in_the_middle_of_a_write() {
    let (_temp, dir) = folder();
    let (store, room) = (sled(&dir), room("r"));
    commit(&*store, &room, "1").unwrap();
    fail(Failing::Write, &dir.join("sled/db"), libc::ENOSPC, None);
    let result = commit(&*store, &room, "2");
    assert!(
        matches!(result, Err(CommitError::Ambiguous(_))),
        "{result:?}"
    );
    has_stopped("sled", &*store, &room);
    recorder::mend(&dir);
    drop(store.close());
    drop(store);
    let value = get(&*sled(&dir), &room, "k").unwrap();
    assert!(value == "1" || value == "2", "{value:?}");
}

/// Only where this process may mount; the tests with failing calls run everywhere.
#[test]
fn on_a_disk_that_is_really_full_everything_acknowledged_stays() {
    for name in ["sled", "sqlite"] {
        let (_temp, dir) = folder();
        let Some(disk) = SmallDisk::mount(&dir, 24) else {
            println!("{name}: no disk can be mounted here");
            return;
        };
        let config = || match name {
            "sled" => {
                let mut options = SledOptions::new(dir.join("store"));
                options.free_bytes_min = 0;
                StorageConfig::Sled(options)
            }
            _ => {
                let mut options = SqliteOptions::new(dir.join("store"));
                options.free_bytes_min = 0;
                StorageConfig::Sqlite(options)
            }
        };
        let store = open(&config()).unwrap();
        let value = |round: u32| vec![round as u8; 90_000 + round as usize];
        let write = |store: &dyn Store, round: u32| {
            let key = format!("k{round:05}");
            let write = batch(&room("r"), vec![put(&key, value(round))]);
            store.commit(vec![write]).remove(0)
        };
        let full =
            (0..2000).find_map(|round| write(&*store, round).err().map(|error| (round, error)));
        let (acknowledged, error) = full.unwrap();
        assert!(acknowledged > 20, "{name}: {acknowledged}");
        println!("{name}: full after {acknowledged}: {error}");
        if name == "sqlite" {
            assert_eq!(error, CommitError::NoSpace);
            assert_eq!(
                get(&*store, &room("r"), "k00003").unwrap(),
                value(3),
                "reads go on"
            );
        }
        disk.grow(64);
        if name == "sqlite" {
            write(&*store, acknowledged).unwrap();
        }
        drop(store.close());
        drop(store);
        let store = open(&config()).unwrap();
        for round in 0..acknowledged {
            let found = get(&*store, &room("r"), &format!("k{round:05}"));
            assert!(
                found.is_some_and(|found| found == value(round)),
                "{name}: {round}"
            );
        }
        assert!(store.check().unwrap().is_sound());
        store.close().unwrap();
    }
}

/// A file system in memory of so many MiB, unmounted at the end.
pub(crate) struct SmallDisk(PathBuf);

impl SmallDisk {
    pub(crate) fn mount(dir: &Path, mib: u32) -> Option<Self> {
        let disk = Self(dir.to_owned());
        let size = format!("size={mib}m");
        let options = ["-t", "tmpfs", "-o", size.as_str(), "tmpfs"];
        disk.system("mount", &options).then_some(disk)
    }

    fn grow(&self, mib: u32) {
        let options = format!("remount,size={mib}m");
        assert!(self.system("mount", &["-o", &options]));
    }

    fn system(&self, program: &str, arguments: &[&str]) -> bool {
        let mut command = std::process::Command::new(program);
        command.args(arguments).arg(&self.0);
        let status = command.stderr(std::process::Stdio::null()).status();
        status.is_ok_and(|status| status.success())
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        self.system("umount", &["-l"]);
    }
}

#[test]
fn a_directory_that_may_not_be_written_is_refused_with_what_to_do() {
    for (backend, new) in [
        ("sled", true),
        ("sled", false),
        ("sqlite", true),
        ("sqlite", false),
    ] {
        let (_temp, dir) = folder();
        let config = StorageConfig::named(backend, dir.join("store")).unwrap();
        if !new {
            open(&config).unwrap().close().unwrap();
        }
        fail(Failing::OpenToWrite, &dir, libc::EROFS, None);
        let error = open(&config).err().unwrap();
        assert!(
            matches!(error, StorageError::NotWritable { .. }),
            "{backend}: {error}"
        );
        let text = error.to_string();
        assert!(
            text.contains("give this user write access"),
            "{backend}: {text}"
        );
        recorder::mend(&dir);
        open(&config).unwrap().close().unwrap();
    }
}

/// Where these bytes are in a file.
pub(crate) fn find(file: &Path, bytes: &[u8]) -> u64 {
    let contents = fs::read(file).unwrap();
    let found = contents
        .windows(bytes.len())
        .position(|window| window == bytes);
    found.unwrap() as u64
}

pub(crate) fn overwrite(file: &Path, at: u64, bytes: &[u8]) {
    let mut file = fs::File::options().write(true).open(file).unwrap();
    file.seek(SeekFrom::Start(at)).unwrap();
    file.write_all(bytes).unwrap();
}

#[test]
fn sqlite_notices_a_changed_byte_of_one_value_and_reads_the_others() {
    let (_temp, dir) = folder();
    let store = sqlite(&dir);
    let (a, b) = (room("a"), room("b"));
    commit(&*store, &a, "something that is to be found").unwrap();
    commit(&*store, &b, "something else").unwrap();
    store.close().unwrap();
    drop(store);
    let file = dir.join("sqlite/store.db");
    overwrite(&file, find(&file, b"that is to be"), b"Th");
    let store = sqlite(&dir);
    let read = store.reader(&a).get("k");
    assert!(
        matches!(&read, Err(ReadError::Corrupt(text)) if text.contains("checksum")),
        "{read:?}"
    );
    assert_eq!(get(&*store, &b, "k").unwrap(), "something else");
    let report = store.check().unwrap();
    assert_eq!(report.problems.len(), 1, "{report:?}");
    assert!(report.problems[0].contains("a\\xffk"), "{report:?}");
    let refused = store.backup(&dir.join("backup")).unwrap_err().to_string();
    assert!(refused.contains("damaged"), "a backup of damage: {refused}");
    let left = std::fs::read_dir(&dir).unwrap().flatten();
    let left: Vec<_> = left.map(|entry| entry.file_name()).collect();
    assert!(
        !left
            .iter()
            .any(|name| name.to_string_lossy().starts_with("backup")),
        "{left:?}"
    );
    // The room can be made anew, and then all is well.
    store.delete_room(&a).unwrap();
    commit(&*store, &a, "new").unwrap();
    assert!(store.check().unwrap().is_sound());
}

/// A changed byte of an alarm's record, or of its place in the index.
#[test]
fn sqlite_notices_a_damaged_alarm_and_setting_it_anew_mends_it() {
    const AT_MS: u64 = 0x0102_0304_0506_0708;
    let names = b"suite\xffmain\xffa\xff";
    let record = [&AT_MS.to_be_bytes()[..], &[0; 4]].concat();
    let due = [b"t", &AT_MS.to_be_bytes()[..], names].concat();
    for (what, bytes, at) in [("the record", record, 10), ("the index", due, 3)] {
        let (_temp, dir) = folder();
        let store = sqlite(&dir);
        let (a, b) = (room("a"), room("b"));
        let group = vec![batch(&a, vec![alarm(AT_MS)]), batch(&b, vec![alarm(1)])];
        assert!(store.commit(group).iter().all(Result::is_ok));
        store.close().unwrap();
        drop(store);
        let file = dir.join("sqlite/store.db");
        overwrite(&file, find(&file, &bytes) + at, &[0x55]);
        let store = sqlite(&dir);
        let report = store.check().unwrap();
        assert!(!report.is_sound(), "{what}: {report:?}");
        if what == "the record" {
            let read = store.reader(&a).alarm();
            assert!(
                matches!(&read, Err(ReadError::Corrupt(text)) if text.contains("checksum")),
                "{read:?}"
            );
            let refused = store.backup(&dir.join("backup")).unwrap_err().to_string();
            assert!(refused.contains("damaged"), "{refused}");
            let set = store.commit(vec![batch(&a, vec![alarm(9)])]);
            assert!(set[0].is_ok(), "{set:?}");
        } else {
            // Its time is not the one that the room has: nothing is told as due that is not.
            let listed = store.alarms(None, u64::MAX, 10);
            assert!(matches!(listed, Err(ReadError::Corrupt(_))), "{listed:?}");
            assert_eq!(alarm_of(&*store, &a).unwrap().at_ms, AT_MS);
            let (backup, new) = (dir.join("backup"), dir.join("new"));
            store.backup(&backup).unwrap();
            store.close().unwrap();
            partykit_storage::upkeep::restore(&backup, &new, "sqlite").unwrap();
            let store = sqlite(&new);
            assert_eq!(pending(&*store).len(), 2);
            assert!(store.check().unwrap().is_sound());
            continue;
        }
        let due: Vec<u64> = pending(&*store).iter().map(|alarm| alarm.at_ms).collect();
        assert_eq!(due, [1, 9], "{what}");
        assert!(store.check().unwrap().is_sound(), "{what}");
    }
}

#[test]
fn sqlite_reads_rooms_whose_pages_are_whole_beside_one_whose_are_not() {
    let (_temp, dir) = folder();
    let store = sqlite(&dir);
    let rooms: Vec<RoomKey> = (0..200)
        .map(|number| room(&format!("r{number:03}")))
        .collect();
    for room in &rooms {
        commit(&*store, room, &format!("{} {}", room.room, "x".repeat(300))).unwrap();
    }
    store.close().unwrap();
    drop(store);
    let file = dir.join("sqlite/store.db");
    let page = find(&file, b"r100 xxx") / 4096 * 4096;
    overwrite(&file, page, &[0x5a; 4096]);
    let store = sqlite(&dir);
    let read = |room: &RoomKey| store.reader(room).get("k");
    let bad: Vec<&RoomKey> = rooms.iter().filter(|room| read(room).is_err()).collect();
    assert!(bad.contains(&&rooms[100]), "{bad:?}");
    assert!(bad.len() < 40, "{} rooms of 200 cannot be read", bad.len());
    for room in &bad {
        assert!(
            matches!(read(room), Err(ReadError::Corrupt(_))),
            "{:?}",
            read(room)
        );
    }
    assert!(!store.check().unwrap().is_sound());
    commit(&*store, &rooms[199], "still written").unwrap();
}

/// sled drops a record whose checksum is wrong, here and when it recovers: it cannot tell damage
/// from a write that did not arrive. Known gaps says so; what must not happen is a wrong value.
#[test]
fn sled_forgets_a_value_with_a_changed_byte_and_never_gives_it_out() {
    let (_temp, dir) = folder();
    let store = sled(&dir);
    let (a, b) = (room("a"), room("b"));
    commit(&*store, &a, "something that is to be found").unwrap();
    commit(&*store, &b, "something else").unwrap();
    store.close().unwrap();
    drop(store);
    let file = dir.join("sled/db");
    overwrite(&file, find(&file, b"that is to be"), b"Th");
    match open(&StorageConfig::Sled(SledOptions::new(&dir))) {
        Err(error) => assert!(matches!(error, StorageError::Corrupt { .. }), "{error}"),
        Ok(store) => {
            let value = store.reader(&a).get("k").unwrap_or_default();
            assert_eq!(value, None);
        }
    }
}

#[test]
fn a_clock_that_jumps_changes_nothing() {
    for Backend { name, open, .. } in BACKENDS {
        let (_temp, dir) = folder();
        let mut last = None;
        for (round, seconds) in [0, -400_000_000, 400_000_000, -1].into_iter().enumerate() {
            let _jump = recorder::Jump::by(seconds);
            let store = open(&dir);
            let seq = commit(&*store, &room("r"), &round.to_string()).unwrap();
            assert!(Some(seq) > last, "{name}, round {round}");
            last = Some(seq);
            let value = get(&*store, &room("r"), "k").unwrap();
            assert_eq!(value, round.to_string(), "{name}");
            store.close().unwrap();
        }
    }
}

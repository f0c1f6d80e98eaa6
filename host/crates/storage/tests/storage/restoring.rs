//! Where a store can be restored, and what is there after it was refused, failed, or was
//! interrupted.

use std::fs;
use std::path::{Path, PathBuf};

use partykit_storage::{StorageConfig, StorageError, open, upkeep};

use crate::upkeep::{backup_file, restored};

const BACKENDS: [&str; 2] = ["sqlite", "sled"];

/// The names in a directory, in their order.
fn names(dir: &Path) -> Vec<String> {
    let names = fs::read_dir(dir).unwrap().flatten();
    let mut names: Vec<String> = names
        .map(|entry| entry.file_name().into_string().unwrap())
        .collect();
    names.sort_unstable();
    names
}

/// What stays when a directory is used, and not when another one gets its name.
#[cfg(unix)]
fn identity(dir: &Path) -> u64 {
    use std::os::unix::fs::MetadataExt;
    fs::metadata(dir).unwrap().ino()
}

#[cfg(not(unix))]
fn identity(_: &Path) -> u64 {
    0
}

pub(crate) fn has_all(dir: &Path, backend: &str) {
    let store = open(&StorageConfig::named(backend, dir).unwrap()).unwrap();
    let stats = store.stats().unwrap();
    assert_eq!((stats.keys, stats.alarms), (20, 2), "{backend}");
    assert!(store.check().unwrap().is_sound());
    store.close().unwrap();
}

#[test]
fn a_store_is_restored_inside_of_an_empty_directory_and_nothing_is_beside_it() {
    for backend in BACKENDS {
        let temp = tempfile::tempdir().unwrap();
        let (file, _) = backup_file(temp.path());
        let dir = temp.path().join("empty");
        fs::create_dir(&dir).unwrap();
        let before = identity(&dir);
        let report = upkeep::restore(&file, &dir, backend).unwrap();
        assert_eq!((report.rooms, report.keys, report.alarms), (1, 20, 2));
        assert_eq!(identity(&dir), before, "the directory itself");
        assert_eq!(names(&dir), ["format", "lock", backend]);
        assert_eq!(names(temp.path()), ["backup", "empty"]);
        has_all(&dir, backend);
    }
}

/// Only where this process may mount.
#[cfg(target_os = "linux")]
#[test]
fn a_store_is_restored_at_the_root_of_a_mounted_disk() {
    for backend in BACKENDS {
        let temp = tempfile::tempdir().unwrap();
        let (file, _) = backup_file(temp.path());
        let dir = temp.path().join("disk");
        fs::create_dir(&dir).unwrap();
        let Some(_disk) = crate::failing::SmallDisk::mount(&dir, 256) else {
            println!("{backend}: no disk can be mounted here");
            return;
        };
        fs::create_dir(dir.join("lost+found")).unwrap();
        upkeep::restore(&file, &dir, backend).unwrap();
        assert_eq!(names(&dir), ["format", "lock", "lost+found", backend]);
        has_all(&dir, backend);
    }
}

#[test]
fn what_is_in_a_directory_is_left_alone() {
    let temp = tempfile::tempdir().unwrap();
    let (file, _) = backup_file(temp.path());
    let full = |names: &[&str]| -> PathBuf {
        let dir = tempfile::tempdir_in(temp.path()).unwrap().keep();
        for name in names {
            let path = dir.join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, "mine").unwrap();
        }
        dir
    };
    let store = temp.path().join("store");
    drop(restored(&file, &store, "sqlite"));
    let refused = [
        full(&["thesis.txt"]),
        full(&["lock", "thesis.txt"]),
        // Not what restoring leaves: something of somebody's is in it, or beside it.
        full(&["restoring/thesis.txt"]),
        full(&["restoring/lock", "thesis.txt"]),
        full(&["sqlite/store.db"]),
        store.clone(),
    ];
    for dir in refused {
        let before = names(&dir);
        let error = upkeep::restore(&file, &dir, "sqlite").unwrap_err();
        assert!(matches!(error, StorageError::NotEmpty { .. }), "{error}");
        assert!(error.is_a_mistake());
        assert_eq!(names(&dir), before);
    }
    has_all(&store, "sqlite");
}

#[test]
fn a_store_that_keeps_nothing_is_not_restored_into() {
    let temp = tempfile::tempdir().unwrap();
    let (file, _) = backup_file(temp.path());
    let error = upkeep::restore(&file, &temp.path().join("new"), "memory").unwrap_err();
    assert!(error.is_a_mistake());
    let text = error.to_string();
    assert!(
        text.contains("`memory` keeps nothing") && text.contains("sled, sqlite"),
        "{text}"
    );
    assert_eq!(names(temp.path()), ["backup"]);
}

#[test]
fn an_interrupted_restoration_is_no_store_and_is_begun_again() {
    for backend in BACKENDS {
        let temp = tempfile::tempdir().unwrap();
        let (file, _) = backup_file(temp.path());
        let dir = temp.path().join("store");
        // As when it ended while it was building, and between its last steps.
        for moved in [false, true] {
            fs::create_dir_all(dir.join("restoring")).unwrap();
            let half = StorageConfig::named(backend, dir.join("restoring")).unwrap();
            open(&half).unwrap().close().unwrap();
            fs::write(dir.join("lock"), "1\n").unwrap();
            if moved {
                fs::rename(dir.join("restoring").join(backend), dir.join(backend)).unwrap();
            }
            let error = open(&StorageConfig::named(backend, &dir).unwrap());
            let error = error.err().unwrap();
            assert!(
                matches!(error, StorageError::HalfRestored { .. }),
                "{error}"
            );
            assert!(error.to_string().contains("restore it again"), "{error}");
            let error = upkeep::check(&dir).unwrap_err();
            assert!(matches!(error, StorageError::NoStore { .. }), "{error}");

            // One that runs is left alone.
            let lock = fs::File::options().write(true).open(dir.join("lock"));
            let lock = lock.unwrap();
            lock.lock().unwrap();
            let error = upkeep::restore(&file, &dir, backend).unwrap_err();
            assert!(matches!(error, StorageError::Locked { .. }), "{error}");
            assert!(dir.join("restoring").exists());
            drop(lock);

            upkeep::restore(&file, &dir, backend).unwrap();
            assert_eq!(names(&dir), ["format", "lock", backend]);
            has_all(&dir, backend);
            fs::remove_dir_all(&dir).unwrap();
        }
    }
}

#[test]
fn what_an_interrupted_restoration_left_beside_a_whole_store_is_removed() {
    let temp = tempfile::tempdir().unwrap();
    let (file, _) = backup_file(temp.path());
    let dir = temp.path().join("store");
    drop(restored(&file, &dir, "sqlite"));
    fs::create_dir(dir.join("restoring")).unwrap();
    fs::write(dir.join("restoring/lock"), "1\n").unwrap();
    has_all(&dir, "sqlite");
    assert_eq!(names(&dir), ["format", "lock", "sqlite"]);
}

/// A disk that fails while the store is built: whatever was there before is there again.
#[cfg(target_os = "linux")]
#[test]
fn a_restoration_that_fails_leaves_the_directory_as_it_was() {
    use crate::recorder::{self, Failing, Failure};
    let failures = [
        (Failing::Write, libc::ENOSPC),
        (Failing::Sync, libc::EIO),
        (Failing::OpenToWrite, libc::EROFS),
    ];
    for (call, errno) in failures {
        for (backend, made) in BACKENDS
            .iter()
            .flat_map(|name| [(name, false), (name, true)])
        {
            let temp = tempfile::tempdir().unwrap();
            let root = temp.path().canonicalize().unwrap();
            let (file, _) = backup_file(&root);
            let dir = root.join("store");
            if made {
                fs::create_dir(&dir).unwrap();
            }
            // The folder that it builds in is there; then its disk fails.
            recorder::fail(Failure {
                call,
                file: dir.join("restoring").join(backend),
                errno,
                times: None,
            });
            let error = upkeep::restore(&file, &dir, backend).unwrap_err();
            assert!(!error.is_a_mistake(), "{error}");
            recorder::mend(&root);
            let expected: &[&str] = if made {
                &["backup", "store"]
            } else {
                &["backup"]
            };
            assert_eq!(names(&root), expected, "{backend}, {call:?}: {error}");
            if made {
                assert_eq!(names(&dir), [""; 0], "{backend}, {call:?}: {error}");
            }
            upkeep::restore(&file, &dir, backend).unwrap();
            has_all(&dir, backend);
        }
    }
}

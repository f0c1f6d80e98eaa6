//! The directory of a durable store: one owner at a time, one known format, and files that are
//! there after a loss of power.
//!
//! Layout: `lock` is locked by the owner and names its process; `format` says which version and
//! which backend, and is written last, when everything else of a new store is durable; the
//! backend's own files stand in a folder named like it; `restoring` is there while a store is
//! being restored. Knows no engine.

use std::ffi::OsString;
use std::fs::{self, File, TryLockError};
use std::io::{ErrorKind, Write};
use std::path::{Path, PathBuf};

use crate::StorageError;

/// The newest format of a backend that this program reads and writes. A change of how rooms, keys
/// or values become bytes makes a new one, and whatever is older is upgraded when it is opened.
///
/// SQLite has had two: large values have a table of their own since 2. Alarms made none: they are
/// kinds of keys that were not there before, so a store without them is as it was, and a program
/// from before them leaves them alone.
pub(crate) fn newest_format(backend: &str) -> u32 {
    match backend {
        "sqlite" => 2,
        _ => 1,
    }
}

pub(crate) const LOCK: &str = "lock";
pub(crate) const FORMAT: &str = "format";
/// The marker while it is being written.
pub(crate) const FORMAT_NEW: &str = "format.new";
/// Where a store is built that is being restored, see `upkeep::place`.
pub(crate) const RESTORING: &str = "restoring";
/// What a file system puts at its root: a directory that is mounted may have it and is empty.
const LOST_AND_FOUND: &str = "lost+found";
const MAGIC: &str = "partykit-store";

/// A directory that this process owns, until this is dropped.
#[derive(Debug)]
pub(crate) struct Directory {
    path: PathBuf,
    backend: &'static str,
    /// The format of the store where the marker was there: then a commit may have been
    /// acknowledged.
    format: Option<u32>,
    /// Holds the lock.
    lock: File,
}

impl Drop for Directory {
    fn drop(&mut self) {
        // Closing alone does not do it at once where a child process is being started: until it
        // runs its program it has all descriptors of its parent.
        drop(self.lock.unlock());
    }
}

impl Directory {
    /// Makes the directory where there is none, and takes it for this process.
    pub(crate) fn claim(path: &Path, backend: &'static str) -> Result<Self, StorageError> {
        let io = |attempt| move |source| StorageError::io(path, attempt, source);
        create_durably(path).map_err(io("create the directory"))?;
        // Before anything is put there, and again when nobody else can be making the store.
        inspect(path, backend)?;
        let lock = lock(path)?;
        let format = inspect(path, backend)?;
        if format.is_some() {
            tidy(path).map_err(io("remove what restoring has left"))?;
        }
        fs::create_dir_all(path.join(backend)).map_err(io("create the backend's folder"))?;
        Ok(Self {
            path: path.to_owned(),
            backend,
            format,
            lock,
        })
    }

    /// The backend of the store in a directory; none where there is no store.
    pub(crate) fn backend_of(path: &Path) -> Result<Option<String>, StorageError> {
        let Some((version, found)) = read_marker(path)? else {
            return Ok(None);
        };
        check_version(path, version, &found)?;
        Ok(Some(found))
    }

    /// Where the backend keeps its files.
    pub(crate) fn backend_dir(&self) -> PathBuf {
        self.path.join(self.backend)
    }

    /// The whole store, as people know it.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Whether the store was completely made before.
    pub(crate) fn is_marked(&self) -> bool {
        self.format.is_some()
    }

    /// Says that the store is complete, and has the newest format. To be called when the backend's
    /// files are durable and before the first commit.
    pub(crate) fn mark(&self) -> Result<(), StorageError> {
        let io = |attempt| move |source| StorageError::io(&self.path, attempt, source);
        let newest = newest_format(self.backend);
        if self.format != Some(newest) {
            let new = self.path.join(FORMAT_NEW);
            let mut file = File::create(&new).map_err(io("write the format"))?;
            let text = format!("{MAGIC} {newest} {}\n", self.backend);
            file.write_all(text.as_bytes())
                .map_err(io("write the format"))?;
            file.sync_all().map_err(io("sync the format"))?;
            fs::rename(&new, self.path.join(FORMAT)).map_err(io("name the format"))?;
        }
        sync_directory(&self.path).map_err(io("sync the directory"))
    }
}

/// Makes the names in a directory durable.
pub(crate) fn sync_directory(path: &Path) -> std::io::Result<()> {
    File::open(path)?.sync_all()
}

/// Syncs each file of a folder, the folders in it, and their names.
pub(crate) fn sync_files(path: &Path) -> std::io::Result<()> {
    for entry in fs::read_dir(path)? {
        let entry = entry?;
        if entry.file_type()?.is_dir() {
            sync_files(&entry.path())?;
        } else {
            File::open(entry.path())?.sync_all()?;
        }
    }
    sync_directory(path)
}

/// Bytes of all files in a folder and those in it. Files that come and go meanwhile may be
/// counted or not; none is opened.
pub(crate) fn folder_bytes(path: &Path) -> u64 {
    let entries = fs::read_dir(path).into_iter().flatten().flatten();
    let bytes = entries.map(|entry| match entry.metadata() {
        Ok(found) if found.is_dir() => folder_bytes(&entry.path()),
        Ok(found) => found.len(),
        Err(_) => 0,
    });
    bytes.sum()
}

/// Makes a directory and those above it, each durable in the one that holds it.
pub(crate) fn create_durably(path: &Path) -> std::io::Result<()> {
    if path.is_dir() {
        return Ok(());
    }
    let parent = match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    };
    create_durably(parent)?;
    match fs::create_dir(path) {
        Err(error) if error.kind() != ErrorKind::AlreadyExists || !path.is_dir() => Err(error),
        _ => sync_directory(parent),
    }
}

/// The format of a complete store; an error when the directory is not ours to open.
fn inspect(path: &Path, backend: &'static str) -> Result<Option<u32>, StorageError> {
    match read_marker(path)? {
        Some((version, found)) => {
            check_marker(path, version, &found, backend).map(|()| Some(version))
        }
        None => refuse_foreign(path, backend).map(|()| None),
    }
}

/// Version and backend, where there is a marker.
fn read_marker(path: &Path) -> Result<Option<(u32, String)>, StorageError> {
    let text = match fs::read_to_string(path.join(FORMAT)) {
        Ok(text) => text,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(StorageError::io(path, "read the format", error)),
    };
    let mut words = text.split_ascii_whitespace();
    match (words.next(), words.next().map(str::parse), words.next()) {
        (Some(MAGIC), Some(Ok(version)), Some(backend)) => Ok(Some((version, backend.to_owned()))),
        _ => Err(StorageError::Corrupt {
            dir: path.to_owned(),
            what: format!("its file `{FORMAT}` cannot be understood"),
        }),
    }
}

fn check_version(path: &Path, version: u32, backend: &str) -> Result<(), StorageError> {
    let supported = newest_format(backend);
    if version <= supported {
        return Ok(());
    }
    Err(StorageError::NewerFormat {
        dir: path.to_owned(),
        found: version,
        supported,
    })
}

fn check_marker(
    path: &Path,
    version: u32,
    found: &str,
    wanted: &'static str,
) -> Result<(), StorageError> {
    // The version first: a newer program may have backends that this one has never heard of.
    check_version(path, version, found)?;
    if found != wanted {
        return Err(StorageError::OtherBackend {
            dir: path.to_owned(),
            found: found.to_owned(),
            wanted,
        });
    }
    Ok(())
}

/// Without a marker the directory must be empty, or hold what an interrupted creation leaves.
fn refuse_foreign(path: &Path, backend: &str) -> Result<(), StorageError> {
    for name in names_in(path)? {
        let dir = path.to_owned();
        if name == RESTORING {
            return Err(StorageError::HalfRestored { dir });
        }
        if ![LOCK, FORMAT_NEW, backend].iter().any(|ours| name == *ours) {
            return Err(StorageError::NotAStore { dir });
        }
    }
    Ok(())
}

/// What is in a directory, but for what is in one that people call empty.
pub(crate) fn names_in(path: &Path) -> Result<Vec<OsString>, StorageError> {
    let io = |source| StorageError::io(path, "list the directory", source);
    let mut names = Vec::new();
    for entry in fs::read_dir(path).map_err(io)? {
        let name = entry.map_err(io)?.file_name();
        if name != LOST_AND_FOUND {
            names.push(name);
        }
    }
    Ok(names)
}

/// Removes what is left of a restoration that was interrupted when the store was already whole:
/// a folder with nothing but a lock in it, or the marker that is in its place by now.
fn tidy(path: &Path) -> std::io::Result<()> {
    let folder = path.join(RESTORING);
    let names = match names_in(&folder) {
        Ok(names) if folder.is_dir() => names,
        _ => return Ok(()),
    };
    if names.iter().all(|name| name == LOCK || name == FORMAT) {
        remove_folder(&folder)?;
    }
    Ok(())
}

/// Removes a folder with everything in it; one that is not there is no error.
pub(crate) fn remove_folder(folder: &Path) -> std::io::Result<()> {
    match fs::remove_dir_all(folder) {
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(()),
        removed => removed,
    }
}

pub(crate) fn lock(path: &Path) -> Result<File, StorageError> {
    let io = |source| StorageError::io(path, "lock the directory", source);
    let name = path.join(LOCK);
    let mut options = File::options();
    let mut file = options
        .read(true)
        .write(true)
        .create(true)
        .truncate(false)
        .open(&name)
        .map_err(io)?;
    match file.try_lock() {
        // Whoever gave the directory up, after a restoration that failed, took its lock away.
        Ok(()) if !has_name(&file, &name) => {
            return Err(StorageError::Locked {
                dir: path.to_owned(),
                owner: String::new(),
            });
        }
        Ok(()) => {}
        Err(TryLockError::WouldBlock) => {
            // The owner may be about to write its number: then the text is left out.
            let owner = fs::read_to_string(&name)
                .ok()
                .and_then(|text| text.trim().parse().ok());
            let owner = owner.map_or_else(String::new, |id: u32| format!(" (process {id})"));
            return Err(StorageError::Locked {
                dir: path.to_owned(),
                owner,
            });
        }
        Err(TryLockError::Error(error)) => return Err(io(error)),
    }
    file.set_len(0).map_err(io)?;
    writeln!(file, "{}", std::process::id()).map_err(io)?;
    Ok(file)
}

/// Whether an open file is still the one of this name.
#[cfg(unix)]
fn has_name(file: &File, name: &Path) -> bool {
    use std::os::unix::fs::MetadataExt;
    let same =
        |one: &fs::Metadata, two: &fs::Metadata| one.ino() == two.ino() && one.dev() == two.dev();
    file.metadata()
        .and_then(|open| Ok(same(&open, &fs::metadata(name)?)))
        .unwrap_or(false)
}

/// Open files keep their names.
#[cfg(not(unix))]
fn has_name(_: &File, _: &Path) -> bool {
    true
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_new_directory_is_made_with_those_above_it_and_marked_once() {
        let temp = tempfile::tempdir().unwrap();
        let path = temp.path().join("a/b/store");
        let directory = Directory::claim(&path, "sled").unwrap();
        assert!(!directory.is_marked());
        directory.mark().unwrap();
        drop(directory);
        assert!(Directory::claim(&path, "sled").unwrap().is_marked());
        assert_eq!(
            fs::read_to_string(path.join(FORMAT)).unwrap(),
            "partykit-store 1 sled\n"
        );
    }

    #[test]
    fn a_second_owner_is_refused_with_the_first_ones_process() {
        let temp = tempfile::tempdir().unwrap();
        let _first = Directory::claim(temp.path(), "sled").unwrap();
        let error = Directory::claim(temp.path(), "sled")
            .unwrap_err()
            .to_string();
        assert!(
            error.contains(&format!("(process {})", std::process::id())),
            "{error}"
        );
        assert!(
            error.contains("stop that one or choose another directory"),
            "{error}"
        );
    }

    #[test]
    fn a_newer_format_and_another_backend_are_refused() {
        let temp = tempfile::tempdir().unwrap();
        let newer = format!("partykit-store {} sled\n", newest_format("sled") + 1);
        fs::write(temp.path().join(FORMAT), newer).unwrap();
        let error = Directory::claim(temp.path(), "sled").unwrap_err();
        assert!(
            matches!(
                error,
                StorageError::NewerFormat {
                    found: 2,
                    supported: 1,
                    ..
                }
            ),
            "{error}"
        );
        fs::write(temp.path().join(FORMAT), "partykit-store 1 sqlite\n").unwrap();
        let error = Directory::claim(temp.path(), "sled").unwrap_err();
        assert!(
            matches!(error, StorageError::OtherBackend { .. }),
            "{error}"
        );
        fs::write(temp.path().join(FORMAT), "").unwrap();
        let error = Directory::claim(temp.path(), "sled").unwrap_err();
        assert!(matches!(error, StorageError::Corrupt { .. }), "{error}");
        assert!(
            !temp.path().join("sled").exists(),
            "a refused directory is left as it was"
        );
    }

    #[test]
    fn an_older_format_is_marked_anew_once_the_backend_has_upgraded_it() {
        let temp = tempfile::tempdir().unwrap();
        let marker = temp.path().join(FORMAT);
        fs::write(&marker, "partykit-store 1 sqlite\n").unwrap();
        let directory = Directory::claim(temp.path(), "sqlite").unwrap();
        assert!(directory.is_marked());
        let text = || fs::read_to_string(&marker).unwrap();
        assert_eq!(text(), "partykit-store 1 sqlite\n", "not before");
        directory.mark().unwrap();
        assert_eq!(text(), "partykit-store 2 sqlite\n");
        fs::write(&marker, "partykit-store 3 sqlite\n").unwrap();
        let error = Directory::backend_of(temp.path()).unwrap_err().to_string();
        assert!(
            error.contains("format 3") && error.contains("up to 2"),
            "{error}"
        );
    }

    #[test]
    fn a_directory_with_other_files_is_left_alone() {
        let temp = tempfile::tempdir().unwrap();
        fs::write(temp.path().join("thesis.txt"), "do not touch").unwrap();
        let error = Directory::claim(temp.path(), "sled").unwrap_err();
        assert!(matches!(error, StorageError::NotAStore { .. }), "{error}");
        assert_eq!(fs::read_dir(temp.path()).unwrap().count(), 1);
    }

    #[test]
    fn what_a_file_system_puts_at_its_root_does_not_make_a_directory_full() {
        let temp = tempfile::tempdir().unwrap();
        fs::create_dir(temp.path().join(LOST_AND_FOUND)).unwrap();
        Directory::claim(temp.path(), "sled")
            .unwrap()
            .mark()
            .unwrap();
        assert!(temp.path().join(LOST_AND_FOUND).exists());
    }

    #[test]
    fn an_interrupted_creation_is_taken_up_again() {
        let temp = tempfile::tempdir().unwrap();
        drop(Directory::claim(temp.path(), "sled").unwrap());
        fs::write(temp.path().join(FORMAT_NEW), "partyk").unwrap();
        let directory = Directory::claim(temp.path(), "sled").unwrap();
        assert!(!directory.is_marked());
        directory.mark().unwrap();
    }

    #[test]
    fn a_file_in_the_place_of_the_directory_is_an_error_that_says_where() {
        let temp = tempfile::tempdir().unwrap();
        let path = temp.path().join("store");
        fs::write(&path, "").unwrap();
        let error = Directory::claim(&path, "sled").unwrap_err().to_string();
        assert!(
            error.contains("create the directory") && error.contains("store"),
            "{error}"
        );
    }
}

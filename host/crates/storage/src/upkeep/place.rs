//! The place of a store that is being restored: the directory that will hold it, which may be the
//! root of a mounted disk or the folder that one stands in, so that nothing can be built beside it
//! and get its name afterwards.
//!
//! The directory is locked as by a host. The store is built in a folder within it, and that folder
//! says to everybody who comes meanwhile, or after an interruption, that there is no store yet.
//! When everything is durable, the backend's files get their place; the marker of a complete store
//! comes last. A store without its marker is none, so each moment before is a restoration that can
//! be begun anew, and each one after it is a whole store.

use std::ffi::OsString;
use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};

use crate::StorageError;
use crate::directory::{
    FORMAT, FORMAT_NEW, LOCK, RESTORING, create_durably, lock, names_in, remove_folder,
    sync_directory, sync_files,
};

const BACKENDS: [&str; 2] = ["sled", "sqlite"];

/// A directory that this process has for restoring. Dropped before it is complete, everything in
/// it goes, and itself where it was made for this.
pub(crate) struct Place {
    dir: PathBuf,
    made: bool,
    complete: bool,
    /// Holds the lock.
    lock: File,
}

impl Place {
    /// Takes a directory that is empty, or does not exist yet, or has what an interrupted
    /// restoration left.
    pub(crate) fn take(dir: &Path) -> Result<Self, StorageError> {
        let made = !dir.exists();
        create_durably(dir)
            .map_err(|error| StorageError::io(dir, "create the directory", error))?;
        // Before anything is put there, and again when nobody else can be making a store.
        refuse_what_is_there(dir)?;
        let lock = lock(dir)?;
        refuse_what_is_there(dir)?;
        let place = Self {
            dir: dir.to_owned(),
            made,
            complete: false,
            lock,
        };
        let io = |attempt| move |source| StorageError::io(dir, attempt, source);
        remove_ours(dir).map_err(io("remove what an interrupted restoration has left"))?;
        fs::create_dir(place.folder()).map_err(io("create the folder to restore in"))?;
        sync_directory(dir).map_err(io("sync the directory"))?;
        Ok(place)
    }

    /// Where the store is to be built.
    pub(crate) fn folder(&self) -> PathBuf {
        self.dir.join(RESTORING)
    }

    /// The store was built and closed: from now on it is the store of the directory.
    pub(crate) fn complete(mut self, backend: &str) -> Result<(), StorageError> {
        let (folder, dir) = (self.folder(), self.dir.clone());
        let moved = sync_files(&folder)
            .and_then(|()| fs::rename(folder.join(backend), dir.join(backend)))
            .and_then(|()| sync_directory(&dir))
            .and_then(|()| fs::rename(folder.join(FORMAT), dir.join(FORMAT)))
            .and_then(|()| sync_directory(&dir));
        let attempt = "give the restored store its place";
        moved.map_err(|source| StorageError::io(&dir, attempt, source))?;
        self.complete = true;
        // The store is whole and durable; what is left here is removed by the next opening else.
        drop(remove_folder(&folder));
        Ok(())
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        if !self.complete {
            // What cannot be removed is told to whoever comes next: without its marker, which goes
            // first, it is no store.
            drop(fs::remove_file(self.dir.join(FORMAT)));
            drop(remove_ours(&self.dir));
            drop(fs::remove_file(self.dir.join(LOCK)));
            if self.made {
                drop(fs::remove_dir(&self.dir));
            }
        }
        drop(self.lock.unlock());
    }
}

/// Removes everything of an interrupted restoration but the lock. The folder that tells it from a
/// store is the last to go.
fn remove_ours(dir: &Path) -> io::Result<()> {
    for backend in BACKENDS {
        remove_folder(&dir.join(backend))?;
    }
    sync_directory(dir)?;
    remove_folder(&dir.join(RESTORING))
}

/// Refuses a directory that has anything but what an interrupted restoration leaves.
fn refuse_what_is_there(dir: &Path) -> Result<(), StorageError> {
    let names = names_in(dir)?;
    let is = |name: &OsString, ours: &[&str]| ours.iter().any(|ours| name == *ours);
    let unfinished = names.iter().any(|name| name == RESTORING);
    let ours: &[&str] = if unfinished {
        &[LOCK, RESTORING, "sled", "sqlite"]
    } else {
        &[LOCK]
    };
    let within = if unfinished {
        names_in(&dir.join(RESTORING))?
    } else {
        Vec::new()
    };
    let of_a_store = [LOCK, FORMAT, FORMAT_NEW, "sled", "sqlite"];
    if names.iter().all(|name| is(name, ours)) && within.iter().all(|name| is(name, &of_a_store)) {
        Ok(())
    } else {
        let dir = dir.to_owned();
        Err(StorageError::NotEmpty { dir })
    }
}

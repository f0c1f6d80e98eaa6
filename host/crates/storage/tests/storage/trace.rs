//! Everything that happens to the files below a watched folder, in its order, with marks that the
//! test sets between: enough to say what a disk may have at any moment.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};

/// A file, whatever its name is by now.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct FileId(pub(crate) u64);

impl FileId {
    /// Of an open file.
    pub(crate) fn of(fd: i32) -> Option<Self> {
        use std::os::unix::fs::MetadataExt;
        let found = std::fs::metadata(format!("/proc/self/fd/{fd}")).ok()?;
        Some(Self(found.ino()))
    }
}

/// What a call does.
#[derive(Debug, Clone)]
pub(crate) enum Change {
    Write { at: u64, bytes: Vec<u8> },
    Truncate { len: u64 },
    Make,
    MakeFolder,
    Remove,
    Rename { to: PathBuf },
    Map,
}

#[derive(Debug, Clone)]
pub(crate) enum Event {
    Change {
        path: PathBuf,
        file: Option<FileId>,
        change: Change,
    },
    /// A sync of a file or a folder has begun.
    SyncBegins {
        id: u64,
        path: PathBuf,
        file: Option<FileId>,
    },
    /// It was successful.
    SyncEnds { id: u64 },
    /// The test's own.
    Mark(Mark),
}

/// Where the load is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Mark {
    /// The commit of this number was handed in.
    Begun(usize),
    /// It was acknowledged.
    Acknowledged(usize),
}

struct Watched {
    root: PathBuf,
    events: Vec<Event>,
}

static WATCHED: Mutex<Vec<Watched>> = Mutex::new(Vec::new());
/// Most tests watch nothing, and should not pay for it.
static ANY: AtomicBool = AtomicBool::new(false);
static SYNCS: std::sync::atomic::AtomicU64 = std::sync::atomic::AtomicU64::new(0);

fn watched() -> std::sync::MutexGuard<'static, Vec<Watched>> {
    WATCHED.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Records what happens below a folder until it is dropped.
pub(crate) struct Watch {
    root: PathBuf,
}

impl Watch {
    pub(crate) fn begin(root: &Path) -> Self {
        let root = root.canonicalize().unwrap();
        watched().push(Watched {
            root: root.clone(),
            events: Vec::new(),
        });
        ANY.store(true, Ordering::SeqCst);
        Self { root }
    }

    pub(crate) fn mark(&self, mark: Mark) {
        push(&self.root, || Event::Mark(mark));
    }

    /// What has happened up to now; nothing more is recorded.
    pub(crate) fn end(self) -> Vec<Event> {
        let mut watched = watched();
        let index = watched.iter().position(|watch| watch.root == self.root);
        watched.swap_remove(index.unwrap()).events
    }
}

pub(crate) fn is_watched(path: &Path) -> bool {
    ANY.load(Ordering::SeqCst) && watched().iter().any(|watch| path.starts_with(&watch.root))
}

fn push(path: &Path, event: impl FnOnce() -> Event) {
    if !ANY.load(Ordering::SeqCst) {
        return;
    }
    let mut watched = watched();
    let found = watched
        .iter_mut()
        .find(|watch| path.starts_with(&watch.root));
    if let Some(watch) = found {
        watch.events.push(event());
    }
}

pub(crate) fn change(path: &Path, file: Option<FileId>, change: Change) {
    push(path, || Event::Change {
        path: path.to_owned(),
        file,
        change,
    });
}

/// The number of the sync, when it is of a watched file.
pub(crate) fn sync_begins(path: &Path, fd: i32) -> Option<(PathBuf, u64)> {
    if !is_watched(path) {
        return None;
    }
    let id = SYNCS.fetch_add(1, Ordering::SeqCst);
    push(path, || Event::SyncBegins {
        id,
        path: path.to_owned(),
        file: FileId::of(fd),
    });
    Some((path.to_owned(), id))
}

pub(crate) fn sync_ends((path, id): (PathBuf, u64)) {
    push(&path, || Event::SyncEnds { id });
}

//! The system's events, gathered: an editor that saves a file causes several, and a file that has
//! been emptied and not yet written again must not be built.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::time::Duration;

use notify::event::{AccessKind, AccessMode, EventKind, ModifyKind};
use notify::{RecommendedWatcher, RecursiveMode, Watcher};
use tokio::sync::mpsc;
use tokio::time::{Instant, timeout_at};

/// So long nothing else may have happened. Editors take about a millisecond from a file's first
/// event to its last.
const QUIET: Duration = Duration::from_millis(8);

/// A program that never stops writing does not keep what it has written from being seen.
const GATHER_MAX: Duration = Duration::from_millis(250);

/// Changes cannot be noticed.
#[derive(Debug, thiserror::Error)]
#[error("changes of files cannot be noticed")]
pub(crate) struct WatchError(#[from] notify::Error);

/// Something happened to a path.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Change {
    pub(crate) path: PathBuf,
    /// It is there now and was not before, or the other way round, rather than written to.
    pub(crate) came_or_went: bool,
}

/// The system's watches on a set of folders.
pub(crate) struct Watch {
    watcher: RecommendedWatcher,
    events: mpsc::UnboundedReceiver<notify::Result<notify::Event>>,
    watched: BTreeSet<PathBuf>,
}

impl Watch {
    /// Watches nothing yet.
    ///
    /// # Errors
    /// The system has no watches to give.
    pub(crate) fn start() -> Result<Self, WatchError> {
        let (sender, events) = mpsc::unbounded_channel();
        let watcher = notify::recommended_watcher(move |event| {
            // Nobody receives any more when the command is ending.
            let _ = sender.send(event);
        })?;
        Ok(Self {
            watcher,
            events,
            watched: BTreeSet::new(),
        })
    }

    /// Watches these folders from now on and no others, and says which of them it did not watch
    /// before. A folder that is gone is passed over.
    ///
    /// # Errors
    /// The system has no more watches to give.
    pub(crate) fn set(
        &mut self,
        folders: BTreeSet<PathBuf>,
    ) -> Result<BTreeSet<PathBuf>, WatchError> {
        for gone in self.watched.difference(&folders) {
            // It may have been removed from the disk, and its watch with it.
            let _ = self.watcher.unwatch(gone);
        }
        let mut watched: BTreeSet<_> = self.watched.intersection(&folders).cloned().collect();
        let before = watched.clone();
        for folder in folders.difference(&self.watched) {
            match self.watcher.watch(folder, RecursiveMode::NonRecursive) {
                Ok(()) => {
                    watched.insert(folder.clone());
                }
                Err(_) if !folder.is_dir() => {}
                Err(error) => {
                    self.watched = watched;
                    return Err(error.into());
                }
            }
        }
        self.watched = watched;
        Ok(self.watched.difference(&before).cloned().collect())
    }

    /// Forgets that a folder is watched: one that was removed and made again is another one.
    pub(crate) fn forget(&mut self, folder: &Path) {
        if self.watched.remove(folder) {
            let _ = self.watcher.unwatch(folder);
        }
    }

    /// Passes over what has happened up to now.
    pub(crate) async fn pass_over(&mut self) {
        let end = Instant::now() + GATHER_MAX;
        loop {
            let quiet = end.min(Instant::now() + QUIET);
            match timeout_at(quiet, self.events.recv()).await {
                Ok(Some(_)) => {}
                _ => return,
            }
        }
    }

    /// What has changed, once it has become quiet. Cancel-safe until the first event; then a
    /// cancelled call loses what it has gathered.
    pub(crate) async fn changes(&mut self) -> BTreeSet<Change> {
        let mut changes = BTreeSet::new();
        while changes.is_empty() {
            match self.events.recv().await {
                Some(event) => note(event, &mut changes),
                // The watcher lives as long as we do.
                None => std::future::pending().await,
            }
        }
        let end = Instant::now() + GATHER_MAX;
        let mut quiet = Instant::now() + QUIET;
        while let Ok(Some(event)) = timeout_at(quiet.min(end), self.events.recv()).await {
            let before = changes.len();
            note(event, &mut changes);
            // A program that only reads makes no noise.
            if changes.len() > before {
                quiet = Instant::now() + QUIET;
            }
        }
        changes
    }
}

fn note(event: notify::Result<notify::Event>, changes: &mut BTreeSet<Change>) {
    // An error is about a watch that is gone, which is a change of its folder.
    let (kind, paths) = match event {
        Ok(event) => (event.kind, event.paths),
        Err(error) => (EventKind::Any, error.paths),
    };
    let came_or_went = match kind {
        EventKind::Create(_) | EventKind::Remove(_) | EventKind::Any => true,
        EventKind::Modify(ModifyKind::Name(_)) => true,
        EventKind::Modify(ModifyKind::Metadata(_)) => return,
        EventKind::Modify(_) | EventKind::Access(AccessKind::Close(AccessMode::Write)) => false,
        EventKind::Access(_) | EventKind::Other => return,
    };
    let paths = paths.into_iter();
    changes.extend(paths.map(|path| Change { path, came_or_went }));
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    async fn watching(folder: &Path) -> Watch {
        let mut watch = Watch::start().unwrap();
        watch.set([folder.to_owned()].into()).unwrap();
        watch
    }

    fn names(changes: &BTreeSet<Change>) -> BTreeSet<&str> {
        let names = changes
            .iter()
            .map(|change| change.path.file_name().unwrap());
        names.map(|name| name.to_str().unwrap()).collect()
    }

    #[tokio::test]
    async fn what_is_written_renamed_and_removed_is_noticed_and_what_is_read_is_not() {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path().canonicalize().unwrap();
        for name in ["a", "b", "c", "read"] {
            fs::write(root.join(name), "1").unwrap();
        }
        let mut watch = watching(&root).await;
        fs::read(root.join("read")).unwrap();
        fs::write(root.join("a"), "2").unwrap();
        fs::rename(root.join("b"), root.join("d")).unwrap();
        fs::remove_file(root.join("c")).unwrap();
        let mut seen = BTreeSet::new();
        while !["a", "b", "c", "d"]
            .iter()
            .all(|name| names(&seen).contains(name))
        {
            seen.append(&mut watch.changes().await);
        }
        assert!(!names(&seen).contains("read"), "{seen:?}");
        let went = seen.iter().filter(|change| change.came_or_went);
        let went = went.cloned().collect();
        assert_eq!(names(&went), ["b", "c", "d"].into());
    }

    #[tokio::test]
    async fn a_folder_that_was_removed_and_made_again_is_watched_again() {
        let root = tempfile::tempdir().unwrap();
        let root = root.path().canonicalize().unwrap();
        let inner = root.join("inner");
        fs::create_dir(&inner).unwrap();
        let mut watch = watching(&inner).await;
        fs::remove_dir(&inner).unwrap();
        while !names(&watch.changes().await).contains("inner") {}
        watch.forget(&inner);
        fs::create_dir(&inner).unwrap();
        watch.set([inner.clone()].into()).unwrap();
        fs::write(inner.join("new"), "").unwrap();
        while !names(&watch.changes().await).contains("new") {}
    }
}

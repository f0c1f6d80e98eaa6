//! The tree that a store and its readers share, and whether it may still be used.

use std::panic::{AssertUnwindSafe, catch_unwind};

use ::sled::{Error, Tree};
use parking_lot::RwLock;
use partykit_core::ReadError;

/// Whether the tree may be used. Reading it is allowed from any thread at any time; closing waits
/// for reads that are under way.
pub(super) struct Shared {
    state: RwLock<State>,
}

enum State {
    Open(Tree),
    /// Why not any more.
    Ended(String),
}

impl Shared {
    pub(super) fn new(tree: Tree) -> Self {
        Self {
            state: RwLock::new(State::Open(tree)),
        }
    }

    /// Works with the tree, or says why it cannot be used.
    pub(super) fn with<T>(&self, work: impl FnOnce(&Tree) -> T) -> Result<T, String> {
        match &*self.state.read() {
            State::Open(tree) => Ok(work(tree)),
            State::Ended(reason) => Err(reason.clone()),
        }
    }

    /// Works with the tree, and makes what sled says an error of reading.
    pub(super) fn read<T>(
        &self,
        work: impl FnOnce(&Tree) -> Result<T, Error>,
    ) -> Result<T, ReadError> {
        let done = self
            .with(|tree| guarded(|| work(tree)))
            .map_err(ReadError::Io)?;
        done.map_err(|error| match error {
            Error::Io(error) => ReadError::Io(error.to_string()),
            other => ReadError::Corrupt(other.to_string()),
        })
    }

    /// Nothing may be read or written any more; lets go of sled's files. The first reason stays.
    pub(super) fn end(&self, reason: &str) {
        let mut state = self.state.write();
        if let State::Open(_) = &*state {
            let tree = std::mem::replace(&mut *state, State::Ended(reason.to_owned()));
            // sled flushes and syncs when it is dropped, and panics when that fails. Whatever was
            // acknowledged is durable already.
            let dropped = guarded(|| {
                drop(tree);
                Ok(())
            });
            drop(dropped);
        }
    }
}

impl Drop for Shared {
    fn drop(&mut self) {
        // Also of a store that could not be opened after all.
        self.end("the store is closed");
    }
}

/// Calls sled and makes a panic of it an error.
pub(super) fn guarded<T>(call: impl FnOnce() -> Result<T, Error>) -> Result<T, Error> {
    catch_unwind(AssertUnwindSafe(call)).unwrap_or_else(|panic| {
        let text = panic.downcast_ref::<String>().map(String::as_str);
        let text = text.or_else(|| panic.downcast_ref::<&str>().copied());
        Err(Error::ReportableBug(format!(
            "sled gave up: {}",
            text.unwrap_or("no reason given")
        )))
    })
}

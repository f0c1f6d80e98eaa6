//! The reading connections that a store and its readers share, and whether they may be used.

use std::path::PathBuf;

use parking_lot::{Mutex, RwLock};
use partykit_core::ReadError;
use rusqlite::{Connection, Error};

use super::database::{connect_reader, read_error};

/// So many connections are kept for the next reads: more threads than these read at once on large
/// machines only, and then open one of their own for a moment.
const IDLE_MAX: usize = 16;

/// Reading is allowed from any thread at any time; closing waits for reads that are under way.
pub(super) struct Shared {
    file: PathBuf,
    state: RwLock<State>,
}

enum State {
    /// Connections that nobody uses now.
    Open(Mutex<Vec<Connection>>),
    /// Why not any more.
    Ended(String),
}

impl Shared {
    pub(super) fn new(file: PathBuf) -> Self {
        let idle = Mutex::default();
        Self {
            file,
            state: RwLock::new(State::Open(idle)),
        }
    }

    /// Reads on a connection that nobody else uses meanwhile.
    pub(super) fn read<T>(
        &self,
        work: impl FnOnce(&Connection) -> Result<T, Error>,
    ) -> Result<T, ReadError> {
        let state = self.state.read();
        let idle = match &*state {
            State::Open(idle) => idle,
            State::Ended(reason) => return Err(ReadError::Io(reason.clone())),
        };
        let kept = idle.lock().pop();
        let connection = match kept {
            Some(connection) => connection,
            None => connect_reader(&self.file).map_err(|error| read_error(&error))?,
        };
        let done = work(&connection).map_err(|error| read_error(&error));
        let mut idle = idle.lock();
        if idle.len() < IDLE_MAX {
            idle.push(connection);
        }
        done
    }

    /// Why the store cannot be used any more.
    pub(super) fn ended(&self) -> Option<String> {
        match &*self.state.read() {
            State::Open(_) => None,
            State::Ended(reason) => Some(reason.clone()),
        }
    }

    /// Nothing may be read or written any more. The first reason stays.
    pub(super) fn end(&self, reason: &str) {
        let mut state = self.state.write();
        if let State::Open(_) = &*state {
            *state = State::Ended(reason.to_owned());
        }
    }
}

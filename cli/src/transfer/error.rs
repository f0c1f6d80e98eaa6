//! Why rooms could not be carried, with the place that is at fault.

use std::fmt;
use std::io;
use std::path::PathBuf;

use partykit_core::{CommitError, IdError, ReadError, RoomKey};
use partykit_host::StorageError;

/// Where something stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Place {
    /// In a file, counted from one.
    Line { file: PathBuf, line: u64 },
    /// In a room of PartyKit's.
    Value { room: RoomKey, key: String },
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Line { file, line } => write!(f, "{}:{line}", file.display()),
            Self::Value { room, key } => write!(f, "the value of {key:?} in {room}"),
        }
    }
}

/// See the module.
#[derive(Debug, thiserror::Error)]
pub(crate) enum TransferError {
    /// The store, or what PartyKit has stored.
    #[error(transparent)]
    Storage(#[from] StorageError),
    /// A file that is read or written.
    #[error("could not {attempt} {}", file.display())]
    File {
        attempt: &'static str,
        file: PathBuf,
        source: io::Error,
    },
    /// The file is something else.
    #[error("{} is no export of a store", file.display())]
    NoExport { file: PathBuf },
    /// Written by a newer program.
    #[error(
        "{} has version {version} of the format, this program knows version 1; use the newer \
         program that wrote it",
        file.display()
    )]
    NewerExport { file: PathBuf, version: u64 },
    /// What stands there is not as it should be.
    #[error("{place}: {what}")]
    Wrong { place: Place, what: String },
    /// A name that was typed.
    #[error("{what}: {source}")]
    Name { what: &'static str, source: IdError },
    /// Rooms were asked for that are not there.
    #[error("there is no room called {}", names.join(", "))]
    NoRoom { names: Vec<String> },
    /// The store has something else in a room's place.
    #[error("the room {room} of the project {} has stored something else already", room.project)]
    Taken { room: RoomKey },
    /// Nobody has said what rooms are called.
    #[error("PartyKit keeps no names of rooms: {rooms} rooms are there, none of them named")]
    NoNames { rooms: usize },
    /// Stdout cannot hold two things.
    #[error("--json and the export would both go to stdout")]
    TwoOutputs,
    /// The store was read while it was written.
    #[error("the store could not be read")]
    Read(#[from] ReadError),
    /// The store did not take it.
    #[error("the store could not be written after {done} rooms")]
    Write { done: u64, source: CommitError },
    /// A thread could not be started.
    #[error("no thread could be started")]
    Thread(#[source] io::Error),
}

impl TransferError {
    pub(crate) fn wrong(place: Place, what: impl Into<String>) -> Self {
        Self::Wrong {
            place,
            what: what.into(),
        }
    }

    /// Whether the command line has to change.
    pub(crate) fn is_of_the_caller(&self) -> bool {
        matches!(
            self,
            Self::NoExport { .. }
                | Self::Name { .. }
                | Self::NoRoom { .. }
                | Self::Taken { .. }
                | Self::NoNames { .. }
                | Self::TwoOutputs
        )
    }

    /// What to try.
    pub(crate) fn hint(&self) -> Option<&'static str> {
        Some(match self {
            Self::Wrong { .. } | Self::Read(_) => "nothing was imported",
            Self::Taken { .. } => {
                "--replace forgets what rooms have stored before they are imported; without it, a \
                 room that has a part of the export already is completed"
            }
            Self::NoNames { .. } => {
                "say them with --room NAME or, one a line, with --names FILE; an id is computed \
                 from a name and cannot be turned around"
            }
            Self::TwoOutputs => "give the export a file",
            Self::Write { .. } => {
                "once the cause is gone, the same import goes on where it stopped"
            }
            _ => return None,
        })
    }
}

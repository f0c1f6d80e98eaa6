//! Out of a store into a text.

use std::collections::BTreeSet;
use std::io::Write;
use std::path::PathBuf;

use bytes::Bytes;
use partykit_core::{Alarm, RoomKey};
use partykit_host::upkeep::Receiver;

use super::line::{self, RoomLine};
use super::{Progress, TransferError, Wanted};

/// Writes the rooms that are wanted as they are read.
pub(crate) struct Export<'o> {
    out: &'o mut dyn Write,
    /// For messages.
    file: PathBuf,
    wanted: Wanted,
    met: BTreeSet<String>,
    progress: Progress,
    keys: u64,
    done: Exported,
}

/// What was written.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Exported {
    pub(crate) rooms: u64,
    pub(crate) keys: u64,
    pub(crate) alarms: u64,
}

impl<'o> Export<'o> {
    /// Begins it.
    ///
    /// # Errors
    /// Nothing can be written.
    pub(crate) fn begin(
        out: &'o mut dyn Write,
        file: PathBuf,
        wanted: Wanted,
        progress: Progress,
    ) -> Result<Self, TransferError> {
        let mut export = Self {
            out,
            file,
            wanted,
            met: BTreeSet::new(),
            progress,
            keys: 0,
            done: Exported::default(),
        };
        export.write(&line::begin())?;
        Ok(export)
    }

    /// Ends it.
    ///
    /// # Errors
    /// A room was not there that was asked for by its name; nothing more can be written.
    pub(crate) fn finish(mut self) -> Result<Exported, TransferError> {
        let rooms = std::mem::take(&mut self.wanted.rooms).into_iter();
        let names: Vec<_> = rooms.filter(|name| !self.met.contains(name)).collect();
        if !names.is_empty() {
            return Err(TransferError::NoRoom { names });
        }
        let Exported { rooms, keys, .. } = self.done;
        self.write(&line::end(rooms, keys))?;
        let flushed = self.out.flush();
        flushed.map_err(|source| self.failed(source))?;
        Ok(self.done)
    }

    fn write(&mut self, line: &str) -> Result<(), TransferError> {
        let written = writeln!(self.out, "{line}");
        written.map_err(|source| self.failed(source))
    }

    fn failed(&self, source: std::io::Error) -> TransferError {
        TransferError::File {
            attempt: "write",
            file: self.file.clone(),
            source,
        }
    }
}

impl Receiver for Export<'_> {
    type Error = TransferError;

    fn wants(&mut self, room: &RoomKey) -> bool {
        self.wanted.contains(room)
    }

    fn room(&mut self, room: &RoomKey, alarm: Option<Alarm>) -> Result<(), TransferError> {
        if !self.wanted.rooms.is_empty() {
            self.met.insert(room.room.to_string());
        }
        self.keys = 0;
        self.done.alarms += u64::from(alarm.is_some());
        self.write(&line::room(&RoomLine {
            room: room.room.to_string(),
            party: room.party.to_string(),
            project: room.project.to_string(),
            alarm,
        }))
    }

    fn entry(&mut self, key: String, value: Bytes) -> Result<(), TransferError> {
        self.keys += 1;
        self.progress.add(key.len() + value.len());
        self.write(&line::entry(&key, &value))
    }

    fn room_ends(&mut self) -> Result<(), TransferError> {
        self.done.rooms += 1;
        self.done.keys += self.keys;
        self.write(&line::room_end(self.keys))
    }
}

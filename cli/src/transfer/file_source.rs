//! An export as a source: line by line, each checked, and what must follow what.

use std::collections::HashSet;
use std::fs::File;
use std::io::{BufRead, BufReader, Read};
use std::path::{Path, PathBuf};

use bytes::Bytes;
use partykit_core::{PartyName, ProjectName, RoomId, RoomKey};

use super::checks::Sizes;
use super::line::{Line, RoomLine, VERSION};
use super::{Place, Progress, Source, Taker, TransferError, Wanted};

/// Longer lines are no value that could be stored: JSON takes several times the room of its bytes,
/// and not this often.
const LINE_BYTES_MAX: u64 = 64 << 20;

/// See the module.
pub(crate) struct FileSource {
    /// As it was named.
    shown: PathBuf,
    /// Where it is read.
    path: PathBuf,
    length: u64,
    wanted: Wanted,
    /// In place of what the file says.
    project: Option<ProjectName>,
    sizes: Sizes,
}

/// How far a file has come.
struct Reading<'t> {
    source: &'t FileSource,
    taker: &'t mut dyn Taker,
    line: u64,
    met: HashSet<RoomKey>,
    state: State,
    rooms: u64,
    keys: u64,
}

/// What may come next.
enum State {
    Begin,
    Rooms,
    /// Of a room, and whether it is wanted.
    Keys {
        is_wanted: bool,
        last: Option<String>,
        keys: u64,
    },
    Ended,
}

impl FileSource {
    /// The export in the file `path`, called `shown`.
    ///
    /// # Errors
    /// It cannot be read.
    pub(crate) fn new(
        shown: &Path,
        path: PathBuf,
        (wanted, project): (Wanted, Option<ProjectName>),
        sizes: Sizes,
    ) -> Result<Self, TransferError> {
        let length = std::fs::metadata(&path).map_err(|source| TransferError::File {
            attempt: "read",
            file: shown.to_owned(),
            source,
        })?;
        Ok(Self {
            shown: shown.to_owned(),
            length: length.len(),
            path,
            wanted,
            project,
            sizes,
        })
    }

    fn failed(&self, source: std::io::Error) -> TransferError {
        TransferError::File {
            attempt: "read",
            file: self.shown.clone(),
            source,
        }
    }
}

impl Source for FileSource {
    fn each(&self, taker: &mut dyn Taker, progress: &Progress) -> Result<(), TransferError> {
        let file = File::open(&self.path).map_err(|error| self.failed(error))?;
        let mut file = BufReader::with_capacity(1 << 16, file);
        let mut reading = Reading {
            source: self,
            taker,
            line: 0,
            met: HashSet::new(),
            state: State::Begin,
            rooms: 0,
            keys: 0,
        };
        let mut bytes = Vec::new();
        loop {
            bytes.clear();
            let mut limited = file.by_ref().take(LINE_BYTES_MAX + 1);
            let read = limited.read_until(b'\n', &mut bytes);
            if read.map_err(|error| self.failed(error))? == 0 {
                break;
            }
            progress.add(bytes.len());
            reading.line += 1;
            reading.take(&bytes)?;
        }
        reading.end()
    }

    fn length(&self) -> u64 {
        self.length
    }
}

impl Reading<'_> {
    fn take(&mut self, bytes: &[u8]) -> Result<(), TransferError> {
        if bytes.len() as u64 > LINE_BYTES_MAX {
            return Err(self.wrong(format!("the line is longer than {LINE_BYTES_MAX} bytes")));
        }
        let text = std::str::from_utf8(bytes).map_err(|_| self.not_text())?;
        let text = text.trim();
        if text.is_empty() {
            return Ok(());
        }
        let line = match Line::parse(text) {
            Ok(line) => line,
            Err(_) if matches!(self.state, State::Begin) => return Err(self.no_export()),
            Err(what) => return Err(self.wrong(what)),
        };
        self.follow(line)
    }

    fn follow(&mut self, line: Line) -> Result<(), TransferError> {
        match (&mut self.state, line) {
            (State::Begin, Line::Begin { version: VERSION }) => self.state = State::Rooms,
            (State::Begin, Line::Begin { version }) => {
                let file = self.source.shown.clone();
                return Err(TransferError::NewerExport { file, version });
            }
            (State::Begin, _) => return Err(self.no_export()),
            (State::Rooms, Line::Room(room)) => self.room(room)?,
            (State::Keys { .. }, Line::Entry { key, value }) => self.entry(key, value)?,
            (State::Keys { keys, .. }, Line::RoomEnd { keys: said }) => {
                if *keys != said {
                    let what = format!("the room has {keys} keys, not {said}");
                    return Err(self.wrong(what));
                }
                return self.room_ends();
            }
            (State::Rooms, Line::End { rooms, keys }) => {
                if (self.rooms, self.keys) != (rooms, keys) {
                    let what = format!(
                        "the export has {} rooms with {} keys, not {rooms} with {keys}",
                        self.rooms, self.keys
                    );
                    return Err(self.wrong(what));
                }
                self.state = State::Ended;
            }
            (state, _) => {
                let what = match state {
                    State::Keys { .. } => "a key, or the end of the room, must come here",
                    State::Ended => "the export has ended before",
                    State::Begin | State::Rooms => {
                        "a room, or the end of the export, must come here"
                    }
                };
                return Err(self.wrong(what));
            }
        }
        Ok(())
    }

    fn room(&mut self, line: RoomLine) -> Result<(), TransferError> {
        let parsed = || -> Result<RoomKey, partykit_core::IdError> {
            Ok(RoomKey {
                project: ProjectName::parse(&line.project)?,
                party: PartyName::parse(&line.party)?,
                room: RoomId::parse(&line.room)?,
            })
        };
        let mut room = parsed().map_err(|error| self.wrong(error.to_string()))?;
        if let Some(project) = &self.source.project {
            room.project = project.clone();
        }
        if !self.met.insert(room.clone()) {
            return Err(self.wrong(format!("the room {room} has come before")));
        }
        let is_wanted = self.source.wanted.contains(&room);
        self.state = State::Keys {
            is_wanted,
            last: None,
            keys: 0,
        };
        if is_wanted {
            self.taker.room(&room, line.alarm)?;
        }
        Ok(())
    }

    fn entry(&mut self, key: String, value: Vec<u8>) -> Result<(), TransferError> {
        if let Err(what) = self.source.sizes.check(&key, &value) {
            return Err(self.wrong(what));
        }
        let State::Keys {
            is_wanted,
            last,
            keys,
        } = &mut self.state
        else {
            return Ok(());
        };
        if last.as_ref().is_some_and(|last| *last >= key) {
            let what = "keys come in the order of their bytes, each once, and this one belongs \
                        before the last one";
            return Err(self.wrong(what));
        }
        *keys += 1;
        *last = Some(key.clone());
        if *is_wanted {
            self.taker.entry(key, Bytes::from(value))?;
        }
        Ok(())
    }

    fn room_ends(&mut self) -> Result<(), TransferError> {
        let ended = std::mem::replace(&mut self.state, State::Rooms);
        if let State::Keys {
            is_wanted, keys, ..
        } = ended
        {
            self.rooms += 1;
            self.keys += keys;
            if is_wanted {
                self.taker.room_ends()?;
            }
        }
        Ok(())
    }

    fn end(mut self) -> Result<(), TransferError> {
        self.line += 1;
        match self.state {
            State::Ended => {
                let there: HashSet<&str> = self.met.iter().map(|room| room.room.as_str()).collect();
                let asked_for = self.source.wanted.rooms.iter();
                let missing = asked_for.filter(|name| !there.contains(name.as_str()));
                let names: Vec<_> = missing.cloned().collect();
                if names.is_empty() {
                    return Ok(());
                }
                Err(TransferError::NoRoom { names })
            }
            State::Begin => Err(self.no_export()),
            _ => Err(self.wrong("the export ends too early: its last line is missing")),
        }
    }

    fn not_text(&self) -> TransferError {
        match self.state {
            State::Begin => self.no_export(),
            _ => self.wrong("the line is not UTF-8"),
        }
    }

    fn no_export(&self) -> TransferError {
        let file = self.source.shown.clone();
        TransferError::NoExport { file }
    }

    fn wrong(&self, what: impl Into<String>) -> TransferError {
        let place = Place::Line {
            file: self.source.shown.clone(),
            line: self.line,
        };
        TransferError::wrong(place, what)
    }
}

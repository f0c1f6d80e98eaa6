//! What PartyKit's `dev` has stored, as a source. Its rooms have no names there, so whoever imports
//! them says what they may be called.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use bytes::Bytes;
use partykit_core::{ProjectName, RoomId, RoomKey};
use partykit_host::upkeep::{PartyKitRoom, partykit_state};
use partykit_value::Graph;

use super::checks::Sizes;
use super::{Place, Progress, Source, Taker, TransferError, Wanted};

/// What rooms may be called.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Names(BTreeSet<String>);

impl Names {
    pub(crate) fn add(&mut self, name: &str) {
        self.0.insert(name.to_owned());
    }

    pub(crate) fn list(&self) -> Vec<String> {
        self.0.iter().cloned().collect()
    }

    /// One a line; empty lines mean nothing.
    ///
    /// # Errors
    /// The file cannot be read.
    pub(crate) fn add_file(&mut self, file: &Path) -> Result<(), TransferError> {
        let text = std::fs::read_to_string(file).map_err(|source| TransferError::File {
            attempt: "read",
            file: file.to_owned(),
            source,
        })?;
        let names = text.lines().map(str::trim);
        names
            .filter(|name| !name.is_empty())
            .for_each(|name| self.add(name));
        Ok(())
    }
}

/// See the module.
pub(crate) struct PartyKitSource {
    rooms: Vec<(RoomKey, PartyKitRoom)>,
    sizes: Sizes,
    /// Rooms of which no name is known, by party and id.
    pub(crate) unknown: Vec<String>,
    /// Names that no room has.
    pub(crate) unused: Vec<String>,
    /// Folders that are of no party.
    pub(crate) strange: Vec<String>,
}

impl PartyKitSource {
    /// The rooms of `dir` that have one of these names, as those of `project`.
    ///
    /// # Errors
    /// It cannot be read, or nothing was named.
    pub(crate) fn open(
        dir: &Path,
        names: &Names,
        (wanted, project): (&Wanted, &ProjectName),
        sizes: Sizes,
    ) -> Result<Self, TransferError> {
        let state = partykit_state(dir)?;
        if names.0.is_empty() {
            let rooms = state.rooms.len();
            return Err(TransferError::NoNames { rooms });
        }
        let mut source = Self {
            rooms: Vec::new(),
            sizes,
            unknown: Vec::new(),
            unused: Vec::new(),
            strange: state.strange,
        };
        let mut used = BTreeSet::new();
        let mut by_party: BTreeMap<_, BTreeMap<String, &String>> = BTreeMap::new();
        for room in state.rooms {
            if wanted
                .party
                .as_ref()
                .is_some_and(|party| party != room.party.as_str())
            {
                continue;
            }
            let ids = by_party.entry(room.party.clone()).or_insert_with(|| {
                let ids = names.0.iter().map(|name| (room.id_of(name), name));
                ids.collect()
            });
            let Some(name) = ids.get(&room.id) else {
                source.unknown.push(format!("{}/{}", room.party, room.id));
                continue;
            };
            used.insert((*name).clone());
            let parsed = RoomId::parse(name);
            let key = RoomKey {
                project: project.clone(),
                party: room.party.clone(),
                room: parsed.map_err(|source| TransferError::Name {
                    what: "the name of a room",
                    source,
                })?,
            };
            source.rooms.push((key, room));
        }
        source.unused = names.0.difference(&used).cloned().collect();
        Ok(source)
    }

    fn value(&self, room: &RoomKey, key: &str, bytes: &[u8]) -> Result<Bytes, TransferError> {
        let wrong = |what: String| {
            let (room, key) = (room.clone(), key.to_owned());
            TransferError::wrong(Place::Value { room, key }, what)
        };
        let graph = Graph::from_bytes(bytes).map_err(|error| wrong(error.to_string()))?;
        // In the form that rooms here write and read.
        let bytes = graph.to_bytes().map_err(|error| wrong(error.to_string()))?;
        self.sizes.check(key, &bytes).map_err(wrong)?;
        Ok(bytes.into())
    }
}

impl Source for PartyKitSource {
    fn each(&self, taker: &mut dyn Taker, progress: &Progress) -> Result<(), TransferError> {
        for (key, room) in &self.rooms {
            taker.room(key, None)?;
            let mut failed = None;
            room.each(|(name, bytes)| {
                progress.add(name.len() + bytes.len());
                let taken = self
                    .value(key, &name, &bytes)
                    .and_then(|value| taker.entry(name, value));
                failed = taken.err();
                failed.is_none()
            })?;
            if let Some(error) = failed {
                return Err(error);
            }
            taker.room_ends()?;
        }
        Ok(())
    }

    fn length(&self) -> u64 {
        self.rooms.iter().map(|(_, room)| room.file_bytes()).sum()
    }
}

//! The folder in which PartyKit's `dev` keeps what rooms store (`.partykit/state`): a folder for
//! each party, and in it a database for each room, called by a hash of the room's name.
//!
//! The hash cannot be turned around, so whoever reads the folder must know the names. Alarms are
//! not kept there.

use std::path::{Path, PathBuf};

use hmac::{Hmac, Mac};
use partykit_core::{Entry, PartyName};
use sha2::{Digest, Sha256};

use crate::StorageError;
use crate::upkeep::archive::missing;

/// Below the folder.
const PARTIES: &str = "party";

/// How the folder of the party `main` is called.
const MAIN: &str = "-PartyKitDurable";

/// How those of the others begin and end.
const OTHERS: (&str, &str) = ("-", "DO");

const EXTENSION: &str = ".sqlite";

/// The first half of an id says whose it is, the second half that it is one.
const HALF_BYTES: usize = 16;

/// One room's database.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct PartyKitRoom {
    /// Its party.
    pub party: PartyName,
    /// The hash of its name, 64 hexadecimal digits.
    pub id: String,
    file: PathBuf,
}

/// Whether a folder looks like one of PartyKit's.
#[must_use]
pub fn is_partykit_state(dir: &Path) -> bool {
    dir.join(PARTIES).is_dir()
}

/// What is in such a folder.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct PartyKitState {
    /// By party and id.
    pub rooms: Vec<PartyKitRoom>,
    /// Folders that are of no party that could exist here.
    pub strange: Vec<String>,
}

/// Looks into such a folder.
///
/// # Errors
/// It is none, or cannot be read.
pub fn partykit_state(dir: &Path) -> Result<PartyKitState, StorageError> {
    if !is_partykit_state(dir) {
        return Err(missing("folder", &dir.join(PARTIES)));
    }
    let mut state = PartyKitState::default();
    for (name, folder) in entries(&dir.join(PARTIES))? {
        let Some(party) = party_of(&name) else {
            state.strange.push(name);
            continue;
        };
        for (name, file) in entries(&folder)? {
            // Beside it stand files of SQLite's own.
            if let Some(id) = name.strip_suffix(EXTENSION) {
                state.rooms.push(PartyKitRoom {
                    party: party.clone(),
                    id: id.to_owned(),
                    file,
                });
            }
        }
    }
    state.rooms.sort();
    state.strange.sort();
    Ok(state)
}

impl PartyKitRoom {
    /// The id that a room of this name has in its party.
    #[must_use]
    pub fn id_of(&self, name: &str) -> String {
        id_of(&folder_of(&self.party), name)
    }

    /// Of its file, which may be more or less than there is in it.
    #[must_use]
    pub fn file_bytes(&self) -> u64 {
        std::fs::metadata(&self.file).map_or(0, |metadata| metadata.len())
    }

    /// Gives every value to `visit`, in the order of the keys' bytes, while it is wanted. Values
    /// are V8's bytes.
    ///
    /// # Errors
    /// The database cannot be read.
    pub fn each(&self, visit: impl FnMut(Entry) -> bool) -> Result<(), StorageError> {
        Ok(crate::sqlite::partykit_room::each(&self.file, visit)?)
    }
}

fn entries(folder: &Path) -> Result<Vec<(String, PathBuf)>, StorageError> {
    let failed = |error| StorageError::io(folder, "list what is there", error);
    let listed = std::fs::read_dir(folder).map_err(failed)?;
    let entries = listed.map(|entry| {
        let entry = entry.map_err(failed)?;
        Ok((
            entry.file_name().to_string_lossy().into_owned(),
            entry.path(),
        ))
    });
    entries.collect()
}

fn party_of(folder: &str) -> Option<PartyName> {
    if folder == MAIN {
        return Some(PartyName::main());
    }
    let name = folder.strip_prefix(OTHERS.0)?.strip_suffix(OTHERS.1)?;
    PartyName::parse(name).ok()
}

fn folder_of(party: &PartyName) -> String {
    if *party == PartyName::main() {
        return MAIN.to_owned();
    }
    format!("{}{party}{}", OTHERS.0, OTHERS.1)
}

/// As the runtime computes it: the folder's name is the name of the class, its hash a key.
fn id_of(class: &str, name: &str) -> String {
    let key = Sha256::digest(class);
    let first = half(&key, name.as_bytes());
    let second = half(&key, &first);
    let bytes = first.iter().chain(&second);
    bytes.map(|byte| format!("{byte:02x}")).collect()
}

fn half(key: &[u8], message: &[u8]) -> Vec<u8> {
    // An HMAC takes keys of every length.
    let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(key) else {
        return Vec::new();
    };
    mac.update(message);
    let code = mac.finalize().into_bytes();
    code.into_iter().take(HALF_BYTES).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What PartyKit 0.0.115 said as `room.internalID`.
    #[test]
    fn ids_are_those_of_the_original() {
        for (class, name, id) in [
            (
                "-PartyKitDurable",
                "lobby",
                "b96bfff5bea1a01db4d82e4a296dbcf557245089e523cd7ec5985efb07f507b5",
            ),
            (
                "-otherDO",
                "ro%20om",
                "8f2c4bd6dd5692d4c7c6d214bdff8ebbd68aa80183a7b63aeed9085e96fde14c",
            ),
            (
                "-two_wordsDO",
                "r",
                "55d65cc35e44a97d9f4b54313a7f77bf96bc1f81c3357c92054bb1ed10477b49",
            ),
        ] {
            assert_eq!(id_of(class, name), id);
        }
    }

    #[test]
    fn parties_are_found_by_their_folders_and_others_said_to_be_strange() {
        let folder = tempfile::tempdir().unwrap();
        for name in ["-PartyKitDurable", "-otherDO", "-DO", "cache", "-UpperDO"] {
            let party = folder.path().join("party").join(name);
            std::fs::create_dir_all(&party).unwrap();
            for file in ["aa.sqlite", "aa.sqlite-wal", "aa.sqlite-shm"] {
                std::fs::write(party.join(file), "").unwrap();
            }
        }
        let state = partykit_state(folder.path()).unwrap();
        let found: Vec<_> = state
            .rooms
            .iter()
            .map(|r| (r.party.as_str(), &*r.id))
            .collect();
        assert_eq!(found, [("main", "aa"), ("other", "aa")]);
        assert_eq!(state.strange, ["-DO", "-UpperDO", "cache"]);
        assert!(partykit_state(&folder.path().join("party")).is_err());
    }
}

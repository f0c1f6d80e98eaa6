//! Identities: newtypes with one parser each, so that a path segment, a party's name and a room's
//! name can never be mistaken for each other.
//!
//! Owns what is a legal name. Does not know where names come from (the router) or whether such a
//! party exists (the project).

use std::fmt;
use std::sync::Arc;

use sha2::{Digest, Sha256};

/// Room names are keys of the store and parts of log lines; 1 KiB is far above what people use
/// and far below what would hurt.
const ROOM_ID_BYTES_MAX: usize = 1024;

/// Why a name was refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum IdError {
    /// Nothing where a name was needed.
    #[error("the {what} is empty")]
    Empty {
        /// Which name.
        what: &'static str,
    },
    /// Longer than its limit.
    #[error("the {what} has {bytes} bytes, more than the {max} allowed")]
    TooLong {
        /// Which name.
        what: &'static str,
        /// Its length.
        bytes: usize,
        /// The limit.
        max: usize,
    },
    /// A character outside the allowed set.
    #[error("the {what} `{name}` may only contain {allowed}")]
    Character {
        /// Which name.
        what: &'static str,
        /// The name as given.
        name: String,
        /// What may stand in it.
        allowed: &'static str,
    },
}

macro_rules! name {
    ($(#[$doc:meta])* $type:ident) => {
        $(#[$doc])*
        #[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub struct $type(Arc<str>);

        impl $type {
            /// The name as text.
            #[must_use]
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $type {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl fmt::Debug for $type {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{}({:?})", stringify!($type), &*self.0)
            }
        }
    };
}

name! {
    /// A project: what a user names in partykit.json and deploys as one.
    ProjectName
}
name! {
    /// A kind of room declared by a project; `main` is the default one.
    PartyName
}
name! {
    /// A room's name as it stands in the URL: the raw, undecoded path segment, which is what room
    /// code reads as `room.id`.
    RoomId
}

impl ProjectName {
    /// Lower-case letters, digits and hyphens.
    ///
    /// # Errors
    /// Says which rule the name breaks.
    pub fn parse(name: &str) -> Result<Self, IdError> {
        const WHAT: &str = "project name";
        const ALLOWED: &str = "lower-case letters, digits and hyphens";
        check(name, WHAT, ALLOWED, 63, |c| {
            c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-'
        })?;
        Ok(Self(name.into()))
    }
}

impl PartyName {
    /// Lower-case letters, digits, underscores and hyphens.
    ///
    /// # Errors
    /// Says which rule the name breaks.
    pub fn parse(name: &str) -> Result<Self, IdError> {
        const WHAT: &str = "party name";
        const ALLOWED: &str = "lower-case letters, digits, underscores and hyphens";
        check(name, WHAT, ALLOWED, 63, |c| {
            c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-' || c == '_'
        })?;
        Ok(Self(name.into()))
    }

    /// The party of `/party/:room`.
    #[must_use]
    pub fn main() -> Self {
        Self("main".into())
    }
}

impl RoomId {
    /// Stands for no room, where code is evaluated before there is one.
    #[must_use]
    pub fn check() -> Self {
        Self("(load)".into())
    }

    /// Any non-empty path segment of at most 1,024 bytes.
    ///
    /// # Errors
    /// Empty, or too long.
    pub fn parse(segment: &str) -> Result<Self, IdError> {
        const WHAT: &str = "room name";
        check(segment, WHAT, "", ROOM_ID_BYTES_MAX, |_| true)?;
        Ok(Self(segment.into()))
    }
}

fn check(
    name: &str,
    what: &'static str,
    allowed: &'static str,
    max: usize,
    legal: impl Fn(char) -> bool,
) -> Result<(), IdError> {
    if name.is_empty() {
        return Err(IdError::Empty { what });
    }
    if name.len() > max {
        return Err(IdError::TooLong {
            what,
            bytes: name.len(),
            max,
        });
    }
    if !name.chars().all(legal) {
        return Err(IdError::Character {
            what,
            name: name.to_owned(),
            allowed,
        });
    }
    Ok(())
}

/// Names one room of one project: the key of the room map and of the store.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct RoomKey {
    /// The project the room belongs to.
    pub project: ProjectName,
    /// The kind of room.
    pub party: PartyName,
    /// The room's own name.
    pub room: RoomId,
}

impl RoomKey {
    /// What room code reads as `room.internalID`.
    #[must_use]
    pub fn internal_id(&self) -> InternalId {
        // Each part is preceded by its length, so that no two keys hash the same bytes.
        let mut hash = Sha256::new();
        hash.update(b"partykit room 1");
        for part in [
            self.project.as_str(),
            self.party.as_str(),
            self.room.as_str(),
        ] {
            hash.update((part.len() as u64).to_be_bytes());
            hash.update(part.as_bytes());
        }
        InternalId(hash.finalize().into())
    }
}

impl fmt::Display for RoomKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.party, self.room)
    }
}

/// Stable identity of a room: a SHA-256 over project, party and room name, shown as 64
/// hexadecimal digits. The same on every host and after every deployment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct InternalId([u8; 32]);

impl fmt::Display for InternalId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

macro_rules! handle {
    ($(#[$doc:meta])* $type:ident) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub struct $type(pub u64);

        impl fmt::Display for $type {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{}", self.0)
            }
        }
    };
}

handle! {
    /// One connection of one room; never used again within the room's life.
    ConnectionHandle
}
handle! {
    /// One delivered event that the guest owes a settle.
    EventId
}
handle! {
    /// One body that is read or written piece by piece.
    BodyHandle
}
handle! {
    /// One armed timer.
    TimerHandle
}
handle! {
    /// One wait for everything written so far to be durable.
    SyncHandle
}
handle! {
    /// The section in which a piece of work was started.
    Scope
}

impl Scope {
    /// Work that belongs to no section.
    pub const NONE: Self = Self(0);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(project: &str, party: &str, room: &str) -> RoomKey {
        RoomKey {
            project: ProjectName::parse(project).unwrap(),
            party: PartyName::parse(party).unwrap(),
            room: RoomId::parse(room).unwrap(),
        }
    }

    #[test]
    fn internal_id_has_a_published_test_vector() {
        assert_eq!(
            key("chat", "main", "lobby").internal_id().to_string(),
            "4548c5aa824f7405b9a1edab3d6bb51d7a1872453c7e621862753d1370891d85"
        );
    }

    #[test]
    fn internal_id_tells_apart_keys_whose_parts_join_to_the_same_text() {
        assert_ne!(
            key("a", "bc", "d").internal_id(),
            key("a", "b", "cd").internal_id()
        );
    }

    #[test]
    fn names_are_refused_with_the_rule_they_break() {
        assert!(RoomId::parse("").is_err());
        assert!(RoomId::parse(&"x".repeat(1025)).is_err());
        assert!(RoomId::parse("ro%20om%2Fx").is_ok());
        let error = ProjectName::parse("My_App").unwrap_err().to_string();
        assert!(
            error.contains("lower-case letters, digits and hyphens"),
            "{error}"
        );
        assert!(PartyName::parse("my-party_2").is_ok());
    }
}

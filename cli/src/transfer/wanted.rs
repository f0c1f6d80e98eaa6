//! Which rooms are meant.

use partykit_core::RoomKey;

/// Empty lists mean all.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Wanted {
    pub(crate) project: Option<String>,
    pub(crate) party: Option<String>,
    /// As they stand in addresses.
    pub(crate) rooms: Vec<String>,
}

impl Wanted {
    /// Whether it is one of them.
    pub(crate) fn contains(&self, room: &RoomKey) -> bool {
        let fits =
            |wanted: &Option<String>, own: &str| wanted.as_ref().is_none_or(|wanted| wanted == own);
        fits(&self.project, room.project.as_str())
            && fits(&self.party, room.party.as_str())
            && (self.rooms.is_empty() || self.rooms.iter().any(|name| name == room.room.as_str()))
    }
}

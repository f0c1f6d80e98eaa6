//! What concerns a store as a whole: counting, backups and restoring, carrying rooms elsewhere, and
//! doing all of it with nothing but a directory, as an operator does.

mod alarms;
mod archive;
mod by_directory;
mod contents;
mod partykit_state;
mod place;
mod restore;
mod tally;

pub(crate) use alarms::AlarmCheck;
pub(crate) use archive::Archive;
pub use by_directory::{backup, check, compact, open, read, stats};
pub(crate) use contents::Held;
pub use contents::Receiver;
pub use partykit_state::{PartyKitRoom, PartyKitState, is_partykit_state, partykit_state};
pub use restore::{RestoreReport, restore};
pub(crate) use tally::Tally;

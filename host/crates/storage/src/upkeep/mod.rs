//! What concerns a store as a whole: counting, backups and restoring, and doing all of it with
//! nothing but a directory, as an operator does.

mod alarms;
mod archive;
mod by_directory;
mod place;
mod restore;
mod tally;

pub(crate) use alarms::AlarmCheck;
pub(crate) use archive::Archive;
pub use by_directory::{backup, check, compact, stats};
pub use restore::{RestoreReport, restore};
pub(crate) use tally::Tally;

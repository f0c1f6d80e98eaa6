//! What of a project changes on disk, and what that is a change of.

mod awaited;
mod configs;
mod folders;
mod gather;
mod meaning;

pub(crate) use awaited::Awaited;
pub(crate) use configs::configs;
pub(crate) use folders::{Interest, folders};
pub(crate) use gather::{Change, Watch, WatchError};
pub(crate) use meaning::{Known, Meaning};

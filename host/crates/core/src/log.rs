//! Lines a room writes for its developer. Not the host's own log.

use crate::RoomKey;

/// How loud a line is; the names of the console's methods.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum LogLevel {
    /// `console.debug`
    Debug,
    /// `console.log`
    Log,
    /// `console.info`
    Info,
    /// `console.warn`
    Warn,
    /// `console.error`
    Error,
}

/// One line (it may contain line breaks) of one room.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogLine {
    /// Which room wrote it.
    pub room: RoomKey,
    /// How loud.
    pub level: LogLevel,
    /// What.
    pub text: String,
}

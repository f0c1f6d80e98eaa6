//! Where the host writes: lines of rooms, one line for each request, and its own complaints. The
//! command line tool implements it; nothing here prints.

use std::time::Duration;

use partykit_core::{GuestError, LogLevel, LogLine, RoomKey};

/// One answered request, an upgrade included.
#[derive(Debug, Clone)]
pub struct RequestLine {
    /// As sent.
    pub method: String,
    /// Path and query as sent.
    pub path: String,
    /// Of the answer; 101 for an accepted WebSocket.
    pub status: u16,
    /// From the request's head to the answer's head.
    pub duration: Duration,
}

/// Takes what the host has to say. Called from many threads; must not block for long.
pub trait LogSink: Send + Sync {
    /// A line that room code wrote, or an exception that escaped it.
    fn line(&self, line: &LogLine);

    /// A request was answered.
    fn request(&self, line: &RequestLine);

    /// The host has something to say that concerns no single room.
    fn host(&self, level: LogLevel, text: &str);

    /// A room lost its guest. Once for each failure.
    fn failed(&self, room: &RoomKey, error: &GuestError);
}

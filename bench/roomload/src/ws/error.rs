//! What can go wrong on a connection.

use std::fmt;
use std::io;

/// Ends a connection.
#[derive(Debug)]
pub(crate) enum Error {
    Io(io::Error),
    /// With this code; 1006 without a Close frame.
    Closed(u16),
    /// What the server sent is not allowed.
    Protocol(String),
    /// The upgrade was answered with this status and body.
    Http(u16, String),
}

pub(crate) type Result<T> = std::result::Result<T, Error>;

impl Error {
    pub(crate) fn protocol<T>(what: impl Into<String>) -> Result<T> {
        Err(Self::Protocol(what.into()))
    }
}

impl From<io::Error> for Error {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Io(error) => write!(f, "i/o: {error}"),
            Self::Closed(code) => write!(f, "server closed the connection (code {code})"),
            Self::Protocol(what) => write!(f, "protocol violation: {what}"),
            Self::Http(status, body) => write!(f, "upgrade refused with HTTP {status}: {body}"),
        }
    }
}

impl std::error::Error for Error {}

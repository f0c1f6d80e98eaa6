//! What a client is told when the host itself cannot serve it: error to status and text. What a
//! room says when its code fails stands in the `rooms` crate (`answers.rs`).

use std::net::SocketAddr;

use partykit_core::{IdError, Response, close_code};

use crate::tls::TlsError;

/// Why a host could not start.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum HostError {
    /// Somebody else listens there.
    #[error("{address} is taken by another program")]
    PortTaken {
        /// Where.
        address: SocketAddr,
    },
    /// The address cannot be listened on.
    #[error("cannot listen on {address}")]
    Listen {
        /// Where.
        address: SocketAddr,
        /// Why.
        source: std::io::Error,
    },
    /// No address was given.
    #[error("there is no address to listen on")]
    NoAddress,
    /// The store could not be opened.
    #[error("the storage could not be opened")]
    Storage(#[source] partykit_storage::StorageError),
    /// The operating system has no thread to give.
    #[error("the committing thread could not be started")]
    Thread(#[source] std::io::Error),
    /// Certificate and key cannot be served with.
    #[error("HTTPS cannot be served")]
    Tls(#[source] TlsError),
    /// The wasm engine could not be made.
    #[error("the engine could not be started")]
    Engine(#[source] partykit_engine::EngineError),
}

/// Why a request got no room.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub(crate) enum RouteError {
    #[error("No party found in request url")]
    NoParty,
    #[error("Party {0} not found")]
    PartyNotFound(String),
    #[error("{0}")]
    Name(#[from] IdError),
    #[error("Not found")]
    NotFound,
    #[error("the request body is larger than the {max} bytes allowed (body_bytes_max)")]
    BodyTooLarge { max: u64 },
    #[error("the request body did not come in time (body_piece_ms)")]
    BodyTooSlow,
    #[error("the Host header and the path do not make a URL")]
    Url,
    #[error("the request has no Host header")]
    NoHost,
    #[error("the request body could not be read")]
    BodyBroken,
    #[error("ERROR: The requested WebSocket version is not supported.")]
    WebSocketVersion,
    #[error("the WebSocket handshake lacks {0}")]
    Handshake(&'static str),
    #[error("the host is full (max_resident_rooms is {max}); try again later")]
    HostFull { max: usize },
    #[error("the host is shutting down")]
    Stopping,
    #[error("the project has no code that can be served yet; try again later")]
    NoCode,
    #[error("the room did not answer")]
    NoAnswer,
}

impl RouteError {
    fn status(&self) -> u16 {
        match self {
            Self::PartyNotFound(_) | Self::NotFound => 404,
            Self::Name(_) | Self::BodyBroken | Self::WebSocketVersion | Self::Handshake(_) => 400,
            Self::Url | Self::NoHost => 400,
            Self::BodyTooSlow => 408,
            Self::BodyTooLarge { .. } => 413,
            Self::HostFull { .. } | Self::Stopping | Self::NoCode => 503,
            // PartyKit answers a path without a party with 500.
            Self::NoParty | Self::NoAnswer => 500,
        }
    }

    /// What a WebSocket is closed with instead of being refused: for errors that pass, after which
    /// its client should come back.
    pub(crate) fn close_code(&self) -> Option<u16> {
        match self {
            Self::HostFull { .. } | Self::NoCode => Some(close_code::TRY_LATER),
            Self::Stopping => Some(close_code::RESTART),
            _ => None,
        }
    }

    pub(crate) fn response(&self) -> Response {
        let mut response = Response::text(self.status(), self.to_string());
        if self.status() == 503 {
            response
                .headers
                .push(("retry-after".to_owned(), "1".to_owned()));
        }
        response
    }
}

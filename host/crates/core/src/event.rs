//! What can happen to a room, as data: the input of a turn, and how a handler ends.
//!
//! Every variant of [`Event`] is one export of wit/room.wit; every event with an [`EventId`] is
//! owed exactly one settle.

use bytes::Bytes;
use bytestring::ByteString;

use crate::{
    BodyHandle, CloseInfo, ConnectionHandle, EventId, InternalId, Message, PartyName, Request,
    RequestHead, Response, RoomId, Scope, SyncHandle, TimerHandle,
};

/// Who a room is, as its code sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RoomInfo {
    /// `room.id`.
    pub id: RoomId,
    /// `room.internalID`.
    pub internal_id: InternalId,
    /// `room.name`.
    pub party: PartyName,
}

/// A connection as the host remembers it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConnectionInfo {
    /// The host's handle.
    pub handle: ConnectionHandle,
    /// The client's own id (`_pk`), or a random UUID.
    pub id: ByteString,
    /// Absolute URL of the upgrade request.
    pub uri: ByteString,
}

/// One event, the input of one turn.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    /// First event of every guest.
    Start {
        /// Owed a settle, which opens the gate for everything else.
        event: EventId,
        /// Only completions of this scope are delivered until then.
        scope: Scope,
        /// Who the room is.
        room: RoomInfo,
    },
    /// A client asks to join.
    Connect {
        /// Owed a settle, which answers the handshake.
        event: EventId,
        /// The new connection.
        client: ConnectionInfo,
        /// The upgrade request.
        request: RequestHead,
    },
    /// A message from an open connection.
    Message {
        /// Owed a settle.
        event: EventId,
        /// Who sent it.
        sender: ConnectionHandle,
        /// What was sent.
        message: Message,
    },
    /// A connection ended; exactly once for every accepted one.
    Close {
        /// Owed a settle.
        event: EventId,
        /// Which one. A guest that has never seen it (its predecessor failed) makes it from this.
        client: ConnectionInfo,
        /// How.
        info: CloseInfo,
    },
    /// Something went wrong with a connection that is about to be closed.
    Error {
        /// Owed a settle.
        event: EventId,
        /// Which one.
        client: ConnectionInfo,
        /// What room code reads as `error.message`.
        error: String,
    },
    /// An HTTP request.
    Request {
        /// Owed a settle, which answers it.
        event: EventId,
        /// The whole request.
        request: Request,
    },
    /// Something became of a body.
    Body {
        /// Which one.
        body: BodyHandle,
        /// What.
        what: BodyEvent,
    },
    /// The client of a request that is not settled has gone.
    Abort {
        /// The request's event.
        event: EventId,
    },
    /// An armed timer is due.
    Timer {
        /// Which one.
        timer: TimerHandle,
    },
    /// The room's alarm is due.
    Alarm {
        /// Owed a settle: done forgets the alarm, failed has it tried again.
        event: EventId,
    },
    /// What had been written when it was asked for is durable.
    Synced {
        /// Which one.
        sync: SyncHandle,
    },
}

impl Event {
    /// The settle this event is owed, if any.
    #[must_use]
    pub fn id(&self) -> Option<EventId> {
        match self {
            Self::Start { event, .. }
            | Self::Connect { event, .. }
            | Self::Message { event, .. }
            | Self::Close { event, .. }
            | Self::Error { event, .. }
            | Self::Request { event, .. }
            | Self::Alarm { event } => Some(*event),
            Self::Body { .. } | Self::Abort { .. } | Self::Timer { .. } | Self::Synced { .. } => {
                None
            }
        }
    }
}

/// What became of a body.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum BodyEvent {
    /// The answer to a pull.
    Piece(Bytes),
    /// The answer to a pull: nothing is left.
    Finished,
    /// It cannot be read or written any further.
    Failed(String),
    /// A write that answered "enough" has been taken.
    Ready,
}

/// How the handler of an event ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// Its promise was fulfilled.
    Done,
    /// It answered a request.
    Response(Response),
    /// An exception escaped it.
    Failed(Failure),
}

/// An exception that escaped a handler.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure {
    /// The error's message, which PartyKit shows to the peer.
    pub message: String,
    /// Name, message and stack, for the log.
    pub detail: String,
    /// `error.code` when it was a number: PartyKit makes it the HTTP status.
    pub status: Option<u16>,
}

/// What a section does besides keeping others out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SectionKind {
    /// Nothing.
    Block,
    /// Its writes are held back until it is left, and are kept or dropped together.
    Transaction,
}

/// How a section ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SectionEnding {
    /// Its work is done.
    Keep,
    /// What a transaction wrote never happened.
    Rollback,
    /// Its code failed: the room is reset.
    Broken,
}

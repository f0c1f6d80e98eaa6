//! What goes into a room and what comes out of it, as data. The driver turns sockets, disks and
//! clocks into [`Input`]s and carries out [`Action`]s; a simulation does the same from a seed.

use bytes::Bytes;
use bytestring::ByteString;
use partykit_core::{
    CloseInfo, CommitError, CommitSeq, ConnectionHandle, ConnectionInfo, GuestError, LogLine,
    Message, RequestHead, Response, RoomBatch,
};

/// One HTTP request that waits for its answer; given out by the driver.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ExchangeId(pub u64);

/// Names a batch between its [`Action::Commit`] and its [`Input::Committed`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct BatchId(pub u64);

/// How the body of a request comes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RequestBody {
    /// There is none.
    None,
    /// With the request.
    Whole(Bytes),
    /// Piece by piece, each when it is asked for by `Pull`.
    Pieces,
}

/// What can happen to a room from outside.
#[derive(Debug, Clone)]
pub enum Input {
    /// A client asks to join; answered by `Accept`, `Reject` or `Refuse`.
    Connect {
        /// Never used before in this room.
        client: ConnectionInfo,
        /// The upgrade request.
        request: RequestHead,
    },
    /// A message was read completely.
    Message {
        /// From whom.
        sender: ConnectionHandle,
        /// What.
        message: Message,
    },
    /// A connection broke a rule (too big a message); a `Closed` follows.
    Error {
        /// Whose.
        client: ConnectionHandle,
        /// What room code reads as `error.message`.
        error: String,
    },
    /// A connection has ended, or a handshake was abandoned. At most once for each.
    Closed {
        /// Which.
        client: ConnectionHandle,
        /// How.
        info: CloseInfo,
        /// Its peer sent a Close frame and waits for ours: answered by one `Close`, behind all that
        /// the room still has for it.
        is_waiting: bool,
    },
    /// An HTTP request; answered by one `Respond`.
    Request {
        /// Where the answer goes.
        exchange: ExchangeId,
        /// Method, URL and headers.
        head: RequestHead,
        /// Its body.
        body: RequestBody,
    },
    /// The answer to `Pull`.
    BodyPiece {
        /// Whose request.
        exchange: ExchangeId,
        /// Not empty.
        piece: Bytes,
    },
    /// The answer to `Pull`: the request's body is at its end, or cannot be read.
    BodyEnd {
        /// Whose request.
        exchange: ExchangeId,
        /// Why it cannot be read.
        failure: Option<String>,
    },
    /// The client has taken a part of a response's body.
    BodyTaken {
        /// Whose.
        exchange: ExchangeId,
        /// How much.
        bytes: u64,
    },
    /// The client has taken the whole of a response's body, its end included.
    BodySent {
        /// Whose.
        exchange: ExchangeId,
    },
    /// The client has gone before it had its whole answer. Only the first one counts.
    Gone {
        /// Whose.
        exchange: ExchangeId,
    },
    /// The host needs the room's place: it goes, if nothing but durable state is lost with it.
    Rest,
    /// The room's alarm seems to be due; answered by `AlarmOver`, at the latest when its handler
    /// is done.
    Alarm,
    /// A batch is durable, or is not.
    Committed {
        /// Which.
        batch: BatchId,
        /// What the store said.
        result: Result<CommitSeq, CommitError>,
    },
    /// Time has passed: the moment of the last `WakeAt` has come.
    Tick,
    /// The host wants the room to end: close every connection with this code and reason, let
    /// handlers finish, and cut off what has not finished in time.
    Stop {
        /// 1012 as a rule.
        code: u16,
        /// For people.
        reason: &'static str,
        /// What is owed may take so long; then it is answered with 503, and streams break off.
        drain_ms: u64,
    },
}

/// What a room wants done. Actions are carried out in the order given.
#[derive(Debug, Clone, PartialEq)]
pub enum Action {
    /// Commit a batch and answer with `Input::Committed`.
    Commit {
        /// Grows each time the room was reset because of a failed commit: batches of an older
        /// generation that are still queued must fail.
        generation: u64,
        /// Named again in the answer.
        batch: BatchId,
        /// What to commit.
        writes: RoomBatch,
    },
    /// Answer a handshake with 101; what was sent before follows it.
    Accept {
        /// Whose.
        connection: ConnectionHandle,
    },
    /// Answer a handshake with 101, forget what was sent, and close at once.
    Reject {
        /// Whose.
        connection: ConnectionHandle,
        /// Close code.
        code: u16,
        /// Close reason, of any length.
        reason: ByteString,
    },
    /// Answer a handshake with an HTTP response.
    Refuse {
        /// Whose.
        connection: ConnectionHandle,
        /// What.
        response: Response,
    },
    /// Send to one connection.
    Send {
        /// To whom.
        connection: ConnectionHandle,
        /// What.
        message: Message,
    },
    /// Send the same to several connections.
    Broadcast {
        /// To whom.
        connections: Vec<ConnectionHandle>,
        /// What.
        message: Message,
    },
    /// Send a Close frame; `Input::Closed` follows when the connection has ended.
    Close {
        /// Whose.
        connection: ConnectionHandle,
        /// None sends an empty Close frame.
        code: Option<u16>,
        /// Close reason, of any length.
        reason: ByteString,
    },
    /// Answer a request.
    Respond {
        /// Which.
        exchange: ExchangeId,
        /// With what.
        response: Response,
    },
    /// Send a piece of a response's body; `Input::BodyTaken` follows.
    BodyWrite {
        /// Whose answer.
        exchange: ExchangeId,
        /// What.
        piece: Bytes,
    },
    /// A response's body is whole.
    BodyFinish {
        /// Whose answer.
        exchange: ExchangeId,
    },
    /// A response breaks off: the client must not take it for a whole one.
    BodyAbort {
        /// Whose answer.
        exchange: ExchangeId,
    },
    /// Read the next piece of a request's body.
    Pull {
        /// Whose request.
        exchange: ExchangeId,
    },
    /// The rest of a request's body is not wanted.
    CancelBody {
        /// Whose request.
        exchange: ExchangeId,
    },
    /// The room's alarm is another one now, and durably so.
    AlarmSet {
        /// When it is due, in milliseconds since 1970; none when there is none.
        at_ms: Option<u64>,
    },
    /// Nothing more comes of the last `Input::Alarm`; a room that is dropped says no such thing.
    /// Without an `AlarmSet` since then the alarm was not tried, and may be due still.
    AlarmOver,
    /// A line for the room's developer.
    Log(LogLine),
    /// The guest failed and is gone; for the host's log, once for each failure.
    Failed {
        /// Why.
        error: GuestError,
    },
    /// Send `Input::Tick` at this moment of the monotonic clock; replaces the last one.
    WakeAt {
        /// None: nothing to wait for.
        monotonic_us: Option<u64>,
    },
    /// Nothing is left of the room but what is durable: it may be dropped now, if no input has
    /// come meanwhile.
    Evict,
}

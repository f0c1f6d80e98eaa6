//! The words every layer shares: ids, events, effects, limits, errors, and the traits by which
//! the layers meet.
//!
//! Owns no I/O, no clock and no task, and names no heavy dependency: everything here can be used
//! by a test without a socket, a disk or a wasm engine. `storage`, `engine` and `rooms` depend on
//! this crate and not on each other; they meet as [`Store`], [`Guest`] and [`RoomApi`].

mod clock;
mod error;
mod event;
mod guest;
mod http;
mod id;
mod limits;
mod log;
mod message;
mod room_api;
mod store;

pub use clock::{Clock, Entropy, Now};
pub use error::{Fault, GuestError, LimitName, Refusal};
pub use event::{
    BodyEvent, ConnectionInfo, Event, Failure, Outcome, RoomInfo, SectionEnding, SectionKind,
};
pub use guest::{Description, Guest, GuestFactory};
pub use http::{Content, Field, Request, RequestHead, Response};
pub use id::{
    BodyHandle, ConnectionHandle, EventId, IdError, InternalId, PartyName, ProjectName, RoomId,
    RoomKey, Scope, SyncHandle, TimerHandle,
};
pub use limits::Limits;
pub use log::{LogLevel, LogLine};
pub use message::{CloseInfo, Message, close_code};
pub use room_api::RoomApi;
pub use store::{
    Alarm, BackupReport, CheckReport, CommitError, CommitSeq, Compaction, Entry, Page, Range,
    ReadError, RoomAlarm, RoomBatch, RoomReader, Store, StoreStats, UpkeepError, WriteOp,
};

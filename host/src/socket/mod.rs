//! One WebSocket: its queue out, its read loop, its write loop, its close handshake and its pings.
//!
//! Knows rooms only as the place where messages go. fastwebsockets does the upgrade and reads
//! frames; what RFC 6455 asks of messages, and the writing of many frames at once, is here.

mod frame;
mod lengths;
mod outbound;
mod read;
mod refuse;
mod serve;
mod write;

pub(crate) use frame::Frame;
pub(crate) use outbound::Outbound;
pub(crate) use refuse::refuse;
pub(crate) use serve::{Socket, serve};

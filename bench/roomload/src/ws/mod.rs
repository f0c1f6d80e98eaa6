//! A small RFC 6455 client over tokio.
//!
//! Written for this generator so that it stays cheaper than the servers it measures: one read may
//! deliver many frames and one write may carry many, and nothing is allocated per message. It is
//! also stricter than most: a masked frame, a reserved bit, a bad handshake or a broken fragment
//! sequence from the server is an error, never skipped.

mod connection;
mod error;
mod frame;
mod handshake;
mod socketio;

pub(crate) use connection::Connection;
pub(crate) use error::{Error, Result};

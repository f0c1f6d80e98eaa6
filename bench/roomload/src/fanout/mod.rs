//! The mode fanout: one sender in each room, and the server sends each message to everybody there.

mod gather;
mod member;
mod message;
mod run;

pub(crate) use run::{Options, run};

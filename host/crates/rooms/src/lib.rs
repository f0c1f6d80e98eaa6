//! A room as a state machine without I/O: inputs go in, turns run, actions come out.
//!
//! Owns the rules that make a room a room: which event may enter when (sections), what leaves when
//! (the output gate), what a failure costs, who is connected. Names no socket, task, channel, disk
//! or wasm: the driver and the simulation call [`Room::step`], `engine` is met as
//! [`partykit_core::Guest`], `storage` as [`partykit_core::Store`].

mod action;
mod alarm;
mod answers;
mod api;
mod bodies;
mod completions;
mod connections;
mod deliver;
mod failure;
mod gate;
mod mailbox;
mod overlay;
mod owed;
mod rest;
mod restart;
mod room;
mod sections;
mod settle;
mod start;
mod state;
mod stop;
mod storage;
mod timers;
mod turn;
mod unfinished;

#[cfg(any(test, feature = "testing"))]
pub mod testing;

#[cfg(test)]
mod alarm_tests;
#[cfg(test)]
mod body_tests;
#[cfg(test)]
mod leaving_tests;
#[cfg(test)]
mod room_tests;
#[cfg(test)]
mod stop_tests;
#[cfg(test)]
mod storage_tests;

pub use action::{Action, BatchId, ExchangeId, Input, RequestBody};
pub use overlay::CacheBudget;
pub use room::{Room, RoomParts};

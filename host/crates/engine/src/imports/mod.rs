//! One file for each import interface of wit/. Each method converts its arguments, forwards them to
//! the room's API, and converts the answer; what a call means and what it may do is decided there.

mod alarms;
mod bodies;
mod clock;
mod connections;
mod events;
mod log;
mod random;
mod sections;
mod storage;
mod timers;

/// The interface `types` has no functions, only words that the others use.
impl crate::bindings::partykit::room::types::Host for crate::state::GuestState {}

//! The whole host on real sockets, with the real guest and a store that tests hold in their hands.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test fails by panicking"
)]

mod alarms;
mod bodies;
mod ending;
mod failing_store;
mod gate;
mod limits;
mod rfc6455;
mod stage;

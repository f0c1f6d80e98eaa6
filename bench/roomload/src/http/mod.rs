//! The mode http: requests to rooms over kept-alive connections.

mod client;
mod run;

pub(crate) use run::{Options, run};

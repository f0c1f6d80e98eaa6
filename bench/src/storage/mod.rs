//! What a durable commit costs and how long a full store takes to open, for each backend, without
//! rooms and sockets: the store and the committing thread as the host uses them.

mod commits;
mod large;
mod read;
mod run;
mod starting;

pub(crate) use run::run;

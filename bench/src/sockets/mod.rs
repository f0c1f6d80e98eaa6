//! What is measured through sockets, with the binaries that `make build` leaves.

mod dev;
mod hostile;
mod load;
mod pin;
mod server;
mod start;
mod work;

pub(crate) use dev::days;
pub(crate) use hostile::hostile;
pub(crate) use start::starts;
pub(crate) use work::works;

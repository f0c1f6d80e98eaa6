//! What is measured inside this process, from an empty call to the start of a guest.

mod calls;
mod counted;
mod imports;
mod memory;
mod room;
mod run;
mod wasm;

pub(crate) use run::run;

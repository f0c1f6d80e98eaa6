//! One file for each command: its arguments in, done or an error out.

pub(crate) mod completions;
pub(crate) mod dev;
pub(crate) mod storage;
pub(crate) mod transfer;

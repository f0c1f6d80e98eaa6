//! What answers a request, one file for each kind.

pub(crate) mod assets;
pub(crate) mod live;
pub(crate) mod party;

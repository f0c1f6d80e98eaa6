//! Memory images: what a guest's memory holds before its first event, kept once and mapped by
//! every guest that begins there.
//!
//! `backing` keeps the bytes and maps them into a guest: copy-on-write where the system can, a copy
//! elsewhere. `memory` is one guest's memory. `creator` hands images to wasmtime, which is told
//! nothing about whose memory it makes. Nothing here knows what an image contains.

mod backing;
mod creator;
mod memory;

pub(crate) use backing::Image;
pub(crate) use creator::{Memories, with_image};
pub(crate) use memory::MemoryView;

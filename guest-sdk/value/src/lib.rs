//! What rooms store: JavaScript values. As bytes in the format of V8's ValueSerializer, which is
//! what PartyKit's storage and ours hold; as data, a [`Graph`]; and, with the feature `json`, as
//! JSON that keeps their types (docs/storage-export.md).
//!
//! Reads whatever the JavaScript guest writes and what V8 writes into a store, and writes the same
//! bytes for the same value. Knows nothing of rooms, keys and stores, and needs no JavaScript.
//!
//! Its bound: values nested deeper than [`DEPTH_MAX`] are refused, in every direction.

mod bigint;
mod graph;
mod input;
#[cfg(feature = "json")]
pub mod json;
mod read;
mod tag;
mod text;
mod write;

pub use bigint::BigInt;
pub use graph::{Boxed, Buffer, ErrorClass, Graph, Key, Object, ObjectId, Value, View, ViewKind};
pub use input::ReadError;
pub use text::Text;
pub use write::TooDeep;

/// How deep values may be nested, as in the JavaScript guest.
pub const DEPTH_MAX: u32 = 1000;

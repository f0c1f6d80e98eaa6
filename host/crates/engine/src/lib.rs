//! Runs a room's code in wasm: wasmtime on one side, the contract of wit/ on the other, and between
//! them nothing but conversion and limits.
//!
//! The rest of the host meets this crate as `dyn GuestFactory` and `dyn Guest`, and a guest meets
//! the rest of the host as `dyn RoomApi`: all three are traits of `partykit-core`. No wasmtime type
//! leaves this crate. It decides nothing about rooms, does no I/O besides the compilation cache,
//! and names no runtime: calls are synchronous and run on the caller's thread (see [`Engine`] for
//! the stack that they need).
//!
//! The road of one event: [`JsFactory`] made the guest from an image of its code (`images` says
//! which, `image` how), `instance` holds its store and lends it the room's API, `turn` calls the
//! export, `imports` forward what the guest asks for, `limits` end what takes too long or too much,
//! `error` says what happened.

mod api_slot;
#[allow(
    clippy::all,
    missing_docs,
    unreachable_pub,
    reason = "generated from wit/, where every item is documented"
)]
mod bindings;
mod convert;
mod engine;
mod error;
mod image;
mod images;
mod imports;
mod instance;
mod js;
mod limits;
mod linker;
mod state;
mod thread_clock;
mod ticker;
mod turn;

pub use engine::{Engine, EngineConfig};
pub use error::EngineError;
pub use js::{JsBinary, JsComponent, JsFactory};

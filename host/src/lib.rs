//! The host: owns the sockets, the room map, and the order in which everything starts and stops.
//!
//! The only crate that names axum, hyper and tokio, and the one that puts storage, engine and
//! rooms together. It knows nothing of JavaScript, of wasm or of how a store keeps its promises.
//! The path of one message: `socket/read.rs`, `driver/handle.rs`, `Room::step` in the rooms crate,
//! `driver/perform.rs`, `socket/outbound.rs`, `socket/write.rs`.

mod app;
mod assets;
mod body;
mod capacity;
mod clock;
mod config;
mod driver;
mod error;
mod exchange;
mod host;
mod live;
mod load_api;
mod log;
mod patience;
mod route;
mod router;
mod routes;
mod server;
mod socket;
mod tls;
mod unread;

pub use assets::Assets;
pub use capacity::{Bound, Capacity};
pub use config::{Config, Deployment, HostLimits, SettingError, StorageConfig};
pub use error::HostError;
pub use host::Host;
pub use live::{Live, Problem};
pub use log::{LogSink, RequestLine};
pub use partykit_storage::{StorageError, upkeep};
pub use tls::{Tls, TlsError};

/// Stack of the threads that run rooms: give it to the runtime. With less, each turn is run on a
/// stack of its own, which costs several microseconds.
pub const THREAD_STACK_BYTES: usize = partykit_engine::Engine::STACK_BYTES;

//! The engine with real wasm in it: `machine` breaks a hand-written guest in every way in which a
//! wasm machine can break, `javascript` runs rooms in the real JavaScript guest.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "tests fail by panicking"
)]

mod images;
mod javascript;
mod machine;
mod recorder;
mod storage;

//! The built binary, run as people run it: what it prints where, and how it exits.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stderr,
    reason = "a test fails by panicking, and shows what its command printed"
)]

#[path = "cli/bundling.rs"]
mod bundling;
#[path = "cli/config.rs"]
mod config;
#[path = "cli/harness.rs"]
mod harness;
#[path = "cli/reloading.rs"]
mod reloading;
#[path = "cli/serving.rs"]
mod serving;
#[path = "cli/storage.rs"]
mod storage;
#[path = "cli/transfer.rs"]
mod transfer;
#[path = "cli/usage.rs"]
mod usage;

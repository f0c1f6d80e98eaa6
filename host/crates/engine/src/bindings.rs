//! The Rust types and traits that wasmtime generates from wit/, and nothing else.
//!
//! Parameters of exports borrow, so that an event is lowered into the guest's memory without being
//! copied first; parameters of imports own, because what a guest hands over leaves its memory.

wasmtime::component::bindgen!({
    path: "../../../wit",
    world: "js-room",
    imports: { default: trappable },
    ownership: Borrowing { duplicate_if_necessary: true },
});

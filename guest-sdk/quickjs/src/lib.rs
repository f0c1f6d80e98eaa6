//! The JavaScript room guest: QuickJS behind the contract in wit/.
//!
//! ```text
//! exports   the contract's calls -> one cached JavaScript function each, then the job queue
//! runtime   the engine of this guest: made by `prepare`, kept for its whole life
//! memory    the heap of the image and the one behind it
//! seal      what is done before a memory becomes the image that rooms begin with
//! modules   which module an import names: ours, the bundle, or none
//! natives   what our JavaScript (guest-sdk/js) may call: one file for each interface of wit/
//! bridge    strings, bytes and errors between Rust and QuickJS; the only unsafe code besides
//!           the values' class tests
//! host      the imports of the contract; outside wasm a recording stand-in, so that everything
//!           here is tested natively
//! ```
//!
//! A guest runs one event at a time on one thread: state lives in thread-locals without locks.

mod bridge;
mod exports;
mod host;
#[cfg(target_arch = "wasm32")]
mod memory;
mod modules;
mod natives;
mod runtime;
mod seal;
#[cfg(test)]
mod tests;

/// What wit-bindgen makes of the contract, and nothing else.
#[allow(unsafe_code, reason = "generated calls across the component border")]
#[allow(missing_docs, unreachable_pub, clippy::all, reason = "generated")]
mod bindings {
    wit_bindgen::generate!({
        path: "../../wit",
        world: "js-room",
        generate_all,
        // The generator forgets a lifetime in `impl Error for FailureParam`; this puts the impl
        // behind a feature that this crate does not have.
        std_feature,
        ownership: Borrowing { duplicate_if_necessary: true },
    });

    use super::exports::Exports;
    export!(Exports);
}

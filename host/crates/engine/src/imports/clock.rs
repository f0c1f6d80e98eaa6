//! The import `clock`.

use crate::bindings::partykit::room::clock::Host;
use crate::state::GuestState;

impl Host for GuestState {
    fn now_us(&mut self) -> wasmtime::Result<u64> {
        self.ask(|api| api.now_us())
    }

    fn monotonic_us(&mut self) -> wasmtime::Result<u64> {
        self.ask(|api| api.monotonic_us())
    }
}

//! The import `random`.

use crate::bindings::partykit::room::random::{Host, Refusal};
use crate::convert::refusal;
use crate::state::GuestState;

impl Host for GuestState {
    fn bytes(&mut self, count: u32) -> wasmtime::Result<Result<Vec<u8>, Refusal>> {
        self.ask(|api| api.random(count).map_err(refusal))
    }
}

//! The import `alarms`.

use crate::bindings::partykit::room::alarms::{Host, Refusal};
use crate::convert::refusal;
use crate::state::GuestState;

impl Host for GuestState {
    fn get(&mut self) -> wasmtime::Result<Result<Option<u64>, Refusal>> {
        self.ask(|api| api.alarm_get().map_err(refusal))
    }

    fn set(&mut self, at_ms: u64) -> wasmtime::Result<Result<(), Refusal>> {
        self.ask(|api| api.alarm_set(at_ms).map_err(refusal))
    }

    fn delete(&mut self) -> wasmtime::Result<Result<(), Refusal>> {
        self.ask(|api| api.alarm_delete().map_err(refusal))
    }
}

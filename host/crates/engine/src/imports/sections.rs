//! The import `sections`.

use crate::bindings::partykit::room::sections::{Ending, Host, Kind, Refusal, Scope};
use crate::convert::{ending_from, kind_from, refusal};
use crate::state::GuestState;

impl Host for GuestState {
    fn enter(&mut self, outer: Scope, kind: Kind) -> wasmtime::Result<Result<Scope, Refusal>> {
        let outer = partykit_core::Scope(outer);
        let kind = kind_from(kind);
        self.ask(|api| match api.section_enter(outer, kind) {
            Ok(scope) => Ok(scope.0),
            Err(error) => Err(refusal(error)),
        })
    }

    fn leave(&mut self, scope: Scope, ending: Ending) -> wasmtime::Result<Result<(), Refusal>> {
        let scope = partykit_core::Scope(scope);
        let ending = ending_from(ending);
        self.ask(|api| api.section_leave(scope, ending).map_err(refusal))
    }
}

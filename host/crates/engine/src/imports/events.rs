//! The import `events`.

use crate::bindings::partykit::room::events::{EventId, Host, Outcome, Refusal};
use crate::convert::{outcome_from, refusal};
use crate::state::GuestState;

impl Host for GuestState {
    fn settle(
        &mut self,
        event: EventId,
        outcome: Outcome,
    ) -> wasmtime::Result<Result<(), Refusal>> {
        let event = partykit_core::EventId(event);
        let outcome = outcome_from(outcome);
        self.ask(|api| api.settle(event, outcome).map_err(refusal))
    }
}

//! The import `timers`.

use partykit_core::TimerHandle;

use crate::bindings::partykit::room::timers::{Host, Refusal, Scope, Timer};
use crate::convert::refusal;
use crate::state::GuestState;

impl Host for GuestState {
    fn set(&mut self, delay_ms: u64, scope: Scope) -> wasmtime::Result<Result<Timer, Refusal>> {
        let scope = partykit_core::Scope(scope);
        self.ask(|api| match api.timer_set(delay_ms, scope) {
            Ok(timer) => Ok(timer.0),
            Err(error) => Err(refusal(error)),
        })
    }

    fn clear(&mut self, timer: Timer) -> wasmtime::Result<()> {
        self.ask(|api| api.timer_clear(TimerHandle(timer)))
    }
}

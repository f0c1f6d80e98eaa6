//! What a store carries besides the guest's memory: the room's API during a call, and the counters
//! of the limits. `imports` use it to reach the room; nothing else may.

use std::sync::Arc;

use partykit_core::{GuestError, RoomApi};
use wasmtime::UpdateDeadline;

use crate::api_slot::ApiSlot;
use crate::limits::{CpuLimit, MemoryLimit};
use crate::thread_clock::thread_cpu_time;

/// The data of a guest's store.
pub(crate) struct GuestState {
    pub(crate) api: ApiSlot,
    pub(crate) memory: MemoryLimit,
    pub(crate) cpu: CpuLimit,
    pub(crate) on_long_turn: Arc<dyn Fn() + Send + Sync>,
}

impl GuestState {
    /// Asks the room something, and ends the turn when it thereby asked for too much.
    #[inline]
    pub(crate) fn ask<R>(
        &mut self,
        ask: impl FnOnce(&mut dyn RoomApi) -> R,
    ) -> wasmtime::Result<R> {
        let Some(api) = self.api.get() else {
            return Err(wasmtime::Error::new(GuestError::Trap {
                message: "an import was called outside of a turn".to_owned(),
            }));
        };
        let answer = ask(api);
        match api.exceeded() {
            None => Ok(answer),
            Some(error) => Err(wasmtime::Error::new(error)),
        }
    }

    /// A tick came while this guest is running.
    pub(crate) fn tick(&mut self) -> wasmtime::Result<UpdateDeadline> {
        self.cpu
            .tick(thread_cpu_time())
            .map_err(wasmtime::Error::new)?;
        (self.on_long_turn)();
        Ok(UpdateDeadline::Continue(1))
    }
}

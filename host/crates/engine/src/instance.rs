//! One guest: a store with its memory, the instance in it, and the rule that nothing runs in it
//! after a failure.
//!
//! [`Machine`] is a store ready to be called, whatever kind of component is in it; making one is
//! the only place where a component is instantiated, on a memory that begins with an image.
//! [`WasmGuest`] is what `rooms` sees. Neither knows which exports an event becomes (`turn`) nor
//! how code gets into a JavaScript guest (`js`).

use std::mem;
use std::sync::Arc;

use partykit_core::{Event, EventId, Guest, GuestError, Limits, RoomApi};
use wasmtime::Store;
use wasmtime::component::{Instance, InstancePre};

use crate::api_slot::lend;
use crate::bindings::exports::partykit::room::guest;
use crate::engine::{CALL_STACK_BYTES, Engine};
use crate::error::guest_error;
use crate::image::{Image, MemoryView, with_image};
use crate::limits::{CpuLimit, MemoryLimit};
use crate::state::GuestState;
use crate::ticker::Lane;
use crate::turn;

/// The stack that a call gets when its thread has too little: what it needs and a little for the
/// frames between here and the guest.
const GROWN_STACK_BYTES: usize = CALL_STACK_BYTES + (64 << 10);

/// A store that can be called under limits.
pub(crate) struct Machine {
    engine: Engine,
    lane: Lane,
    store: Store<GuestState>,
}

impl Machine {
    /// A store with an instance of `component` in it, whose memory begins with `image`. The little
    /// code that runs on the way (what ties a component's modules together) is under the limits of
    /// loading; none of it is the module's own.
    pub(crate) fn instantiate(
        engine: &Engine,
        component: &InstancePre<GuestState>,
        image: &Arc<Image>,
        limits: &Limits,
        api: &mut dyn RoomApi,
    ) -> Result<(Self, Instance, MemoryView), GuestError> {
        if image.len() as u64 > limits.memory_bytes_max {
            return Err(GuestError::MemoryLimit {
                max_bytes: limits.memory_bytes_max,
            });
        }
        let mut machine = Self::empty(engine, limits);
        let made = machine.run(limits.load_cpu_ms_max, api, |store| {
            let (instance, memory) = with_image(image.clone(), || component.instantiate(store));
            let memory = memory.ok_or_else(|| wasmtime::Error::msg("the guest has no memory"));
            Ok((instance?, memory?))
        });
        let (instance, memory) = made.map_err(|error| match error {
            // No code of the guest's has run, so a failure is the host's: no address space, no
            // mappings left.
            GuestError::Trap { message } => GuestError::Host { message },
            error => error,
        })?;
        let state = machine.store.data_mut();
        state.memory.begins_with(memory.len() as u64);
        Ok((machine, instance, memory))
    }

    /// What `memory`, which is this machine's, holds now.
    pub(crate) fn image_of(&mut self, memory: &MemoryView) -> std::io::Result<Image> {
        let copied = self.engine.copies_images();
        memory.look(&mut self.store, |bytes| Image::new(0, bytes, copied))
    }

    fn empty(engine: &Engine, limits: &Limits) -> Self {
        let state = GuestState {
            api: crate::api_slot::ApiSlot::default(),
            memory: MemoryLimit::new(limits.memory_bytes_max),
            cpu: CpuLimit::default(),
            on_long_turn: engine.on_long_turn().clone(),
        };
        let mut store = Store::new(engine.wasm(), state);
        store.limiter(|state| &mut state.memory);
        store.epoch_deadline_callback(|mut context| context.data_mut().tick());
        // What one call may make the host allocate: a guest can pass the same bytes many times
        // over in one list, but never more of them than it could hold itself.
        store.set_hostcall_fuel(usize::try_from(limits.memory_bytes_max).unwrap_or(usize::MAX));
        Self {
            engine: engine.clone(),
            lane: engine.ticker().lane(),
            store,
        }
    }

    /// Calls into the store with the room's API lent to it, for at most `cpu_ms_max`.
    #[inline]
    pub(crate) fn run<R>(
        &mut self,
        cpu_ms_max: u64,
        api: &mut dyn RoomApi,
        call: impl FnOnce(&mut Store<GuestState>) -> wasmtime::Result<R>,
    ) -> Result<R, GuestError> {
        let state = self.store.data_mut();
        state.memory.begin();
        state.cpu.begin(cpu_ms_max);
        self.store.set_epoch_deadline(1);
        let turn = self.engine.ticker().turn(self.lane);
        let store = &mut self.store;
        let result = stacker::maybe_grow(CALL_STACK_BYTES, GROWN_STACK_BYTES, || {
            lend(store, api, call)
        });
        drop(turn);
        result.map_err(|error| guest_error(&error, self.store.data()))
    }
}

/// A guest as the room sees it. After an error its memory is gone and every call answers with the
/// same error.
pub(crate) struct WasmGuest(State);

enum State {
    Live(Box<Live>),
    /// A call is on the stack, or a panic of the host went through it.
    Running,
    Failed(GuestError),
}

struct Live {
    machine: Machine,
    exports: guest::Guest,
    cpu_ms_max: u64,
}

impl WasmGuest {
    pub(crate) fn new(machine: Machine, exports: guest::Guest, limits: &Limits) -> Self {
        Self(State::Live(Box::new(Live {
            machine,
            exports,
            cpu_ms_max: limits.cpu_ms_max,
        })))
    }

    #[inline]
    fn call<R>(
        &mut self,
        api: &mut dyn RoomApi,
        call: impl FnOnce(&guest::Guest, &mut Store<GuestState>) -> wasmtime::Result<R>,
    ) -> Result<R, GuestError> {
        let mut live = match mem::replace(&mut self.0, State::Running) {
            State::Live(live) => live,
            State::Running => self.fail(GuestError::Host {
                message: "a panic of the host ended the guest's last turn".to_owned(),
            })?,
            State::Failed(error) => self.fail(error)?,
        };
        let exports = &live.exports;
        let result = live
            .machine
            .run(live.cpu_ms_max, api, |store| call(exports, store));
        match result {
            Ok(result) => {
                self.0 = State::Live(live);
                Ok(result)
            }
            Err(error) => self.fail(error),
        }
    }

    #[cold]
    fn fail<R>(&mut self, error: GuestError) -> Result<R, GuestError> {
        self.0 = State::Failed(error.clone());
        Err(error)
    }
}

impl Guest for WasmGuest {
    fn turn(&mut self, event: &Event, api: &mut dyn RoomApi) -> Result<(), GuestError> {
        self.call(api, |exports, store| turn::deliver(exports, store, event))
    }

    fn stranded(
        &mut self,
        owed: &[EventId],
        api: &mut dyn RoomApi,
    ) -> Result<Vec<EventId>, GuestError> {
        let owed: Vec<u64> = owed.iter().map(|event| event.0).collect();
        let stranded = self.call(api, |exports, store| exports.call_stranded(store, &owed))?;
        Ok(stranded.into_iter().map(EventId).collect())
    }

    fn memory_bytes(&self) -> u64 {
        match &self.0 {
            State::Live(live) => live.machine.store.data().memory.bytes(),
            State::Running | State::Failed(_) => 0,
        }
    }
}

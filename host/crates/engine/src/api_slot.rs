//! Lends a `&mut dyn RoomApi` to a store for the duration of one call into wasm.
//!
//! wasmtime wants the data of a store to be `'static`, and the API of a room is a borrow that ends
//! with the turn. This file closes the gap with a pointer that is set when a call begins and
//! cleared when it ends, whichever way it ends. Nothing outside this file can see the pointer.
//! `instance` lends, `state` borrows it back.

#![allow(
    unsafe_code,
    reason = "a scoped borrow inside a 'static store; otherwise an allocation and a lock each turn"
)]

use std::mem;
use std::ptr::NonNull;

use partykit_core::RoomApi;
use wasmtime::Store;

use crate::state::GuestState;

/// Holds the room's API while a call into wasm is on the stack, and nothing otherwise.
#[derive(Default)]
pub(crate) struct ApiSlot(Option<NonNull<dyn RoomApi>>);

// SAFETY: a slot is filled only inside `lend`, which holds the store by `&mut` until the slot is
// empty again, so that a filled slot cannot be moved to another thread. An empty one has nothing
// that belongs to a thread. The functions that run meanwhile are this crate's imports and the epoch
// callback, on the same thread; none of them passes its `&mut GuestState` on to another.
unsafe impl Send for ApiSlot {}

impl ApiSlot {
    /// The API of the room whose turn is running; `None` outside of a call.
    pub(crate) fn get(&mut self) -> Option<&mut dyn RoomApi> {
        // SAFETY: the pointer came from the `&mut dyn RoomApi` that `lend` holds for as long as the
        // slot is filled, so it is valid and nobody else uses it. The result borrows the slot
        // mutably, so no second one exists, and it cannot outlive the call: the slot lives in the
        // store that `lend` clears before its own borrow of the API ends.
        self.0.map(|mut api| unsafe { api.as_mut() })
    }
}

/// Runs `call` with `api` in the store's slot. The slot is empty again when this returns or
/// unwinds.
pub(crate) fn lend<R>(
    store: &mut Store<GuestState>,
    api: &mut dyn RoomApi,
    call: impl FnOnce(&mut Store<GuestState>) -> R,
) -> R {
    // A guard that never leaves this function, so that it cannot be forgotten.
    struct Lent<'a>(&'a mut Store<GuestState>);

    impl Drop for Lent<'_> {
        fn drop(&mut self) {
            self.0.data_mut().api.0 = None;
        }
    }

    // SAFETY: only the lifetime changes; both types are the same pointer. That the pointer is not
    // used after the lifetime it really has is what `Lent` sees to.
    let api = unsafe {
        mem::transmute::<NonNull<dyn RoomApi + '_>, NonNull<dyn RoomApi + 'static>>(NonNull::from(
            api,
        ))
    };
    store.data_mut().api.0 = Some(api);
    let lent = Lent(store);
    call(&mut *lent.0)
}

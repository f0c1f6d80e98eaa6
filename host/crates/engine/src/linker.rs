//! The sandbox: the one list of everything a guest can reach. What is not linked here cannot be
//! called, and a component that imports anything else is refused before it runs.

use wasmtime::Engine;
use wasmtime::component::{HasSelf, Linker};

use crate::bindings::partykit::room::{
    alarms, bodies, clock, connections, events, log, random, sections, storage, timers, types,
};
use crate::state::GuestState;

/// The imports of every guest.
pub(crate) fn linker(engine: &Engine) -> wasmtime::Result<Linker<GuestState>> {
    type Own = HasSelf<GuestState>;
    let mut linker = Linker::new(engine);
    types::add_to_linker::<_, Own>(&mut linker, |state| state)?;
    events::add_to_linker::<_, Own>(&mut linker, |state| state)?;
    sections::add_to_linker::<_, Own>(&mut linker, |state| state)?;
    connections::add_to_linker::<_, Own>(&mut linker, |state| state)?;
    bodies::add_to_linker::<_, Own>(&mut linker, |state| state)?;
    storage::add_to_linker::<_, Own>(&mut linker, |state| state)?;
    alarms::add_to_linker::<_, Own>(&mut linker, |state| state)?;
    timers::add_to_linker::<_, Own>(&mut linker, |state| state)?;
    clock::add_to_linker::<_, Own>(&mut linker, |state| state)?;
    random::add_to_linker::<_, Own>(&mut linker, |state| state)?;
    log::add_to_linker::<_, Own>(&mut linker, |state| state)?;
    Ok(linker)
}

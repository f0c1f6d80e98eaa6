//! The imports of the contract under one name. In a component they are the host's; anywhere else
//! they are a recording stand-in, which is how the whole guest is tested without wasm.

#[cfg(target_arch = "wasm32")]
pub(crate) use crate::bindings::partykit::room::{
    alarms, bodies, clock, connections, events, log, random, sections, storage, timers,
};

#[cfg(not(target_arch = "wasm32"))]
pub(crate) use recorded::{
    alarms, bodies, clock, connections, events, log, random, sections, storage, timers,
};

#[cfg(not(target_arch = "wasm32"))]
pub(crate) mod recorded;

/// QuickJS's only need of an operating system: microseconds since 1970, from the host's clock.
#[cfg(target_arch = "wasm32")]
#[allow(
    unsafe_code,
    reason = "the C library of rquickjs calls it by this name"
)]
// SAFETY: the name is rquickjs's own and defined nowhere else.
#[unsafe(no_mangle)]
extern "C" fn __rquickjs_host_now_us() -> f64 {
    clock::now_us() as f64
}

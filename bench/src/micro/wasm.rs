//! wasmtime set up as the host's engine does it, once for timing and once for counting.
//!
//! The engine crate hides wasmtime on purpose, so the choices that matter for the cost of a call
//! are made again here. A count is taken in fuel: about one unit for each wasm instruction, the
//! same on every machine and in every run.

use std::path::Path;

use wasmtime::{Cache, CacheConfig, Config, Engine, Store};

use crate::failure::Failure;

/// More than any measurement burns.
const FULL_TANK: u64 = u64::MAX / 2;

/// How the code that is compiled looks up whether it should stop.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Meter {
    /// By epochs, as in the host.
    Epochs,
    /// By counting, which costs about twice as much: such an engine is never timed.
    Fuel,
}

/// An engine of its own, with what it compiles kept in `cache`.
pub(crate) fn engine(meter: Meter, cache: &Path) -> Result<Engine, Failure> {
    std::fs::create_dir_all(cache)?;
    let mut kept = CacheConfig::new();
    kept.with_directory(cache.canonicalize()?);
    let mut config = Config::new();
    config
        .cache(Some(Cache::new(kept)?))
        .memory_may_move(false)
        .concurrency_support(false)
        .gc_support(false)
        .epoch_interruption(meter == Meter::Epochs)
        .consume_fuel(meter == Meter::Fuel)
        .cranelift_nan_canonicalization(true)
        .relaxed_simd_deterministic(true);
    Ok(Engine::new(&config)?)
}

/// A store that may run for as long as it likes.
pub(crate) fn store<T>(engine: &Engine, meter: Meter, contents: T) -> Result<Store<T>, Failure> {
    let mut store = Store::new(engine, contents);
    match meter {
        Meter::Epochs => store.set_epoch_deadline(1),
        Meter::Fuel => store.set_fuel(FULL_TANK)?,
    }
    Ok(store)
}

/// What `call` burns in a store whose meter is fuel.
pub(crate) fn fuel_of<T>(
    store: &mut Store<T>,
    call: impl FnOnce(&mut Store<T>) -> Result<(), Failure>,
) -> Result<u64, Failure> {
    store.set_fuel(FULL_TANK)?;
    call(store)?;
    Ok(FULL_TANK - store.get_fuel()?)
}

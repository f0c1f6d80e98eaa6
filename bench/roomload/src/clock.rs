//! One monotonic clock for the whole program, so that a moment that one thread writes into a
//! message can be compared with one that another reads; and the runtime of a load thread.

use std::sync::OnceLock;
use std::time::{Duration, Instant};

use tokio::runtime::Builder;
use tokio::task::LocalSet;

static BASE: OnceLock<Instant> = OnceLock::new();

fn base() -> Instant {
    *BASE.get_or_init(Instant::now)
}

/// Nanoseconds since this program first asked. 584 years fit.
#[inline]
pub(crate) fn now_ns() -> u64 {
    u64::try_from(base().elapsed().as_nanos()).unwrap_or(u64::MAX)
}

/// Returns at a moment of [`now_ns`].
pub(crate) async fn sleep_until_ns(ns: u64) {
    tokio::time::sleep_until((base() + Duration::from_nanos(ns)).into()).await;
}

/// Whole nanoseconds of seconds that were typed.
pub(crate) fn ns(seconds: f64) -> u64 {
    (seconds * 1e9) as u64
}

/// Runs a future, and the local tasks that it spawns, on this thread alone: a generator that does
/// not synchronise with itself stays cheaper than the servers it measures.
pub(crate) fn block_on<T>(future: impl Future<Output = T>) -> T {
    match Builder::new_current_thread().enable_all().build() {
        Ok(runtime) => LocalSet::new().block_on(&runtime, future),
        Err(error) => crate::outcome::die(format!("no runtime: {error}")),
    }
}

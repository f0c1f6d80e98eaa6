//! The machine's own clock and random numbers, behind the traits that rooms know.

use std::time::{Instant, SystemTime, UNIX_EPOCH};

use partykit_core::{Clock, Entropy, Now, Refusal};

/// The clock of the operating system.
#[derive(Debug)]
pub(crate) struct SystemClock {
    started: Instant,
}

impl SystemClock {
    pub(crate) fn new() -> Self {
        Self {
            started: Instant::now(),
        }
    }

    /// The instant at which `monotonic_us` is reached.
    pub(crate) fn instant(&self, monotonic_us: u64) -> Instant {
        self.started + std::time::Duration::from_micros(monotonic_us)
    }
}

impl Clock for SystemClock {
    fn now(&self) -> Now {
        let unix = SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .unwrap_or_default();
        Now {
            monotonic_us: micros(self.started.elapsed()),
            unix_us: micros(unix),
        }
    }
}

/// 584,000 years fit.
fn micros(duration: std::time::Duration) -> u64 {
    u64::try_from(duration.as_micros()).unwrap_or(u64::MAX)
}

/// The random generator of the operating system.
#[derive(Debug)]
pub(crate) struct OsEntropy;

impl Entropy for OsEntropy {
    fn fill(&self, bytes: &mut [u8]) -> Result<(), Refusal> {
        getrandom::fill(bytes).map_err(|error| Refusal::Internal(error.to_string()))
    }
}

//! A clock and a generator that do only what the test says.

use std::sync::atomic::{AtomicU64, Ordering};

use partykit_core::{Clock, Entropy, Now, Refusal};

/// The wall clock begins here, so that no test mistakes it for the monotonic one.
const UNIX_US: u64 = 1_800_000_000_000_000;

/// Stands still until it is moved.
#[derive(Debug, Default)]
pub struct ManualClock {
    monotonic_us: AtomicU64,
}

impl ManualClock {
    /// Moves the clock on.
    pub fn advance_ms(&self, ms: u64) {
        self.monotonic_us.fetch_add(ms * 1000, Ordering::Relaxed);
    }

    /// Moves the clock to a moment, never back.
    pub fn advance_to_us(&self, monotonic_us: u64) {
        self.monotonic_us.fetch_max(monotonic_us, Ordering::Relaxed);
    }
}

impl Clock for ManualClock {
    fn now(&self) -> Now {
        let monotonic_us = self.monotonic_us.load(Ordering::Relaxed);
        Now {
            monotonic_us,
            unix_us: UNIX_US + monotonic_us,
        }
    }
}

/// The same bytes for the same seed (SplitMix64).
#[derive(Debug, Default)]
pub struct SeededEntropy {
    state: AtomicU64,
}

impl SeededEntropy {
    /// A generator of its own for each seed.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        Self {
            state: AtomicU64::new(seed),
        }
    }

    /// The next number.
    pub fn next(&self) -> u64 {
        const GOLDEN: u64 = 0x9E37_79B9_7F4A_7C15;
        let mut mixed = self
            .state
            .fetch_add(GOLDEN, Ordering::Relaxed)
            .wrapping_add(GOLDEN);
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ (mixed >> 31)
    }

    /// A number below `end`, which is not 0.
    pub fn below(&self, end: u64) -> u64 {
        self.next() % end
    }
}

impl Entropy for SeededEntropy {
    fn fill(&self, bytes: &mut [u8]) -> Result<(), Refusal> {
        for chunk in bytes.chunks_mut(8) {
            let number = self.next().to_le_bytes();
            chunk
                .iter_mut()
                .zip(number)
                .for_each(|(byte, random)| *byte = random);
        }
        Ok(())
    }
}

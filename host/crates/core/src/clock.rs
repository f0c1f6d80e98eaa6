//! Time and randomness as things that are handed in: the machine's, or a test's.

/// One moment, on both clocks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub struct Now {
    /// Microseconds since some fixed moment; never goes back. Timers use it.
    pub monotonic_us: u64,
    /// Microseconds since 1970; jumps when somebody sets the clock.
    pub unix_us: u64,
}

/// Where the time comes from: the machine, or a test.
pub trait Clock: Send + Sync {
    /// The present moment.
    fn now(&self) -> Now;
}

/// Where random bytes come from: the operating system, or a test.
pub trait Entropy: Send + Sync {
    /// Fills `bytes` with unpredictable ones.
    ///
    /// # Errors
    /// The operating system has none to give.
    fn fill(&self, bytes: &mut [u8]) -> Result<(), crate::Refusal>;
}

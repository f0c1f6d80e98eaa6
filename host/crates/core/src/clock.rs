//! Time as a value: whoever steps a room says what time it is.

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

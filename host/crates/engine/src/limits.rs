//! Counts what a guest uses, and says when it is too much: bytes of wasm memory, CPU time.
//!
//! Decides only "too much or not". What follows is done by `instance` (the turn ends) and `error`
//! (which error that is).

use std::time::Duration;

use partykit_core::GuestError;
use wasmtime::ResourceLimiter;

use crate::ticker::TICK;

/// Elements of all tables of a guest. The JavaScript engine's functions are a few thousand; the
/// limit is there because tables are host memory.
const TABLE_ELEMENTS_MAX: usize = 100_000;

/// Instances, tables and memories of one guest: what a component is made of and then some.
const PARTS_MAX: usize = 64;

/// The memory of one guest. Growth above the limit is refused, which the guest sees as an
/// allocation that failed.
pub(crate) struct MemoryLimit {
    bytes_max: u64,
    bytes: u64,
    last_growth: u64,
    table_elements: usize,
    refused: bool,
    /// What the system said when it had no memory to give.
    failed: Option<String>,
}

impl MemoryLimit {
    pub(crate) fn new(bytes_max: u64) -> Self {
        Self {
            bytes_max,
            bytes: 0,
            last_growth: 0,
            table_elements: 0,
            refused: false,
            failed: None,
        }
    }

    /// Forgets refusals of earlier turns: the guest got over them.
    pub(crate) fn begin(&mut self) {
        self.refused = false;
        self.failed = None;
    }

    /// The guest's one memory was made, with an image of so many bytes in it.
    pub(crate) fn begins_with(&mut self, bytes: u64) {
        self.bytes = bytes;
    }

    /// All wasm memories of the guest together.
    pub(crate) fn bytes(&self) -> u64 {
        self.bytes
    }

    /// The error for a turn that failed, when memory was refused in it.
    pub(crate) fn exceeded(&self) -> Option<GuestError> {
        if let Some(failed) = &self.failed {
            return Some(GuestError::Host {
                message: format!("the system has no memory for a room: {failed}"),
            });
        }
        self.refused.then_some(GuestError::MemoryLimit {
            max_bytes: self.bytes_max,
        })
    }
}

impl ResourceLimiter for MemoryLimit {
    fn memory_growing(
        &mut self,
        current: usize,
        desired: usize,
        _maximum: Option<usize>,
    ) -> wasmtime::Result<bool> {
        let growth = desired.saturating_sub(current) as u64;
        let wanted = self.bytes.saturating_add(growth);
        if wanted > self.bytes_max {
            self.refused = true;
            return Ok(false);
        }
        self.bytes = wanted;
        self.last_growth = growth;
        Ok(true)
    }

    fn memory_grow_failed(&mut self, error: wasmtime::Error) -> wasmtime::Result<()> {
        self.bytes = self.bytes.saturating_sub(self.last_growth);
        self.last_growth = 0;
        self.failed = Some(error.to_string());
        Ok(())
    }

    fn table_growing(
        &mut self,
        current: usize,
        desired: usize,
        _maximum: Option<usize>,
    ) -> wasmtime::Result<bool> {
        let wanted = self
            .table_elements
            .saturating_add(desired.saturating_sub(current));
        if wanted > TABLE_ELEMENTS_MAX {
            return Ok(false);
        }
        self.table_elements = wanted;
        Ok(true)
    }

    fn instances(&self) -> usize {
        PARTS_MAX
    }

    fn tables(&self) -> usize {
        PARTS_MAX
    }

    fn memories(&self) -> usize {
        PARTS_MAX
    }
}

/// The CPU time of one call into a guest.
///
/// A call that ends before the first tick is never measured: reading the clock would cost as much
/// as a small turn. So what is counted begins at the first tick, and a call may use up to one
/// tick more than its limit, plus what passes until the next tick.
#[derive(Default)]
pub(crate) struct CpuLimit {
    max: Duration,
    begin: Option<Duration>,
    ticks: u32,
}

impl CpuLimit {
    /// A call begins that may use so much.
    pub(crate) fn begin(&mut self, max_ms: u64) {
        *self = Self {
            max: Duration::from_millis(max_ms),
            begin: None,
            ticks: 0,
        };
    }

    /// A tick came while the call is running; `now` is the thread's CPU time. Without such a clock
    /// each tick counts as if the thread had computed all the time.
    pub(crate) fn tick(&mut self, now: Option<Duration>) -> Result<(), GuestError> {
        let used = match (now, self.begin) {
            (Some(now), Some(begin)) => now.saturating_sub(begin),
            (Some(now), None) => {
                self.begin = Some(now);
                Duration::ZERO
            }
            (None, _) => TICK.saturating_mul(self.ticks),
        };
        self.ticks = self.ticks.saturating_add(1);
        if used < self.max {
            return Ok(());
        }
        Err(GuestError::CpuLimit {
            used_ms: milliseconds(used),
            max_ms: milliseconds(self.max),
        })
    }
}

fn milliseconds(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    const MIB: usize = 1 << 20;

    #[test]
    fn memory_is_refused_above_the_limit_and_only_then() {
        let mut limit = MemoryLimit::new(10 * MIB as u64);
        assert!(limit.memory_growing(0, 4 * MIB, None).unwrap());
        assert!(limit.memory_growing(4 * MIB, 10 * MIB, None).unwrap());
        assert_eq!(limit.exceeded(), None);
        assert!(
            !limit
                .memory_growing(10 * MIB, 10 * MIB + 65_536, None)
                .unwrap()
        );
        assert_eq!(limit.bytes(), 10 * MIB as u64);
        assert_eq!(
            limit.exceeded(),
            Some(GuestError::MemoryLimit {
                max_bytes: 10 * MIB as u64
            })
        );
    }

    #[test]
    fn several_memories_share_one_limit() {
        let mut limit = MemoryLimit::new(10 * MIB as u64);
        assert!(limit.memory_growing(0, 6 * MIB, None).unwrap());
        assert!(!limit.memory_growing(0, 6 * MIB, None).unwrap());
        assert!(limit.memory_growing(0, 4 * MIB, None).unwrap());
    }

    #[test]
    fn growth_that_the_system_refused_is_not_counted() {
        let mut limit = MemoryLimit::new(10 * MIB as u64);
        assert!(limit.memory_growing(0, 6 * MIB, None).unwrap());
        limit
            .memory_grow_failed(wasmtime::Error::msg("no address space"))
            .unwrap();
        assert_eq!(limit.bytes(), 0);
        let error = limit.exceeded();
        let Some(GuestError::Host { message }) = &error else {
            panic!("{error:?}");
        };
        assert!(message.contains("no address space"), "{message}");
        limit.begin();
        assert_eq!(limit.exceeded(), None);
    }

    #[test]
    fn a_refusal_of_an_earlier_turn_does_not_explain_a_later_failure() {
        let mut limit = MemoryLimit::new(0);
        assert!(!limit.memory_growing(0, 1, None).unwrap());
        limit.begin();
        assert_eq!(limit.exceeded(), None);
    }

    #[test]
    fn cpu_time_counts_from_the_first_tick_and_not_while_others_run() {
        let ms = Duration::from_millis;
        let mut limit = CpuLimit::default();
        limit.begin(20);
        assert_eq!(limit.tick(Some(ms(1000))), Ok(()));
        // Wall time passed, the thread did not run: the clock stands still.
        assert_eq!(limit.tick(Some(ms(1000))), Ok(()));
        assert_eq!(limit.tick(Some(ms(1019))), Ok(()));
        assert_eq!(
            limit.tick(Some(ms(1021))),
            Err(GuestError::CpuLimit {
                used_ms: 21,
                max_ms: 20
            })
        );
        limit.begin(20);
        assert_eq!(limit.tick(Some(ms(1021))), Ok(()));
    }

    #[test]
    fn ticks_stand_in_for_a_clock_that_is_missing() {
        let mut limit = CpuLimit::default();
        limit.begin(10);
        assert_eq!(limit.tick(None), Ok(()));
        assert_eq!(limit.tick(None), Ok(()));
        assert!(limit.tick(None).is_err());
    }
}

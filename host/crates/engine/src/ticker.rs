//! The thread that makes running guests look up every few milliseconds: it increments wasmtime's
//! epoch, and a guest that sees a new epoch runs the callback that `instance` gave it.
//!
//! It ticks only while there are turns: after a tenth of a second without any it sleeps until the
//! next one begins. It knows nothing of limits. [`Ticker::turn`] is called once a turn and costs
//! two uncontended atomic additions.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::thread::{self, JoinHandle};
use std::time::Duration;

/// How often a running guest looks up. Short enough that neighbours on the same thread do not
/// notice a long turn, long enough that the look costs nothing.
pub(crate) const TICK: Duration = Duration::from_millis(5);

/// Ticks without a turn before the thread goes to sleep: waking it costs a system call, so it must
/// not happen for each turn of a host that is merely calm.
const IDLE_TICKS: u32 = 20;

/// Turns are counted in several places, so that threads do not fight for one cache line.
const LANES: usize = 16;

/// How many turns began and ended. Both only grow: equal counts mean that none is running.
#[derive(Default)]
#[repr(align(128))]
struct Count {
    begun: AtomicU64,
    ended: AtomicU64,
}

#[derive(Default)]
struct Shared {
    counts: [Count; LANES],
    next_lane: AtomicUsize,
    asleep: AtomicBool,
    stop: AtomicBool,
}

/// Where one guest's turns are counted.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Lane(usize);

/// Owns the thread; dropping it stops and joins the thread.
pub(crate) struct Ticker {
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
}

/// A turn is running for as long as this lives.
pub(crate) struct RunningTurn<'a>(&'a Count);

impl Ticker {
    /// Starts the thread, which calls `tick` every [`TICK`] while turns run.
    pub(crate) fn start(tick: impl Fn() + Send + 'static) -> io::Result<Self> {
        let shared = Arc::new(Shared::default());
        let thread = thread::Builder::new()
            .name("guest-ticker".to_owned())
            .spawn({
                let shared = shared.clone();
                move || shared.run(&tick)
            })?;
        Ok(Self {
            shared,
            thread: Some(thread),
        })
    }

    /// A lane for a new guest.
    pub(crate) fn lane(&self) -> Lane {
        Lane(self.shared.next_lane.fetch_add(1, Ordering::Relaxed) % LANES)
    }

    /// Counts a turn until the result is dropped, and sees to it that ticks come meanwhile.
    #[inline]
    pub(crate) fn turn(&self, lane: Lane) -> RunningTurn<'_> {
        let count = self.shared.count(lane);
        // The order of this addition and this load against the store and the loads in `sleep` is
        // what makes it impossible that the thread sleeps through a turn: hence SeqCst.
        count.begun.fetch_add(1, Ordering::SeqCst);
        if self.shared.asleep.load(Ordering::SeqCst) {
            self.wake();
        }
        RunningTurn(count)
    }

    #[cold]
    fn wake(&self) {
        if let Some(thread) = &self.thread {
            thread.thread().unpark();
        }
    }
}

impl Drop for Ticker {
    fn drop(&mut self) {
        self.shared.stop.store(true, Ordering::SeqCst);
        self.wake();
        if let Some(thread) = self.thread.take() {
            // The thread only counts; should it have panicked there is nothing to be done here.
            drop(thread.join());
        }
    }
}

impl Drop for RunningTurn<'_> {
    fn drop(&mut self) {
        self.0.ended.fetch_add(1, Ordering::SeqCst);
    }
}

impl Shared {
    fn count(&self, lane: Lane) -> &Count {
        let [first, ..] = &self.counts;
        self.counts.get(lane.0).unwrap_or(first)
    }

    fn stopped(&self) -> bool {
        self.stop.load(Ordering::SeqCst)
    }

    /// How many turns have begun so far, and whether one is running.
    fn turns(&self) -> (u64, bool) {
        let mut total = 0_u64;
        let mut running = false;
        for count in &self.counts {
            // `ended` first: read the other way round, a turn that ran between the two reads
            // would look like one that ended without having begun.
            let ended = count.ended.load(Ordering::SeqCst);
            let begun = count.begun.load(Ordering::SeqCst);
            running |= begun != ended;
            total = total.wrapping_add(begun);
        }
        (total, running)
    }

    fn run(&self, tick: &dyn Fn()) {
        let mut seen = 0;
        let mut idle = 0;
        while !self.stopped() {
            thread::park_timeout(TICK);
            tick();
            let (begun, running) = self.turns();
            if running || begun != seen {
                seen = begun;
                idle = 0;
                continue;
            }
            idle += 1;
            if idle >= IDLE_TICKS {
                self.sleep(seen);
                idle = 0;
            }
        }
    }

    /// Returns when a turn has begun since `seen` were counted, or at the end.
    fn sleep(&self, seen: u64) {
        self.asleep.store(true, Ordering::SeqCst);
        while !self.stopped() && self.turns().0 == seen {
            thread::park();
        }
        self.asleep.store(false, Ordering::SeqCst);
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;
    use std::time::Duration;

    use super::*;

    const SOON: Duration = Duration::from_secs(20);

    fn ticking() -> (Ticker, mpsc::Receiver<()>) {
        let (send, receive) = mpsc::channel();
        // The test may stop listening before the thread stops.
        let ticker = Ticker::start(move || _ = send.send(())).unwrap();
        (ticker, receive)
    }

    fn wait_until_asleep(ticker: &Ticker) {
        while !ticker.shared.asleep.load(Ordering::SeqCst) {
            thread::yield_now();
        }
    }

    #[test]
    fn ticks_come_while_a_turn_runs_however_long_it_takes() {
        let (ticker, ticks) = ticking();
        let turn = ticker.turn(ticker.lane());
        for _ in 0..3 * IDLE_TICKS {
            ticks.recv_timeout(SOON).unwrap();
        }
        drop(turn);
    }

    #[test]
    fn the_thread_sleeps_without_turns_and_wakes_for_the_next() {
        let (ticker, ticks) = ticking();
        for _ in 0..3 {
            wait_until_asleep(&ticker);
            while ticks.try_recv().is_ok() {}
            assert!(ticks.recv_timeout(4 * TICK).is_err(), "ticked while asleep");
            let turn = ticker.turn(ticker.lane());
            ticks.recv_timeout(SOON).unwrap();
            drop(turn);
        }
    }

    #[test]
    fn dropping_the_ticker_ends_its_thread_awake_or_asleep() {
        let (ticker, ticks) = ticking();
        drop(ticker);
        while ticks.try_recv().is_ok() {}
        assert_eq!(
            ticks.recv_timeout(SOON),
            Err(mpsc::RecvTimeoutError::Disconnected)
        );

        let (ticker, ticks) = ticking();
        wait_until_asleep(&ticker);
        drop(ticker);
        while ticks.try_recv().is_ok() {}
        assert_eq!(
            ticks.recv_timeout(SOON),
            Err(mpsc::RecvTimeoutError::Disconnected)
        );
    }
}

//! The shape of a measurement: load threads get ready, all begin at the same moment, and after the
//! warm-up the machine is watched for as long as is measured.

use std::sync::Barrier;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::Duration;

use crate::args::Settings;
use crate::clock::{now_ns, ns};
use crate::machine::{Env, Sampler};

/// Time for every thread to leave the barrier.
const LEAD_NS: u64 = 1_000_000;

/// When things begin, count and end, in nanoseconds of the program's clock.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Window {
    pub(crate) begin: u64,
    /// Warm from here on.
    from: u64,
    pub(crate) end: u64,
    drain: Duration,
}

impl Window {
    fn new(begin: u64, settings: &Settings) -> Self {
        let from = begin + ns(settings.warmup);
        let drain = Duration::from_secs_f64(settings.drain);
        Self {
            begin,
            from,
            end: from + ns(settings.secs),
            drain,
        }
    }

    /// Whether what happens at `now` is measured.
    pub(crate) fn counts(&self, now: u64) -> bool {
        now >= self.from && now < self.end
    }

    /// Whether the warm-up is over.
    pub(crate) fn is_warm(&self, now: u64) -> bool {
        now >= self.from
    }

    /// How long to wait from now on for what may still come after the end.
    pub(crate) fn patience(&self) -> Duration {
        Duration::from_nanos(self.end.saturating_sub(now_ns())) + self.drain
    }
}

/// Where the load threads meet.
pub(crate) struct Start<'a> {
    barrier: Barrier,
    begin: AtomicU64,
    settings: &'a Settings,
}

impl Start<'_> {
    /// Called once by each thread when it is ready; returns when all are. Blocks the thread.
    pub(crate) fn wait(&self) -> Window {
        self.barrier.wait();
        self.barrier.wait();
        Window::new(self.begin.load(Ordering::SeqCst), self.settings)
    }

    fn measure(&self) -> Env {
        self.barrier.wait();
        self.begin.store(now_ns() + LEAD_NS, Ordering::SeqCst);
        self.barrier.wait();
        thread::sleep(Duration::from_nanos(ns(self.settings.warmup) + LEAD_NS));
        let sampler = Sampler::start(self.settings.server_pid);
        thread::sleep(Duration::from_nanos(ns(self.settings.secs)));
        sampler.stop()
    }
}

/// Runs `lane` on so many threads, with the number of each, and watches the machine.
pub(crate) fn on_threads<R: Send>(
    settings: &Settings,
    threads: usize,
    lane: impl Fn(usize, &Start<'_>) -> R + Sync,
) -> (Vec<R>, Env) {
    let barrier = Barrier::new(threads + 1);
    let start = Start {
        barrier,
        begin: AtomicU64::new(0),
        settings,
    };
    thread::scope(|scope| {
        let (start, lane) = (&start, &lane);
        let lanes: Vec<_> = (0..threads)
            .map(|index| scope.spawn(move || lane(index, start)))
            .collect();
        let env = start.measure();
        let join = |lane: thread::ScopedJoinHandle<'_, R>| {
            lane.join()
                .unwrap_or_else(|panic| std::panic::resume_unwind(panic))
        };
        (lanes.into_iter().map(join).collect(), env)
    })
}

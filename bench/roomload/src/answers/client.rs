//! One connection under load: sends, takes answers in order, complains.

use std::cell::RefCell;
use std::collections::VecDeque;

use crate::clock::{now_ns, sleep_until_ns};
use crate::load::Window;
use crate::stats::{Complaints, Latencies};
use crate::target::Target;
use crate::work::Work;
use crate::ws::{self, Connection};

/// Times that the connections of a thread record together.
pub(super) struct Recorded {
    pub(super) answers: RefCell<Latencies>,
    /// How much later than planned messages were sent.
    pub(super) lags: RefCell<Latencies>,
}

impl Recorded {
    pub(super) fn new() -> Self {
        Self {
            answers: Latencies::new().into(),
            lags: Latencies::new().into(),
        }
    }
}

/// When messages are sent.
#[derive(Clone, Copy)]
pub(super) enum Pace {
    /// So many are in flight at any time.
    Closed(usize),
    /// From a moment on one every so many nanoseconds, whether or not answers come.
    Open(u64, f64),
}

/// A connection whose room is warm.
pub(super) struct Client {
    connection: Connection,
    work: Box<dyn Work>,
    in_flight: VecDeque<u64>,
    message: Vec<u8>,
    pub(super) sent: u64,
    pub(super) received: u64,
    pub(super) measured: u64,
    pub(super) complaints: Complaints,
    /// Why it ended early.
    pub(super) broken: Option<String>,
}

impl Client {
    /// Connects and asks once, so that cold starts are not part of the measurement.
    pub(super) async fn open(
        target: &Target,
        room: &str,
        mut work: Box<dyn Work>,
    ) -> ws::Result<Self> {
        let mut connection = Connection::open(target, room).await?;
        let mut message = Vec::new();
        work.make(0, &mut message);
        let got = connection.ask(&message).await?;
        let mut complaints = Complaints::default();
        if let Some(wrong) = work.check(0, &got) {
            complaints.add(wrong);
        }
        Ok(Self {
            connection,
            work,
            in_flight: VecDeque::new(),
            message,
            sent: 1,
            received: 1,
            measured: 0,
            complaints,
            broken: None,
        })
    }

    /// Sends until the window ends and returns when all is answered.
    pub(super) async fn load(
        &mut self,
        pace: Pace,
        window: &Window,
        recorded: &Recorded,
    ) -> ws::Result<()> {
        match pace {
            Pace::Closed(depth) => self.closed_loop(depth, window, recorded).await,
            Pace::Open(first, every) => self.open_loop(first, every, window, recorded).await,
        }
    }

    /// What the work kept for the judge.
    pub(super) fn values(&mut self) -> Vec<u64> {
        self.work.values()
    }

    pub(super) async fn close(self) {
        self.connection.close().await;
    }

    #[inline]
    fn push(&mut self, now: u64) {
        self.work.make(self.sent, &mut self.message);
        self.connection.push(&self.message);
        self.in_flight.push_back(now);
        self.sent += 1;
    }

    #[inline]
    fn take(&mut self, window: &Window, recorded: &Recorded) -> ws::Result<()> {
        let mut now = 0;
        while let Some(message) = self.connection.next()? {
            if now == 0 {
                now = now_ns();
            }
            let Some(at) = self.in_flight.pop_front() else {
                self.complaints.add("answer to nothing (duplicate?)");
                continue;
            };
            if let Some(wrong) = self
                .work
                .check(self.received, self.connection.data(&message))
            {
                self.complaints.add(wrong);
            }
            self.received += 1;
            if window.counts(now) {
                self.measured += 1;
                recorded.answers.borrow_mut().record(now - at);
            }
        }
        Ok(())
    }

    async fn closed_loop(
        &mut self,
        depth: usize,
        window: &Window,
        recorded: &Recorded,
    ) -> ws::Result<()> {
        loop {
            let now = now_ns();
            if now < window.end {
                while self.in_flight.len() < depth {
                    self.push(now);
                }
            } else if self.in_flight.is_empty() {
                return Ok(());
            }
            self.connection.pump().await?;
            self.take(window, recorded)?;
        }
    }

    async fn open_loop(
        &mut self,
        first: u64,
        every: f64,
        window: &Window,
        recorded: &Recorded,
    ) -> ws::Result<()> {
        let mut count = 0u64;
        let mut next = first;
        loop {
            let now = now_ns();
            while next <= now && next < window.end {
                self.push(now);
                if window.is_warm(now) {
                    recorded.lags.borrow_mut().record(now - next);
                }
                count += 1;
                next = first + (count as f64 * every) as u64;
            }
            let more = next < window.end;
            if !more && self.in_flight.is_empty() {
                return Ok(());
            }
            tokio::select! {
                biased;
                read = self.connection.pump() => read?,
                () = sleep_until_ns(next), if more => {}
            }
            self.take(window, recorded)?;
        }
    }
}

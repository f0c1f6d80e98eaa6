//! One member of a room: every message once, in order, undamaged, up to the last one.

use std::cell::{Cell, RefCell};
use std::collections::HashSet;
use std::time::Duration;

use tokio::sync::Notify;

use super::message::{Format, Kind, Said};
use crate::clock::{now_ns, sleep_until_ns};
use crate::load::Window;
use crate::stats::{Complaints, Latencies};
use crate::ws::{self, Connection};

/// A duplicate would come at once; waiting longer only makes runs longer.
const SILENCE: Duration = Duration::from_millis(200);

/// What the members of a room share.
pub(super) struct Room {
    pub(super) format: Format,
    pub(super) members: u64,
    /// Messages of the sender, without the last.
    pub(super) sent: Cell<u64>,
    /// Deliveries of them, to all members together.
    delivered: Cell<u64>,
    wake: Notify,
}

/// How the sender goes on.
#[derive(Clone, Copy)]
pub(super) enum Pace {
    /// So many broadcasts are under way.
    Window(u64),
    /// From a moment on one every so many nanoseconds.
    Rate(u64, f64),
}

pub(super) struct Member {
    pub(super) connection: Connection,
    /// The number that comes next when all is well.
    pub(super) expected: u64,
    pub(super) missing: HashSet<u64>,
    reordered: u64,
    /// The number that the last message carried.
    last: Option<u64>,
    pub(super) measured: u64,
    pub(super) complaints: Complaints,
}

impl Room {
    pub(super) fn new(format: Format, members: u64) -> Self {
        let (sent, delivered) = (Cell::new(0), Cell::new(0));
        Self {
            format,
            members,
            sent,
            delivered,
            wake: Notify::new(),
        }
    }

    /// How many broadcasts have not reached everybody.
    fn under_way(&self) -> u64 {
        self.sent.get() - self.delivered.get() / self.members
    }
}

impl Member {
    pub(super) fn new(connection: Connection) -> Self {
        Self {
            connection,
            expected: 0,
            missing: HashSet::new(),
            reordered: 0,
            last: None,
            measured: 0,
            complaints: Complaints::default(),
        }
    }

    fn take(
        &mut self,
        room: &Room,
        window: &Window,
        latencies: &RefCell<Latencies>,
    ) -> ws::Result<()> {
        let mut now = 0;
        let mut got = 0;
        while let Some(message) = self.connection.next()? {
            if now == 0 {
                now = now_ns();
            }
            let said = room.format.read(self.connection.data(&message));
            if let Some(said) = self.judge(said) {
                got += 1;
                if window.counts(now) {
                    self.measured += 1;
                    latencies.borrow_mut().record(now.saturating_sub(said.at));
                }
            }
        }
        if got > 0 {
            room.delivered.set(room.delivered.get() + got);
            room.wake.notify_one();
        }
        Ok(())
    }

    /// The message, when it is a delivery that counts.
    fn judge(&mut self, said: Option<Said>) -> Option<Said> {
        let Some(said) = said else {
            self.complaints.add("message damaged or from another room");
            return None;
        };
        if self.last.is_some() {
            self.complaints
                .add("message after the last one (duplicate or reordered)");
            return None;
        }
        match said.kind {
            Kind::Hello => {
                self.complaints.add("a hello after the beginning");
                None
            }
            Kind::Last => {
                self.last = Some(said.seq);
                None
            }
            Kind::Measured => self.in_turn(said.seq).then_some(said),
        }
    }

    fn in_turn(&mut self, seq: u64) -> bool {
        if seq >= self.expected {
            self.missing.extend(self.expected..seq);
            self.expected = seq + 1;
        } else if self.missing.remove(&seq) {
            self.reordered += 1;
        } else {
            self.complaints.add("duplicate delivery");
            return false;
        }
        true
    }

    /// Until the last message.
    pub(super) async fn receive(
        &mut self,
        room: &Room,
        window: &Window,
        latencies: &RefCell<Latencies>,
    ) -> ws::Result<()> {
        while self.last.is_none() {
            self.connection.pump().await?;
            self.take(room, window, latencies)?;
        }
        Ok(())
    }

    /// Until the last message, which this member says itself, has come back.
    pub(super) async fn send(
        &mut self,
        room: &Room,
        pace: Pace,
        window: &Window,
        latencies: &RefCell<Latencies>,
    ) -> ws::Result<()> {
        let mut buffer = Vec::new();
        let mut done = false;
        while self.last.is_none() {
            let now = now_ns();
            if now >= window.end && !done {
                self.say(room, Kind::Last, now, &mut buffer);
                done = true;
            }
            let mut until = window.end;
            let mut waits_for_deliveries = false;
            if !done {
                match pace {
                    Pace::Window(most) => {
                        waits_for_deliveries = true;
                        while room.under_way() < most {
                            self.say(room, Kind::Measured, now, &mut buffer);
                        }
                    }
                    Pace::Rate(first, every) => {
                        let due = || first + (room.sent.get() as f64 * every) as u64;
                        while due() <= now {
                            self.say(room, Kind::Measured, now, &mut buffer);
                        }
                        until = due().min(window.end);
                    }
                }
            }
            tokio::select! {
                biased;
                read = self.connection.pump() => read?,
                () = room.wake.notified(), if waits_for_deliveries => {}
                () = sleep_until_ns(until), if !done => {}
            }
            self.take(room, window, latencies)?;
        }
        Ok(())
    }

    fn say(&mut self, room: &Room, kind: Kind, at: u64, buffer: &mut Vec<u8>) {
        let seq = room.sent.get();
        room.format.write(Said { kind, seq, at }, buffer);
        self.connection.push(buffer);
        if kind == Kind::Measured {
            room.sent.set(seq + 1);
        }
    }

    /// After the last message: a late duplicate would show up now, and everything must be there.
    pub(super) async fn settle(
        &mut self,
        room: &Room,
        window: &Window,
        latencies: &RefCell<Latencies>,
    ) {
        let listening = async {
            while self.connection.pump().await.is_ok() {
                if self.take(room, window, latencies).is_err() {
                    return;
                }
            }
        };
        // That it is still silent is what is hoped for.
        let _ = tokio::time::timeout(SILENCE, listening).await;
        let total = room.sent.get();
        if self.last.is_some_and(|last| last != total) {
            self.complaints.add("the last message is not the last sent");
        }
        let lost = self.missing.len() as u64 + total.saturating_sub(self.expected);
        self.complaints.add_n("lost delivery", lost);
        self.complaints.add_n("reordered delivery", self.reordered);
    }
}

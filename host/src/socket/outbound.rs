//! What waits to be written to one connection: a queue bounded in bytes. The room puts frames in
//! and never waits; the write loop takes them out. A reader too slow for its queue is closed.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, Ordering};

use parking_lot::Mutex;
use partykit_core::close_code;
use tokio::sync::Notify;

use super::frame::Frame;

/// What a frame that waits takes besides its own bytes: its place in the queue, and what describes
/// and surrounds the bytes in memory. Without it, frames of two bytes would be counted for a
/// fiftieth of what they take.
const FRAME_OVERHEAD_BYTES: usize = 128;

fn weight(frame: &Frame) -> usize {
    frame.len() + FRAME_OVERHEAD_BYTES
}

#[derive(Debug, Default)]
struct Queue {
    frames: VecDeque<Frame>,
    bytes: usize,
    /// A Close frame is queued or written: nothing may follow it but a pong.
    closing: bool,
    /// Frames that have left the queue, and the number of the last pong that was put in: together
    /// they say where it waits, if it does.
    taken: u64,
    pong: Option<u64>,
    /// The answer to a ping that came after our Close frame and before the peer's.
    late_pong: Option<Frame>,
}

/// The way out of one connection.
#[derive(Debug)]
pub(crate) struct Outbound {
    queue: Mutex<Queue>,
    bytes_max: usize,
    filled: Notify,
    /// Something was read since the last look.
    heard: AtomicBool,
    /// Reading is held back by this side.
    is_held: AtomicBool,
}

impl Outbound {
    pub(crate) fn new(bytes_max: u64) -> Self {
        Self {
            queue: Mutex::default(),
            bytes_max: usize::try_from(bytes_max).unwrap_or(usize::MAX),
            filled: Notify::new(),
            heard: AtomicBool::new(true),
            is_held: AtomicBool::new(false),
        }
    }

    /// Queues a frame. Ignored after a Close frame; too much closes the connection with 1013,
    /// and what waited is given up, since the peer would never get to the end of it.
    pub(crate) fn push(&self, frame: &Frame) {
        let mut queue = self.queue.lock();
        if queue.closing {
            return;
        }
        if queue.bytes + weight(frame) > self.bytes_max {
            queue.clear();
            let reason = format!(
                "too slow: more than {} bytes wait to be read (connection_buffer_bytes_max)",
                self.bytes_max
            );
            queue.close(Frame::close(Some(close_code::TRY_LATER), &reason));
        } else {
            queue.add(frame.clone());
        }
        drop(queue);
        self.filled.notify_one();
    }

    /// Queues the answer to a ping. A pong that waits is replaced, which section 5.5.3 allows: a
    /// peer that sends pings and reads nothing gets no queue for it.
    pub(super) fn pong(&self, payload: &[u8]) {
        let frame = Frame::pong(payload);
        let mut queue = self.queue.lock();
        if queue.closing {
            queue.late_pong = Some(frame);
        } else if let Some(waiting) = queue.waiting_pong() {
            let before = weight(waiting);
            let after = weight(&frame);
            *waiting = frame;
            queue.bytes = queue.bytes - before + after;
        } else {
            queue.pong = Some(queue.taken + queue.frames.len() as u64);
            drop(queue);
            return self.push(&frame);
        }
        drop(queue);
        self.filled.notify_one();
    }

    /// The answer to a ping that has come since our Close frame.
    pub(super) fn take_late_pong(&self) -> Option<Frame> {
        self.queue.lock().late_pong.take()
    }

    /// Queues a Close frame behind what waits. Only the first one counts.
    pub(crate) fn close(&self, code: Option<u16>, reason: &str) {
        let mut queue = self.queue.lock();
        if !queue.closing {
            queue.close(Frame::close(code, reason));
            drop(queue);
            self.filled.notify_one();
        }
    }

    /// Drops what waits: its client shall not see it.
    pub(crate) fn forget_queued(&self) {
        let mut queue = self.queue.lock();
        if !queue.closing {
            queue.clear();
        }
    }

    /// Drops what waits, a Close frame too. Only before the handshake is answered, when nothing can
    /// have been written.
    pub(crate) fn begin_anew(&self) {
        let mut queue = self.queue.lock();
        queue.clear();
        queue.closing = false;
    }

    /// Takes what waits, at most about `bytes_max`; says whether a Close frame ends it.
    pub(super) fn take(&self, bytes_max: usize, into: &mut Vec<Frame>) -> bool {
        let mut queue = self.queue.lock();
        let mut taken = 0;
        while taken < bytes_max
            && let Some(frame) = queue.frames.pop_front()
        {
            taken += frame.len();
            queue.bytes -= weight(&frame);
            queue.taken += 1;
            into.push(frame);
        }
        queue.closing && queue.frames.is_empty()
    }

    /// Ready when something may have been queued.
    pub(super) async fn filled(&self) {
        self.filled.notified().await;
    }

    pub(super) fn heard(&self) {
        self.heard.store(true, Ordering::Relaxed);
    }

    /// While reading is held back, silence proves nothing.
    pub(crate) fn hold_heartbeat(&self, held: bool) {
        self.is_held.store(held, Ordering::Relaxed);
        self.heard();
    }

    /// Whether a Close frame is queued or written.
    pub(crate) fn is_closing(&self) -> bool {
        self.queue.lock().closing
    }

    /// Whether something was read since the last call, or could not be.
    pub(super) fn take_heard(&self) -> bool {
        self.heard.swap(false, Ordering::Relaxed) || self.is_held.load(Ordering::Relaxed)
    }
}

impl Queue {
    fn add(&mut self, frame: Frame) {
        self.bytes += weight(&frame);
        self.frames.push_back(frame);
    }

    fn clear(&mut self) {
        self.taken += self.frames.len() as u64;
        self.frames.clear();
        self.bytes = 0;
    }

    fn close(&mut self, frame: Frame) {
        self.add(frame);
        self.closing = true;
    }

    /// The pong that waits to be sent, if one does.
    fn waiting_pong(&mut self) -> Option<&mut Frame> {
        let place = self.pong?.checked_sub(self.taken)?;
        self.frames.get_mut(usize::try_from(place).ok()?)
    }
}

#[cfg(test)]
mod tests {
    use partykit_core::Message;

    use super::*;

    fn taken(outbound: &Outbound) -> (Vec<u8>, bool) {
        let mut frames = Vec::new();
        let closed = outbound.take(usize::MAX, &mut frames);
        let bytes = frames
            .iter()
            .flat_map(Frame::pieces)
            .flat_map(|piece| piece.to_vec());
        (bytes.collect(), closed)
    }

    #[test]
    fn nothing_follows_a_close_frame() {
        let outbound = Outbound::new(1000);
        let frame = Frame::message(&Message::Text("a".into()));
        outbound.push(&frame);
        outbound.close(Some(1000), "");
        outbound.push(&frame);
        outbound.close(Some(1011), "");
        assert_eq!(
            taken(&outbound),
            (vec![0x81, 1, b'a', 0x88, 2, 0x03, 0xE8], true)
        );
    }

    #[test]
    fn of_pongs_that_wait_only_the_newest_is_sent_in_the_place_of_the_oldest() {
        let outbound = Outbound::new(1000);
        let frame = Frame::message(&Message::Text("a".into()));
        for round in 0..3 {
            outbound.push(&frame);
            for ping in 0..1_000_000_u32 {
                outbound.pong(&ping.to_be_bytes()[..round]);
            }
            outbound.push(&frame);
            let (bytes, closed) = taken(&outbound);
            let newest = &999_999_u32.to_be_bytes()[..round];
            let head = [0x81, 1, b'a', 0x8A, round as u8];
            assert_eq!(bytes, [&head, newest, &[0x81, 1, b'a']].concat());
            assert!(!closed);
        }
        assert_eq!(outbound.queue.lock().bytes, 0);
    }

    #[test]
    fn frames_of_two_bytes_are_counted_for_what_they_take() {
        let outbound = Outbound::new(1_000_000);
        let frame = Frame::message(&Message::Text("".into()));
        for _ in 0..1_000_000 / FRAME_OVERHEAD_BYTES {
            outbound.push(&frame);
        }
        assert!(outbound.is_closing(), "too much waits");
    }

    #[test]
    fn a_ping_after_our_close_frame_is_still_answered() {
        let outbound = Outbound::new(1000);
        outbound.close(Some(1000), "");
        outbound.pong(b"first");
        outbound.pong(b"second");
        let late = outbound.take_late_pong().unwrap();
        let bytes: Vec<u8> = late.pieces().flat_map(|piece| piece.to_vec()).collect();
        assert_eq!(bytes, b"\x8a\x06second");
        assert!(outbound.take_late_pong().is_none());
    }

    #[test]
    fn a_reader_too_slow_is_closed_with_1013_and_its_queue_given_up() {
        let outbound = Outbound::new(300);
        let frame = Frame::message(&Message::Text("x".repeat(60).into()));
        outbound.push(&frame);
        outbound.push(&frame);
        let (bytes, closed) = taken(&outbound);
        assert!(closed);
        assert_eq!(bytes[0], 0x88);
        assert_eq!(bytes[2..4], 1013_u16.to_be_bytes());
        assert!(String::from_utf8_lossy(&bytes).contains("connection_buffer_bytes_max"));
    }
}

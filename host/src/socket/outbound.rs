//! What waits to be written to one connection: a queue bounded in bytes. The room puts frames in
//! and never waits; the write loop takes them out. A reader too slow for its queue is closed.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, Ordering};

use parking_lot::Mutex;
use partykit_core::close_code;
use tokio::sync::Notify;

use super::frame::Frame;

#[derive(Debug, Default)]
struct Queue {
    frames: VecDeque<Frame>,
    bytes: usize,
    /// A Close frame is queued or written: nothing may follow it.
    closing: bool,
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
        if queue.bytes + frame.len() > self.bytes_max {
            queue.frames.clear();
            queue.bytes = 0;
            let reason = format!(
                "too slow: more than {} bytes wait to be read (connection_buffer_bytes_max)",
                self.bytes_max
            );
            queue.close(Frame::close(Some(close_code::TRY_LATER), &reason));
        } else {
            queue.bytes += frame.len();
            queue.frames.push_back(frame.clone());
        }
        drop(queue);
        self.filled.notify_one();
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
            queue.frames.clear();
            queue.bytes = 0;
        }
    }

    /// Takes what waits, at most about `bytes_max`; says whether a Close frame ends it.
    pub(super) fn take(&self, bytes_max: usize, into: &mut Vec<Frame>) -> bool {
        let mut queue = self.queue.lock();
        let mut taken = 0;
        while taken < bytes_max
            && let Some(frame) = queue.frames.pop_front()
        {
            taken += frame.len();
            queue.bytes -= frame.len();
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
    pub(super) fn is_closing(&self) -> bool {
        self.queue.lock().closing
    }

    /// Whether something was read since the last call, or could not be.
    pub(super) fn take_heard(&self) -> bool {
        self.heard.swap(false, Ordering::Relaxed) || self.is_held.load(Ordering::Relaxed)
    }
}

impl Queue {
    fn close(&mut self, frame: Frame) {
        self.bytes += frame.len();
        self.frames.push_back(frame);
        self.closing = true;
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
    fn a_reader_too_slow_is_closed_with_1013_and_its_queue_given_up() {
        let outbound = Outbound::new(100);
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

//! Clients that send and take bodies piece by piece, at their own pace, and what the driver does
//! for them.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use partykit_rooms::{ExchangeId, Input};

use crate::simulation::Simulation;

/// A request whose body comes in pieces.
#[derive(Debug)]
pub(crate) struct Upload {
    /// The room answers with what it is sent.
    is_pumped: bool,
    /// Each piece is noted in storage before it comes back.
    is_saved: bool,
    left: u64,
    sent: Vec<u64>,
    returned: Vec<u64>,
    is_pulled: bool,
    /// The room has read its end.
    has_ended: bool,
    /// The rest is not wanted, or cannot be read.
    is_cut: bool,
}

#[derive(Debug, Default)]
pub(crate) struct Bodies {
    uploads: BTreeMap<ExchangeId, Upload>,
    /// Responses in pieces that have not ended.
    pub(crate) streams: BTreeSet<ExchangeId>,
    /// What clients have still to take: pieces of so many bytes, or the end.
    parts: BTreeMap<ExchangeId, VecDeque<Option<u64>>>,
    /// Those whose client went away: what was under way to them may still come.
    gone: BTreeSet<ExchangeId>,
    /// Uploads whose answer has ended before them: the driver has still to say so.
    answered: Vec<ExchangeId>,
}

impl Bodies {
    pub(crate) fn begin_upload(&mut self, exchange: ExchangeId, script: &str, pieces: u64) {
        let upload = Upload {
            is_pumped: script.contains("pump") && !script.contains("trap"),
            is_saved: script.contains("save"),
            left: pieces,
            sent: Vec::new(),
            returned: Vec::new(),
            is_pulled: false,
            has_ended: false,
            is_cut: false,
        };
        self.uploads.insert(exchange, upload);
    }

    pub(crate) fn is_gone(&self, exchange: ExchangeId) -> bool {
        self.gone.contains(&exchange)
    }

    pub(crate) fn write(&mut self, exchange: ExchangeId, piece: &str) {
        let part = Some(piece.len() as u64);
        self.parts.entry(exchange).or_default().push_back(part);
        let number = piece
            .strip_prefix("p ")
            .and_then(|number| number.parse().ok());
        if let (Some(upload), Some(number)) = (self.uploads.get_mut(&exchange), number) {
            upload.returned.push(number);
        }
    }

    /// Says whether what came back is what was sent so far.
    pub(crate) fn returns_what_was_sent(&self, exchange: ExchangeId) -> bool {
        let upload = self
            .uploads
            .get(&exchange)
            .filter(|upload| upload.is_pumped);
        upload.is_none_or(|upload| upload.sent.starts_with(&upload.returned))
    }

    /// Says whether all of it came back.
    pub(crate) fn finish(&mut self, exchange: ExchangeId) -> bool {
        self.parts.entry(exchange).or_default().push_back(None);
        let upload = self
            .uploads
            .get(&exchange)
            .filter(|upload| upload.is_pumped);
        let whole = upload.is_none_or(|upload| upload.has_ended && upload.sent == upload.returned);
        self.end_answer(exchange);
        whole
    }

    /// The answer is whole or broken off: what is left of the request is not read any more.
    pub(crate) fn end_answer(&mut self, exchange: ExchangeId) {
        if self.uploads.contains_key(&exchange) {
            self.answered.push(exchange);
        }
    }

    /// One that was never begun, or was answered otherwise, is no error.
    pub(crate) fn break_off(&mut self, exchange: ExchangeId) {
        if self.streams.remove(&exchange) {
            self.end_answer(exchange);
        }
    }

    /// Says whether the room may ask for a piece.
    pub(crate) fn pull(&mut self, exchange: ExchangeId) -> bool {
        let Some(upload) = self.uploads.get_mut(&exchange) else {
            return self.gone.contains(&exchange);
        };
        let may = !upload.has_ended && !upload.is_cut && !upload.is_pulled;
        upload.is_pulled = true;
        may
    }

    pub(crate) fn cancel(&mut self, exchange: ExchangeId) {
        if let Some(upload) = self.uploads.get_mut(&exchange) {
            (upload.is_cut, upload.is_pulled) = (true, false);
        }
    }

    /// Whether some client can go on.
    fn can_move(&self) -> bool {
        let asked = || self.uploads.values().any(|upload| upload.is_pulled);
        !self.parts.is_empty() || !self.answered.is_empty() || asked()
    }

    /// What is under way on either side.
    pub(crate) fn left(&self) -> String {
        let mut left: Vec<_> = self
            .streams
            .iter()
            .map(|e| format!("stream {}", e.0))
            .collect();
        let unread = self.uploads.iter().filter(|(_, upload)| upload.is_pulled);
        left.extend(unread.map(|(exchange, _)| format!("upload {}", exchange.0)));
        left.join(", ")
    }
}

impl Simulation {
    /// One client of a body does something.
    pub(crate) fn body_client(&mut self) {
        match self.random.below(16) {
            0 => self.somebody_goes(),
            1..8 => self.somebody_takes(),
            _ => self.somebody_sends(),
        }
    }

    /// Everybody who can go on does.
    pub(crate) fn all_bodies_move(&mut self) {
        while self.bodies.can_move() {
            self.somebody_takes();
            self.somebody_sends();
            self.observe();
        }
    }

    fn somebody_goes(&mut self) {
        let all: Vec<_> = self
            .exchanges
            .union(&self.bodies.streams)
            .copied()
            .collect();
        let index = self.random.below(all.len().max(1) as u64) as usize;
        if let Some(exchange) = all.get(index) {
            self.goes(*exchange);
        }
    }

    /// The client of an exchange goes away before it had its whole answer.
    pub(crate) fn goes(&mut self, exchange: ExchangeId) {
        self.note(format!("client of {} goes", exchange.0));
        self.exchanges.remove(&exchange);
        self.bodies.streams.remove(&exchange);
        self.bodies.parts.remove(&exchange);
        self.bodies.uploads.remove(&exchange);
        self.bodies.gone.insert(exchange);
        self.room.step(Input::Gone { exchange });
    }

    fn somebody_takes(&mut self) {
        let waiting: Vec<_> = self.bodies.parts.keys().copied().collect();
        let index = self.random.below(waiting.len().max(1) as u64) as usize;
        let Some(exchange) = waiting.get(index).copied() else {
            return;
        };
        let parts = self.bodies.parts.get_mut(&exchange);
        let part = parts.and_then(VecDeque::pop_front);
        if self
            .bodies
            .parts
            .get(&exchange)
            .is_some_and(VecDeque::is_empty)
        {
            self.bodies.parts.remove(&exchange);
        }
        match part {
            Some(Some(bytes)) => self.room.step(Input::BodyTaken { exchange, bytes }),
            Some(None) => self.room.step(Input::BodySent { exchange }),
            None => {}
        }
    }

    /// A piece that was asked for, its end, or the news that nothing more can be read.
    fn somebody_sends(&mut self) {
        if let Some(exchange) = self.bodies.answered.pop() {
            let failure = Some("answered".to_owned());
            let upload = self.bodies.uploads.remove(&exchange);
            if upload.is_some_and(|upload| !upload.has_ended && !upload.is_cut) {
                self.room.step(Input::BodyEnd { exchange, failure });
            }
            return;
        }
        let uploads = self.bodies.uploads.iter();
        let asked = uploads.filter(|(_, upload)| upload.is_pulled);
        let asked: Vec<_> = asked.map(|(exchange, _)| *exchange).collect();
        let index = self.random.below(asked.len().max(1) as u64) as usize;
        if let Some(exchange) = asked.get(index) {
            self.send_piece(*exchange);
        }
    }

    fn send_piece(&mut self, exchange: ExchangeId) {
        let number = self.next_number();
        let breaks = self.random.below(20) == 0;
        let Some(upload) = self.bodies.uploads.get_mut(&exchange) else {
            return;
        };
        upload.is_pulled = false;
        let input = if breaks || upload.left == 0 {
            let failure = breaks.then(|| "broken".to_owned());
            (upload.has_ended, upload.is_cut) = (!breaks, breaks);
            Input::BodyEnd { exchange, failure }
        } else {
            upload.left -= 1;
            upload.sent.push(number);
            if upload.is_saved {
                self.writers.insert(number);
            }
            let piece = format!("p {number}").into();
            Input::BodyPiece { exchange, piece }
        };
        self.note(format!("{input:?}"));
        self.room.step(input);
    }
}

//! Bodies that are read or written piece by piece: which exchange each belongs to, how much of it
//! waits, and who waits for it.
//!
//! Owns the counting that makes back-pressure. The bytes themselves pass through: pieces of a
//! request come when the guest asks for one, pieces of a response leave through the gate.

use std::collections::HashMap;

use bytes::Bytes;
use partykit_core::{BodyHandle, Limits, Refusal, Scope};

use crate::ExchangeId;

#[derive(Debug)]
struct Reading {
    exchange: ExchangeId,
    /// The scope of a pull that is not answered.
    pulled: Option<Scope>,
}

#[derive(Debug, Default)]
struct Writing {
    /// Known when a response with this body was given.
    exchange: Option<ExchangeId>,
    /// Written before that.
    early: Vec<Bytes>,
    /// Bytes that the client has not taken.
    waiting: u64,
    /// The scope of a write that was told "enough".
    paused: Option<Scope>,
    finished: bool,
}

/// What a response that was just given brings along.
#[derive(Debug)]
pub(crate) struct Early {
    pub(crate) pieces: Vec<Bytes>,
    pub(crate) finished: bool,
}

#[derive(Debug, Default)]
pub(crate) struct Bodies {
    reading: HashMap<BodyHandle, Reading>,
    writing: HashMap<BodyHandle, Writing>,
    /// The same by what the driver names them; a response's once it was given.
    read_by: HashMap<ExchangeId, BodyHandle>,
    written_by: HashMap<ExchangeId, BodyHandle>,
    /// How many pulls are not answered and how many writers are paused.
    awaited: usize,
    last: u64,
}

impl Bodies {
    fn next(&mut self) -> BodyHandle {
        self.last += 1;
        BodyHandle(self.last)
    }

    /// A request came with a body in pieces.
    pub(crate) fn read_from(&mut self, exchange: ExchangeId) -> BodyHandle {
        let body = self.next();
        let pulled = None;
        self.reading.insert(body, Reading { exchange, pulled });
        self.read_by.insert(exchange, body);
        body
    }

    pub(crate) fn pull(&mut self, body: BodyHandle, scope: Scope) -> Result<ExchangeId, Refusal> {
        let reading = self.reading.get_mut(&body).ok_or(Refusal::Gone)?;
        if reading.pulled.is_some() {
            return Err(Refusal::Invalid(
                "the last pull of this body is not answered".to_owned(),
            ));
        }
        reading.pulled = Some(scope);
        self.awaited += 1;
        Ok(reading.exchange)
    }

    /// An answer to a pull has come. The last one ends the body.
    pub(crate) fn pulled(
        &mut self,
        exchange: ExchangeId,
        is_last: bool,
    ) -> Option<(BodyHandle, Scope)> {
        let body = *self.read_by.get(&exchange)?;
        let scope = self.reading.get_mut(&body)?.pulled.take();
        self.awaited -= usize::from(scope.is_some());
        if is_last {
            self.cancel(body);
        }
        scope.map(|scope| (body, scope))
    }

    pub(crate) fn cancel(&mut self, body: BodyHandle) -> Option<ExchangeId> {
        let reading = self.reading.remove(&body)?;
        self.read_by.remove(&reading.exchange);
        self.awaited -= usize::from(reading.pulled.is_some());
        Some(reading.exchange)
    }

    pub(crate) fn open(&mut self, limits: &Limits) -> Result<BodyHandle, Refusal> {
        let open = self.writing.len() as u64;
        if open >= limits.bodies_max {
            let (value, max) = (open + 1, limits.bodies_max);
            return Err(Refusal::Limit {
                name: "bodies_max",
                value,
                max,
            });
        }
        let body = self.next();
        self.writing.insert(body, Writing::default());
        Ok(body)
    }

    /// Counts a piece. Says where it goes, if that is known, and whether to go on.
    pub(crate) fn write(
        &mut self,
        body: BodyHandle,
        piece: &Bytes,
        scope: Scope,
        limits: &Limits,
    ) -> Result<(Option<ExchangeId>, bool), Refusal> {
        let writing = self
            .writing
            .get_mut(&body)
            .filter(|writing| !writing.finished);
        let writing = writing.ok_or(Refusal::Gone)?;
        let max = limits.body_buffer_bytes_max;
        if writing.waiting >= max {
            let value = writing.waiting + piece.len() as u64;
            return Err(Refusal::Limit {
                name: "body_buffer_bytes_max",
                value,
                max,
            });
        }
        writing.waiting += piece.len() as u64;
        if writing.exchange.is_none() {
            writing.early.push(piece.clone());
        }
        let go_on = writing.waiting < max / 2;
        if !go_on && writing.paused.replace(scope).is_none() {
            self.awaited += 1;
        }
        Ok((writing.exchange, go_on))
    }

    /// The body is whole. Says where it goes, if that is known.
    pub(crate) fn finish(&mut self, body: BodyHandle) -> Result<Option<ExchangeId>, Refusal> {
        let writing = self
            .writing
            .get_mut(&body)
            .filter(|writing| !writing.finished);
        let writing = writing.ok_or(Refusal::Gone)?;
        writing.finished = true;
        Ok(writing.exchange)
    }

    /// A response with this body was given.
    pub(crate) fn attach(&mut self, body: BodyHandle, exchange: ExchangeId) -> Option<Early> {
        let writing = self
            .writing
            .get_mut(&body)
            .filter(|writing| writing.exchange.is_none())?;
        writing.exchange = Some(exchange);
        self.written_by.insert(exchange, body);
        Some(Early {
            pieces: std::mem::take(&mut writing.early),
            finished: writing.finished,
        })
    }

    /// The client has taken bytes: whom to tell that there is space again.
    pub(crate) fn taken(
        &mut self,
        exchange: ExchangeId,
        bytes: u64,
        limits: &Limits,
    ) -> Option<(BodyHandle, Scope)> {
        let body = *self.written_by.get(&exchange)?;
        let writing = self.writing.get_mut(&body)?;
        writing.waiting = writing.waiting.saturating_sub(bytes);
        let low = writing.waiting < limits.body_buffer_bytes_max / 2;
        let scope = if low { writing.paused.take() } else { None }?;
        self.awaited -= 1;
        Some((body, scope))
    }

    /// The client has all of it, its end included.
    pub(crate) fn sent(&mut self, exchange: ExchangeId) {
        if let Some(body) = self.written_by.get(&exchange) {
            self.drop_writing(*body);
        }
    }

    fn drop_writing(&mut self, body: BodyHandle) -> Option<Writing> {
        let writing = self.writing.remove(&body)?;
        self.awaited -= usize::from(writing.paused.is_some());
        if let Some(exchange) = &writing.exchange {
            self.written_by.remove(exchange);
        }
        Some(writing)
    }

    /// No longer written to. Says where it went.
    pub(crate) fn abort(&mut self, body: BodyHandle) -> Option<ExchangeId> {
        self.drop_writing(body)?.exchange
    }

    /// The client has gone: who was reading from it or writing to it, and in which scope.
    pub(crate) fn gone(&mut self, exchange: ExchangeId) -> Vec<(BodyHandle, Scope)> {
        let mut told = Vec::new();
        if let Some(body) = self.read_by.get(&exchange).copied() {
            let pulled = self.reading.get(&body).and_then(|reading| reading.pulled);
            self.cancel(body);
            told.extend(pulled.map(|scope| (body, scope)));
        }
        if let Some(body) = self.written_by.get(&exchange).copied()
            && let Some(writing) = self.drop_writing(body)
            && !writing.finished
        {
            told.push((body, writing.paused.unwrap_or(Scope::NONE)));
        }
        told
    }

    /// A section ended: what it started belongs to the one around it.
    pub(crate) fn rescope(&mut self, ended: Scope, outer: Scope) {
        let pulled = self
            .reading
            .values_mut()
            .filter_map(|reading| reading.pulled.as_mut());
        let paused = self
            .writing
            .values_mut()
            .filter_map(|writing| writing.paused.as_mut());
        pulled
            .chain(paused)
            .filter(|scope| **scope == ended)
            .for_each(|scope| *scope = outer);
    }

    /// Whether some completion is still to come from outside.
    pub(crate) fn is_awaited(&self) -> bool {
        self.awaited > 0
    }

    /// Whether every answer is finished and taken.
    pub(crate) fn is_idle(&self) -> bool {
        self.written_by.is_empty()
    }

    /// How many requests are being read.
    pub(crate) fn reading(&self) -> u64 {
        self.reading.len() as u64
    }

    /// The guest is gone: the exchanges whose answers break off (unless their end has left
    /// already), and those still being read.
    pub(crate) fn forget_all(&mut self) -> (Vec<ExchangeId>, Vec<ExchangeId>) {
        self.reading.clear();
        self.writing.clear();
        self.awaited = 0;
        let sorted = |exchanges: &mut HashMap<ExchangeId, BodyHandle>| {
            let mut sorted: Vec<_> = exchanges.drain().map(|(exchange, _)| exchange).collect();
            sorted.sort_unstable();
            sorted
        };
        (sorted(&mut self.written_by), sorted(&mut self.read_by))
    }
}

//! The room as its guest sees it: every import ends here. Effects are collected in the turn's
//! outbox; reads are served from the writes that are under way first, then from the store.

use bytes::Bytes;
use bytestring::ByteString;
use partykit_core::{
    BodyEvent, BodyHandle, ConnectionHandle, Content, EventId, GuestError, LogLevel, Message,
    Outcome, Page, Range, ReadError, Refusal, Response, RoomApi, Scope, SectionEnding, TimerHandle,
    close_code,
};

use crate::answers;
use crate::owed::Debt;
use crate::state::State;
use crate::turn::BeforeSection;
use crate::{Action, ExchangeId};

/// What a guest is told when it reads from or writes to a client that has gone.
pub(crate) const CLIENT_GONE: &str = "the client has gone";

/// The most that `crypto.getRandomValues` gives at once, and so the most of one import call.
const RANDOM_BYTES_MAX: u32 = 65_536;

impl RoomApi for State {
    fn settle(&mut self, event: EventId, outcome: Outcome) -> Result<(), Refusal> {
        let Some(debt) = self.owed.settle(event) else {
            // Answered meanwhile, e.g. because it took too long: nobody will read this body.
            if let Outcome::Response(Response {
                body: Content::Pieces(body),
                ..
            }) = outcome
            {
                self.bodies.abort(body);
            }
            return Err(Refusal::Gone);
        };
        self.turn.count(1, outcome_bytes(&outcome), &self.limits);
        if let Outcome::Failed(failure) = &outcome {
            let text = format!("{}: {}", debt.handler(), failure.detail);
            self.turn.log(LogLevel::Error, text, &self.limits);
        }
        match debt {
            Debt::Start { .. } => self.turn.started = Some(outcome),
            Debt::Connect { connection } => self.settle_connect(connection, outcome),
            Debt::Request { exchange } => self.settle_request(exchange, outcome),
            Debt::Gone => self.settle_gone(outcome),
            Debt::Close { connection } => {
                self.turn.outbox.extend(self.connections.answer(connection));
            }
            Debt::Nobody { .. } => {}
        }
        Ok(())
    }

    fn section_enter(&mut self, outer: Scope) -> Result<Scope, Refusal> {
        let deadline = self.clock.now().monotonic_us + self.limits.section_ms * 1000;
        let scope = self.sections.enter(outer, deadline)?;
        if self.turn.before_section.is_none() {
            self.turn.before_section = Some(BeforeSection {
                outbox_len: self.turn.outbox.len(),
                writes: self.overlay.turn_so_far(),
            });
        }
        Ok(scope)
    }

    fn section_leave(&mut self, scope: Scope, ending: SectionEnding) -> Result<(), Refusal> {
        let outer = self.sections.leave(scope)?;
        self.rescope(scope, outer);
        self.turn.broken |= ending == SectionEnding::Broken;
        Ok(())
    }

    fn accept(&mut self, connection: ConnectionHandle, tags: Vec<String>) -> Result<(), Refusal> {
        self.connections.accept(connection, tags)
    }

    fn send(&mut self, connection: ConnectionHandle, message: Message) -> Result<(), Refusal> {
        if !self.connections.is_reachable(connection) {
            return Err(Refusal::Gone);
        }
        self.turn.count(1, message.len() as u64, &self.limits);
        self.turn.outbox.push(Action::Send {
            connection,
            message,
        });
        Ok(())
    }

    fn broadcast(&mut self, message: Message, without: &[ConnectionHandle]) -> Result<(), Refusal> {
        let connections = self.connections.reachable_except(without);
        let weight = connections.len().max(1) as u64;
        self.turn.count(weight, message.len() as u64, &self.limits);
        if !connections.is_empty() {
            self.turn.outbox.push(Action::Broadcast {
                connections,
                message,
            });
        }
        Ok(())
    }

    fn close(
        &mut self,
        connection: ConnectionHandle,
        code: Option<u16>,
        reason: String,
    ) -> Result<(), Refusal> {
        self.turn.count(1, reason.len() as u64, &self.limits);
        if let Some(code) = code.filter(|code| !close_code::may_be_sent(*code)) {
            return Err(Refusal::Invalid(format!(
                "{code} is no close code that may be sent"
            )));
        }
        if self.connections.start_closing(connection)? {
            let reason = ByteString::from(reason);
            self.turn.outbox.push(Action::Close {
                connection,
                code,
                reason,
            });
        }
        Ok(())
    }

    fn body_open(&mut self) -> Result<BodyHandle, Refusal> {
        self.bodies.open(&self.limits)
    }

    fn body_write(
        &mut self,
        body: BodyHandle,
        piece: Bytes,
        scope: Scope,
    ) -> Result<bool, Refusal> {
        self.turn.count(1, piece.len() as u64, &self.limits);
        let (exchange, go_on) = self.bodies.write(body, &piece, scope, &self.limits)?;
        if let Some(exchange) = exchange {
            self.turn.outbox.push(Action::BodyWrite { exchange, piece });
        }
        Ok(go_on)
    }

    fn body_finish(&mut self, body: BodyHandle) -> Result<(), Refusal> {
        self.turn.count(1, 0, &self.limits);
        if let Some(exchange) = self.bodies.finish(body)? {
            self.turn.outbox.push(Action::BodyFinish { exchange });
        }
        Ok(())
    }

    fn body_abort(&mut self, body: BodyHandle) {
        self.turn.count(1, 0, &self.limits);
        if let Some(exchange) = self.bodies.abort(body) {
            self.turn.outbox.push(Action::BodyAbort { exchange });
        }
    }

    fn body_pull(&mut self, body: BodyHandle, scope: Scope) -> Result<(), Refusal> {
        let exchange = self.bodies.pull(body, scope)?;
        self.turn.immediate.push(Action::Pull { exchange });
        Ok(())
    }

    fn body_cancel(&mut self, body: BodyHandle) {
        if let Some(exchange) = self.bodies.cancel(body) {
            self.turn.immediate.push(Action::CancelBody { exchange });
        }
    }

    fn storage_get(&mut self, key: &str) -> Result<Option<Bytes>, Refusal> {
        self.overlay
            .get(key, self.reader.as_ref())
            .map_err(|error| self.read_failed(&error))
    }

    fn storage_put(&mut self, key: &str, value: Bytes) -> Result<(), Refusal> {
        self.check_size("key_bytes_max", key.len(), self.limits.key_bytes_max)?;
        self.check_size("value_bytes_max", value.len(), self.limits.value_bytes_max)?;
        self.turn
            .count(1, (key.len() + value.len()) as u64, &self.limits);
        self.overlay.write(key, Some(value));
        Ok(())
    }

    fn storage_delete(&mut self, key: &str) -> Result<bool, Refusal> {
        self.check_size("key_bytes_max", key.len(), self.limits.key_bytes_max)?;
        self.turn.count(1, key.len() as u64, &self.limits);
        let found = self.storage_get(key)?.is_some();
        if found {
            self.overlay.write(key, None);
        }
        Ok(found)
    }

    fn storage_list(&mut self, range: &Range, after: Option<&str>) -> Result<Page, Refusal> {
        self.overlay
            .list(range, after, self.reader.as_ref(), &self.limits)
            .map_err(|error| self.read_failed(&error))
    }

    fn timer_set(&mut self, delay_ms: u64, scope: Scope) -> Result<TimerHandle, Refusal> {
        let now_us = self.clock.now().monotonic_us;
        self.timers.set(delay_ms, scope, now_us, &self.limits)
    }

    fn timer_clear(&mut self, timer: TimerHandle) {
        if !self.timers.clear(timer) {
            self.completions.forget_timer(timer);
        }
    }

    fn now_us(&mut self) -> u64 {
        self.clock.now().unix_us
    }

    fn monotonic_us(&mut self) -> u64 {
        self.clock.now().monotonic_us
    }

    fn random(&mut self, count: u32) -> Result<Vec<u8>, Refusal> {
        if count > RANDOM_BYTES_MAX {
            let (value, max) = (u64::from(count), u64::from(RANDOM_BYTES_MAX));
            return Err(Refusal::Limit {
                name: "random_bytes_max",
                value,
                max,
            });
        }
        let mut bytes = vec![0; count as usize];
        self.entropy.fill(&mut bytes)?;
        Ok(bytes)
    }

    fn log(&mut self, level: LogLevel, text: String) {
        self.turn.log(level, text, &self.limits);
    }

    fn exceeded(&self) -> Option<GuestError> {
        self.turn.exceeded.clone()
    }
}

impl State {
    fn settle_connect(&mut self, connection: ConnectionHandle, outcome: Outcome) {
        match outcome {
            Outcome::Failed(failure) => {
                // The client may have gone meanwhile; then nobody is left to be told.
                if self.connections.remove(connection).is_some() {
                    self.turn
                        .outbox
                        .push(answers::rejection(connection, &failure));
                }
            }
            Outcome::Done | Outcome::Response(_) => {
                if self.connections.open(connection) {
                    self.turn.outbox.push(Action::Accept { connection });
                }
            }
        }
    }

    fn settle_request(&mut self, exchange: ExchangeId, outcome: Outcome) {
        let response = answers::to_request(outcome);
        let early = match &response.body {
            Content::Whole(_) => None,
            Content::Pieces(body) => match self.bodies.attach(*body, exchange) {
                Some(early) => Some(early),
                None => {
                    let response = answers::no_such_body();
                    return self
                        .turn
                        .outbox
                        .push(Action::Respond { exchange, response });
                }
            },
        };
        self.turn
            .outbox
            .push(Action::Respond { exchange, response });
        if let Some(early) = early {
            let write = |piece| Action::BodyWrite { exchange, piece };
            self.turn.outbox.extend(early.pieces.into_iter().map(write));
            let finish = early.finished.then_some(Action::BodyFinish { exchange });
            self.turn.outbox.extend(finish);
        }
    }

    /// Nobody reads the answer; whoever writes it is told.
    fn settle_gone(&mut self, outcome: Outcome) {
        if let Outcome::Response(Response {
            body: Content::Pieces(body),
            ..
        }) = outcome
        {
            self.bodies.abort(body);
            self.complete_body(
                Some((body, Scope::NONE)),
                BodyEvent::Failed(CLIENT_GONE.to_owned()),
            );
        }
    }

    fn check_size(&self, name: &'static str, value: usize, max: u64) -> Result<(), Refusal> {
        let value = value as u64;
        if value > max {
            Err(Refusal::Limit { name, value, max })
        } else {
            Ok(())
        }
    }

    /// A room that cannot read its storage must not go on as if nothing were stored.
    fn read_failed(&mut self, error: &ReadError) -> Refusal {
        let message = error.to_string();
        self.turn.exceeded = Some(GuestError::Host {
            message: message.clone(),
        });
        Refusal::Internal(message)
    }
}

fn outcome_bytes(outcome: &Outcome) -> u64 {
    let bytes = match outcome {
        Outcome::Done => 0,
        Outcome::Response(Response {
            body: Content::Whole(body),
            ..
        }) => body.len(),
        Outcome::Response(_) => 0,
        Outcome::Failed(failure) => failure.message.len(),
    };
    bytes as u64
}

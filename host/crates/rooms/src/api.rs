//! The room as its guest sees it: every import ends here. Effects are collected in the turn's
//! outbox; reads are served from the writes that are under way first, then from the store.

use bytes::Bytes;
use bytestring::ByteString;
use partykit_core::{
    BodyHandle, ConnectionHandle, Content, EventId, GuestError, LogLevel, Message, Outcome, Page,
    Range, Refusal, Response, RoomApi, Scope, SectionEnding, SectionKind, SyncHandle, TimerHandle,
    close_code,
};

use crate::Action;
use crate::alarm;
use crate::owed::Debt;
use crate::settle::outcome_bytes;
use crate::state::State;
use crate::turn::BeforeSection;

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
            Debt::Alarm => self.settle_alarm(&outcome),
            Debt::Gone => self.settle_gone(outcome),
            Debt::Close { connection } => {
                self.turn.outbox.extend(self.connections.answer(connection));
            }
            Debt::Nobody { .. } => {}
        }
        Ok(())
    }

    fn section_enter(&mut self, outer: Scope, kind: SectionKind) -> Result<Scope, Refusal> {
        let deadline = self.clock.now().monotonic_us + self.limits.section_ms * 1000;
        let scope = self.sections.enter(outer, kind, deadline)?;
        // A transaction needs no copy of what is around it: its writes have a layer of their own.
        if kind == SectionKind::Block && self.turn.before_section.is_none() {
            self.turn.before_section = Some(BeforeSection {
                scope,
                outbox_len: self.turn.outbox.len(),
                writes: self.overlay.turn_so_far(),
            });
        }
        if kind == SectionKind::Transaction {
            self.overlay.begin_transaction();
        }
        Ok(scope)
    }

    fn section_leave(&mut self, scope: Scope, ending: SectionEnding) -> Result<(), Refusal> {
        let left = self.sections.leave(scope, ending)?;
        self.rescope(scope, left.outer);
        if left.kind == SectionKind::Transaction {
            self.overlay.end_transaction(ending == SectionEnding::Keep);
        }
        if ending == SectionEnding::Broken {
            self.turn.broken = true;
        } else if !self.turn.broken {
            // What it has done is as good as what was done before it.
            let before = &mut self.turn.before_section;
            before.take_if(|before| before.scope == scope);
        }
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
        self.read(key)
    }

    fn storage_put(&mut self, key: &str, value: Bytes) -> Result<(), Refusal> {
        self.put(key, value)
    }

    fn storage_delete(&mut self, key: &str) -> Result<bool, Refusal> {
        self.delete(key)
    }

    fn storage_delete_all(&mut self) -> Result<(), Refusal> {
        self.turn.count(1, 0, &self.limits);
        self.overlay.delete_all();
        Ok(())
    }

    fn storage_list(&mut self, range: &Range, after: Option<&str>) -> Result<Page, Refusal> {
        self.overlay
            .list(range, after, self.reader.as_ref(), &self.limits)
            .map_err(|error| self.read_failed(&error))
    }

    fn storage_sync(&mut self, scope: Scope) -> Result<Option<SyncHandle>, Refusal> {
        self.sync(scope)
    }

    fn alarm_get(&mut self) -> Result<Option<u64>, Refusal> {
        self.overlay
            .alarm(self.reader.as_ref())
            .map(|alarm| alarm.map(|alarm| alarm.at_ms))
            .map_err(|error| self.read_failed(&error))
    }

    fn alarm_set(&mut self, at_ms: u64) -> Result<(), Refusal> {
        alarm::check(at_ms)?;
        self.turn.count(1, 0, &self.limits);
        self.set_alarm(at_ms);
        Ok(())
    }

    fn alarm_delete(&mut self) -> Result<(), Refusal> {
        self.turn.count(1, 0, &self.limits);
        self.overlay.delete_alarm();
        Ok(())
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

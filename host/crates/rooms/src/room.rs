//! The state machine: which event enters when, and what becomes of a turn.
//!
//! `step` takes one input, runs every turn that may run because of it, and says what is to be
//! done. It never blocks but for the guest's own computing and its storage reads. What happens
//! when something fails stands in `failure.rs`.

use std::sync::Arc;

use partykit_core::{
    BodyEvent, Clock, CloseInfo, ConnectionHandle, Entropy, Event, Guest, GuestError, GuestFactory,
    Limits, Now, Outcome, RoomBatch, RoomKey, Store, WriteOp, close_code,
};

use crate::answers::{Cause, CloseAnswer};
use crate::completions::Completion;
use crate::mailbox::Waiting;
use crate::overlay::CacheBudget;
use crate::restart::Restart;
use crate::settle::CLIENT_GONE;
use crate::state::State;
use crate::stop::Stopping;
use crate::{Action, ExchangeId, Input};

/// A batch is written under this ownership; one host owns all its rooms.
const EPOCH: u64 = 1;

/// What a room is made of.
#[derive(Clone)]
pub struct RoomParts {
    /// Which room.
    pub key: RoomKey,
    /// Its limits.
    pub limits: Arc<Limits>,
    /// What guest code reads as the time.
    pub clock: Arc<dyn Clock>,
    /// What guest code reads as randomness.
    pub entropy: Arc<dyn Entropy>,
    /// Where it reads what is durable.
    pub store: Arc<dyn Store>,
    /// Makes its guests.
    pub factory: Arc<dyn GuestFactory>,
    /// What it may remember of its storage, shared with other rooms.
    pub cache_budget: Arc<CacheBudget>,
}

/// One room. Dropping it loses what is not durable, and leaves its peers unanswered: stop it first.
pub struct Room {
    pub(crate) state: State,
    pub(crate) factory: Arc<dyn GuestFactory>,
    pub(crate) guest: Option<Box<dyn Guest>>,
    pub(crate) restart: Restart,
    /// Set by `Input::Stop`.
    pub(crate) stopping: Option<Stopping>,
    pub(crate) now: Now,
    pub(crate) idle_since_us: Option<u64>,
    /// Set by `Input::Rest`, for one step.
    pub(crate) wanted_to_rest: bool,
    pub(crate) wake_at: Option<u64>,
}

/// The next thing to enter.
enum Next {
    Event(Waiting),
    Completion(Completion),
}

impl Room {
    /// A room without a guest: the first input that needs one starts it.
    #[must_use]
    pub fn new(parts: RoomParts) -> Self {
        Self {
            state: State::new(&parts),
            factory: parts.factory,
            guest: None,
            restart: Restart::default(),
            stopping: None,
            now: Now::default(),
            idle_since_us: None,
            wanted_to_rest: false,
            wake_at: None,
        }
    }

    /// Whether another connect, message or request may be handed in. What ends connections, ticks
    /// and commits always may.
    #[must_use]
    pub fn has_space(&self) -> bool {
        self.state.mailbox.has_space(&self.state.limits)
    }

    /// Whether a guest is resident, and how many bytes of memory it has.
    #[must_use]
    pub fn guest_memory_bytes(&self) -> Option<u64> {
        self.guest.as_ref().map(|guest| guest.memory_bytes())
    }

    /// Since when nothing but durable state would be lost with the room; none while it would.
    #[must_use]
    pub fn idle_since_us(&self) -> Option<u64> {
        self.idle_since_us
    }

    /// How many connections the room has.
    #[must_use]
    pub fn connection_count(&self) -> usize {
        self.state.connections.len()
    }

    /// Breaks a promise, to see that the simulation notices.
    #[cfg(any(test, feature = "testing"))]
    pub fn plant(&mut self, bug: crate::testing::Bug) {
        self.state.gate.planted = crate::testing::Planted::new(bug);
        self.state.overlay.planted = crate::testing::Planted::new(bug);
    }

    /// Takes one input and appends what is to be done because of it.
    pub fn step(&mut self, input: Input, now: Now, actions: &mut Vec<Action>) {
        self.now = now;
        self.state.collect_due_timers(now.monotonic_us);
        self.take(input, actions);
        self.check_deadlines(actions);
        self.run(actions);
        self.ask_stranded(actions);
        self.rest(actions);
    }

    fn take(&mut self, input: Input, actions: &mut Vec<Action>) {
        match input {
            Input::Connect { client, request } => {
                if let Some(cause) = self.unwelcome() {
                    actions.push(cause.reject(client.handle));
                } else {
                    self.wait(Waiting::Connect { client, request });
                }
            }
            Input::Message { sender, message } => self.wait(Waiting::Message { sender, message }),
            Input::Error { client, error } => {
                if let Some(member) = self.state.connections.get(client).filter(|m| m.accepted) {
                    let client = member.info.clone();
                    self.wait(Waiting::Error { client, error });
                }
            }
            Input::Closed {
                client,
                info,
                is_waiting,
            } => self.closed(client, info, is_waiting, actions),
            Input::Request {
                exchange,
                head,
                body,
            } => match &self.stopping {
                Some(stopping) => actions.push(stopping.cause.respond(exchange)),
                None => self.wait(Waiting::Request {
                    exchange,
                    head,
                    body,
                }),
            },
            Input::BodyPiece { exchange, piece } => {
                let whose = self.state.bodies.pulled(exchange, false);
                self.state.complete_body(whose, BodyEvent::Piece(piece));
            }
            Input::BodyEnd { exchange, failure } => {
                let whose = self.state.bodies.pulled(exchange, true);
                let what = failure.map_or(BodyEvent::Finished, BodyEvent::Failed);
                self.state.complete_body(whose, what);
            }
            Input::BodyTaken { exchange, bytes } => {
                let whose = self.state.bodies.taken(exchange, bytes, &self.state.limits);
                self.state.complete_body(whose, BodyEvent::Ready);
            }
            Input::BodySent { exchange } => self.state.bodies.sent(exchange),
            Input::Gone { exchange } => self.client_gone(exchange),
            Input::Committed { batch, result } => self.committed(batch, result, actions),
            Input::Alarm => self.alarm_is_due(actions),
            Input::Tick => {}
            Input::Rest => self.wanted_to_rest = true,
            Input::Stop {
                code,
                reason,
                drain_ms,
            } => self.stop(Cause::stop(code, reason), drain_ms, actions),
        }
    }

    fn closed(
        &mut self,
        handle: ConnectionHandle,
        info: CloseInfo,
        is_waiting: bool,
        actions: &mut Vec<Action>,
    ) {
        self.forget_waiting_connect(handle);
        let answer = CloseAnswer::to(&info);
        match self.state.connections.gone(handle, &info, is_waiting) {
            Some(client) => self.wait(Waiting::Close { client, info }),
            // Nobody is owed its on-close: the answer is all that is left to send.
            None if is_waiting => {
                let mut outbox = vec![answer.to_peer(handle)];
                self.state.gate.pass(&mut outbox, actions);
            }
            None => {}
        }
    }

    fn client_gone(&mut self, exchange: ExchangeId) {
        let told = self.state.bodies.gone(exchange);
        if let Some(event) = self.state.owed.gone(exchange) {
            self.wait(Waiting::Abort { event });
        } else if told.is_empty() {
            self.forget_waiting_request(exchange);
        }
        for whose in told {
            let what = BodyEvent::Failed(CLIENT_GONE.to_owned());
            self.state.complete_body(Some(whose), what);
        }
    }

    fn forget_waiting_request(&mut self, gone: ExchangeId) {
        self.state
            .mailbox
            .take(|event| matches!(event, Waiting::Request { exchange, .. } if *exchange == gone));
    }

    pub(crate) fn wait(&mut self, event: Waiting) {
        let arrival = self.state.next_arrival();
        self.state.mailbox.push(arrival, event);
    }

    /// Why no further connection may come in.
    pub(crate) fn unwelcome(&self) -> Option<Cause> {
        let max = self.state.limits.connections_max;
        let full = self.state.connections.len() as u64 >= max;
        let full = full.then(|| {
            Cause::stop(
                close_code::TRY_LATER,
                &format!("the room is full (connections_max is {max})"),
            )
        });
        let stopping = self.stopping.as_ref();
        stopping.map(|stopping| stopping.cause.clone()).or(full)
    }

    fn forget_waiting_connect(&mut self, handle: ConnectionHandle) {
        if self.state.connections.get(handle).is_none() {
            self.state.mailbox.take(
                |event| matches!(event, Waiting::Connect { client, .. } if client.handle == handle),
            );
        }
    }

    /// Runs every turn that may run now.
    pub(crate) fn run(&mut self, actions: &mut Vec<Action>) {
        while self.state.gate.uncommitted_bytes() <= self.state.limits.uncommitted_bytes_max {
            if self.guest.is_none() {
                if self.state.mailbox.is_empty() || !self.start(actions) {
                    break;
                }
                continue;
            }
            match self.next() {
                Some(Next::Event(waiting)) => self.deliver(waiting, actions),
                Some(Next::Completion(completion)) => self.complete(completion, actions),
                None => break,
            }
        }
    }

    /// In the order of arrival; while a section is open, only its own completions.
    fn next(&mut self) -> Option<Next> {
        let open = self.state.sections.innermost();
        let completion = self.state.completions.first(open);
        let event = self
            .state
            .mailbox
            .first_arrival()
            .filter(|_| open.is_none());
        match (completion, event) {
            (Some(arrival), event) if event.is_none_or(|event| arrival < event) => {
                self.state.completions.take(arrival).map(Next::Completion)
            }
            (_, Some(_)) => self.state.mailbox.pop().map(Next::Event),
            _ => None,
        }
    }

    pub(crate) fn after_ms(&self, ms: u64) -> u64 {
        self.now.monotonic_us + ms * 1000
    }

    pub(crate) fn turn(&mut self, event: &Event, actions: &mut Vec<Action>) {
        let Some(guest) = self.guest.as_mut() else {
            return;
        };
        let result = guest.turn(event, &mut self.state);
        self.end_turn(result, actions);
    }

    /// What becomes of a turn: its writes are one batch and its outbox waits for it, or it never
    /// happened.
    pub(crate) fn end_turn(&mut self, result: Result<(), GuestError>, actions: &mut Vec<Action>) {
        self.state.drain_log(actions);
        actions.append(&mut self.state.turn.immediate);
        let failed = result.err().or_else(|| self.state.turn.exceeded.take());
        if let Some(error) = failed {
            return self.guest_failed(error, actions);
        }
        if self.state.turn.broken {
            self.commit_before_section(actions);
            return self.reset_for(Cause::broken_section(), actions);
        }
        let started = self.state.turn.started.take();
        self.commit_turn(actions);
        self.state.alarm_ends();
        self.state.turn.clear();
        match started {
            Some(Outcome::Failed(failure)) => self.start_refused(&failure, actions),
            Some(_) => self.leave_start_section(),
            None => {}
        }
    }

    /// What a turn did before it opened a section that then broke stays.
    fn commit_before_section(&mut self, actions: &mut Vec<Action>) {
        if let Some(before) = self.state.turn.before_section.take() {
            self.state.turn.outbox.truncate(before.outbox_len);
            self.state.overlay.return_to(before.writes);
            self.commit_turn(actions);
        }
    }

    /// Commits what the turn has written, and lets out what it has done or has it wait.
    pub(crate) fn commit_turn(&mut self, actions: &mut Vec<Action>) {
        self.commit_writes(actions);
        let syncs = std::mem::take(&mut self.state.turn.syncs);
        let over = self.state.gate.wait(syncs);
        self.state.complete_syncs(over);
    }

    fn commit_writes(&mut self, actions: &mut Vec<Action>) {
        let state = &mut self.state;
        if !state.overlay.has_turn_writes() {
            return state.gate.pass(&mut state.turn.outbox, actions);
        }
        let batch = state.gate.next_batch();
        let writes = state.overlay.end_turn(batch);
        if let Some(WriteOp::Alarm(alarm)) = writes.last() {
            let at_ms = alarm.map(|alarm| alarm.at_ms);
            state.turn.outbox.push(Action::AlarmSet { at_ms });
        }
        state.gate.hold(batch, &writes, &mut state.turn.outbox);
        let writes = RoomBatch {
            room: state.key.clone(),
            epoch: EPOCH,
            writes,
        };
        actions.push(Action::Commit {
            generation: state.generation,
            batch,
            writes,
        });
    }
}

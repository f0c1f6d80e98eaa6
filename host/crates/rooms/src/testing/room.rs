//! A room with everything around it in a test's hands: what it does is collected, and nothing
//! happens unless the test says so.

use std::collections::VecDeque;
use std::sync::Arc;

use partykit_core::{
    Alarm, Clock, CloseInfo, CommitError, ConnectionHandle, ConnectionInfo, Content, Limits,
    Message, PartyName, ProjectName, RequestHead, RoomBatch, RoomId, RoomKey, Store,
};

use super::{FakeFactory, ManualClock, MapStore, SeededEntropy};
use crate::{Action, BatchId, CacheBudget, ExchangeId, Input, RequestBody, Room, RoomParts};

/// Drives one room.
pub struct TestRoom {
    /// The room itself.
    pub room: Room,
    /// Its time.
    pub clock: Arc<ManualClock>,
    /// Its store: what was committed by [`TestRoom::commit`].
    pub store: MapStore,
    /// Where its guests come from.
    pub factory: Arc<FakeFactory>,
    /// What it did since [`TestRoom::take`], without commits and wake-ups.
    pub actions: Vec<Action>,
    /// Batches that wait for the test's decision.
    pub commits: VecDeque<(BatchId, RoomBatch)>,
    /// When it wants a tick.
    pub wake_at_us: Option<u64>,
    /// What it may remember of its storage.
    pub cache_budget: Arc<CacheBudget>,
    key: RoomKey,
    limits: Arc<Limits>,
    last: u64,
}

impl TestRoom {
    /// A room whose guests run these scripts on on-start and on-close.
    ///
    /// # Panics
    /// Never: its names are legal.
    #[must_use]
    pub fn new(limits: Limits, factory: FakeFactory) -> Self {
        Self::on(MapStore::default(), Arc::new(limits), Arc::new(factory))
    }

    fn on(store: MapStore, limits: Arc<Limits>, factory: Arc<FakeFactory>) -> Self {
        let names = (ProjectName::parse("test"), RoomId::parse("room"));
        let (Ok(project), Ok(room)) = names else {
            unreachable!("legal names")
        };
        let key = RoomKey {
            project,
            party: PartyName::main(),
            room,
        };
        let clock = Arc::new(ManualClock::default());
        let cache_budget = Arc::new(CacheBudget::new(u64::MAX));
        let room = Room::new(RoomParts {
            key: key.clone(),
            limits: limits.clone(),
            clock: clock.clone(),
            entropy: Arc::new(SeededEntropy::new(1)),
            store: Arc::new(store.clone()),
            factory: factory.clone(),
            cache_budget: cache_budget.clone(),
        });
        let (actions, commits) = (Vec::new(), VecDeque::new());
        let wake_at_us = None;
        Self {
            room,
            clock,
            store,
            factory,
            actions,
            commits,
            wake_at_us,
            cache_budget,
            key,
            limits,
            last: 0,
        }
    }

    /// The room's name.
    #[must_use]
    pub fn key(&self) -> &RoomKey {
        &self.key
    }

    /// One step.
    pub fn step(&mut self, input: Input) {
        let mut actions = Vec::new();
        self.room.step(input, self.clock.now(), &mut actions);
        for action in actions {
            match action {
                Action::Commit { batch, writes, .. } => self.commits.push_back((batch, writes)),
                Action::WakeAt { monotonic_us } => self.wake_at_us = monotonic_us,
                other => self.actions.push(other),
            }
        }
    }

    /// A client asks to join; `script` is run by on-connect.
    pub fn connect(&mut self, id: &str, script: &str) -> ConnectionHandle {
        self.last += 1;
        let handle = ConnectionHandle(self.last);
        let url = format!("http://h/party/room?{script}");
        let client = ConnectionInfo {
            handle,
            id: id.into(),
            uri: url.as_str().into(),
        };
        let request = RequestHead {
            method: "GET".into(),
            url,
            headers: Vec::new(),
        };
        self.step(Input::Connect { client, request });
        handle
    }

    /// A message that is a script.
    pub fn message(&mut self, sender: ConnectionHandle, script: &str) {
        self.step(Input::Message {
            sender,
            message: Message::Text(script.into()),
        });
    }

    /// A request whose query is a script.
    pub fn request(&mut self, script: &str) -> ExchangeId {
        self.last += 1;
        let exchange = ExchangeId(self.last);
        let url = format!("http://h/party/room?{script}");
        let head = RequestHead {
            method: "GET".into(),
            url,
            headers: Vec::new(),
        };
        self.step(Input::Request {
            exchange,
            head,
            body: RequestBody::None,
        });
        exchange
    }

    /// A request whose body comes in pieces; its query is a script.
    pub fn upload(&mut self, script: &str) -> ExchangeId {
        self.last += 1;
        let exchange = ExchangeId(self.last);
        let url = format!("http://h/party/room?{script}");
        let head = RequestHead {
            method: "POST".into(),
            url,
            headers: Vec::new(),
        };
        self.step(Input::Request {
            exchange,
            head,
            body: RequestBody::Pieces,
        });
        exchange
    }

    /// A connection ends.
    pub fn closed(&mut self, client: ConnectionHandle, code: u16) {
        self.ends(client, code, false);
    }

    /// A client sends a Close frame and waits for the room's.
    pub fn says_close(&mut self, client: ConnectionHandle, code: u16) {
        self.ends(client, code, true);
    }

    fn ends(&mut self, client: ConnectionHandle, code: u16, is_waiting: bool) {
        let info = CloseInfo {
            code,
            reason: "".into(),
            was_clean: true,
        };
        self.step(Input::Closed {
            client,
            info,
            is_waiting,
        });
    }

    /// The driver says that the alarm is due.
    pub fn alarm(&mut self) {
        self.step(Input::Alarm);
    }

    /// The alarm that is durable.
    #[must_use]
    pub fn stored_alarm(&self) -> Option<Alarm> {
        self.store.reader(&self.key).alarm().ok().flatten()
    }

    /// The wall clock.
    #[must_use]
    pub fn now_ms(&self) -> u64 {
        self.clock.now().unix_us / 1000
    }

    /// Makes everything durable that waits for it.
    pub fn commit_all(&mut self) {
        while !self.commits.is_empty() {
            self.commit();
        }
    }

    /// Moves the clock and ticks.
    pub fn advance_ms(&mut self, ms: u64) {
        self.clock.advance_ms(ms);
        self.step(Input::Tick);
    }

    /// The host process dies and another takes its place: memory, connections and everything that
    /// was not durable are gone.
    pub fn crash(&mut self) {
        let fresh = Self::on(
            self.store.clone(),
            self.limits.clone(),
            self.factory.clone(),
        );
        let (clock, last) = (self.clock.clone(), self.last);
        *self = fresh;
        self.last = last;
        self.clock.advance_to_us(clock.now().monotonic_us);
    }

    /// Makes the oldest waiting batch durable.
    ///
    /// # Panics
    /// There is none.
    pub fn commit(&mut self) {
        let Some((batch, writes)) = self.commits.pop_front() else {
            unreachable!("no commit waits")
        };
        let mut results = self.store.commit(vec![writes]);
        let Some(result) = results.pop() else {
            unreachable!("one result for one batch")
        };
        self.step(Input::Committed { batch, result });
    }

    /// Fails the oldest waiting batch; those behind it are gone with it.
    ///
    /// # Panics
    /// There is none.
    pub fn fail_commit(&mut self, error: CommitError) {
        let Some((batch, _)) = self.commits.pop_front() else {
            unreachable!("no commit waits")
        };
        self.commits.clear();
        self.step(Input::Committed {
            batch,
            result: Err(error),
        });
    }

    /// What the room did, as one line each.
    pub fn take(&mut self) -> Vec<String> {
        std::mem::take(&mut self.actions)
            .iter()
            .map(describe)
            .collect()
    }
}

fn body(content: &Content) -> String {
    match content {
        Content::Whole(bytes) => String::from_utf8_lossy(bytes).into_owned(),
        Content::Pieces(body) => format!("body {body}"),
    }
}

fn describe(action: &Action) -> String {
    let text = |message: &Message| String::from_utf8_lossy(message.as_bytes()).into_owned();
    match action {
        Action::Accept { connection } => format!("accept {connection}"),
        Action::Reject {
            connection,
            code,
            reason,
        } => format!("reject {connection} {code} {reason}"),
        Action::Refuse {
            connection,
            response,
        } => format!(
            "refuse {connection} {} {}",
            response.status,
            body(&response.body)
        ),
        Action::Send {
            connection,
            message,
        } => format!("send {connection} {}", text(message)),
        Action::Broadcast {
            connections,
            message,
        } => {
            let to: Vec<_> = connections.iter().map(ToString::to_string).collect();
            format!("broadcast {} {}", to.join(","), text(message))
        }
        Action::Close {
            connection,
            code,
            reason,
        } => {
            format!(
                "close {connection} {} {reason}",
                code.map_or("none".into(), |c| c.to_string())
            )
        }
        Action::Respond { exchange, response } => format!(
            "respond {} {} {}",
            exchange.0,
            response.status,
            body(&response.body)
        ),
        Action::Log(line) => format!("log {}", line.text),
        Action::Failed { error } => format!("failed {}", error.code()),
        Action::Evict => "evict".to_owned(),
        Action::BodyWrite { exchange, piece } => {
            format!("write {} {}", exchange.0, String::from_utf8_lossy(piece))
        }
        Action::BodyFinish { exchange } => format!("finish {}", exchange.0),
        Action::BodyAbort { exchange } => format!("abort {}", exchange.0),
        Action::Pull { exchange } => format!("pull {}", exchange.0),
        Action::CancelBody { exchange } => format!("cancel {}", exchange.0),
        Action::AlarmSet { at_ms } => format!("alarm set {at_ms:?}"),
        Action::AlarmOver => "alarm over".to_owned(),
        Action::Commit { batch, .. } => format!("commit {}", batch.0),
        Action::WakeAt { monotonic_us } => format!("wake {monotonic_us:?}"),
    }
}

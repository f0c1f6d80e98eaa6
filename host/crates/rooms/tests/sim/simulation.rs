//! What is done to the room, step by step from the seed. What it does in turn is looked at in
//! `observe.rs`; clients of bodies are in `bodies.rs`.

use std::collections::{BTreeMap, BTreeSet};

use partykit_core::{Alarm, CommitError, ConnectionHandle, Limits, RoomBatch, Store, WriteOp};
use partykit_rooms::ExchangeId;
use partykit_rooms::testing::{FakeFactory, SeededEntropy, TestRoom};

use crate::alarms::{self, Alarms};
use crate::bodies::Bodies;
use crate::transactions::Transactions;

/// What the test knows of a client.
#[derive(Debug, Default)]
pub(crate) struct Client {
    pub(crate) answered: bool,
    pub(crate) accepted: bool,
    /// It has left, or was told to.
    pub(crate) ended: bool,
    /// It has sent a Close frame, and waits for the room's.
    pub(crate) awaits_close: bool,
    /// Numbers of messages sent, and of echoes received.
    pub(crate) sent: Vec<u64>,
    pub(crate) received: Vec<u64>,
    pub(crate) closed_events: u32,
    /// What its onConnect writes, so that the handshake must not be answered before; and what is
    /// written before the room closes it.
    pub(crate) joins_with: Option<u64>,
    pub(crate) leaves_with: Option<u64>,
}

pub(crate) struct Simulation {
    pub(crate) seed: u64,
    pub(crate) random: SeededEntropy,
    pub(crate) room: TestRoom,
    pub(crate) clients: BTreeMap<ConnectionHandle, Client>,
    /// Requests that wait for an answer.
    pub(crate) exchanges: BTreeSet<ExchangeId>,
    pub(crate) bodies: Bodies,
    pub(crate) alarms: Alarms,
    pub(crate) transactions: Transactions,
    /// Nothing new comes any more.
    pub(crate) is_settling: bool,
    numbers: u64,
    /// Messages and pieces whose turn writes `wNUMBER`, so that their answer must not come before.
    pub(crate) writers: BTreeSet<u64>,
    /// Those whose `wNUMBER` has been stored.
    pub(crate) durable: BTreeSet<u64>,
    /// After so many actions the host dies.
    pub(crate) crash_in: Option<u64>,
    pub(crate) has_crashed: bool,
    pub(crate) was_evicted: bool,
    /// on-close events that the room has said it would not deliver.
    pub(crate) given_up: u64,
    pub(crate) trace: Vec<String>,
}

impl Simulation {
    pub(crate) fn new(seed: u64) -> Self {
        let random = SeededEntropy::new(seed);
        let mut limits = Limits::default();
        // Small enough to be reached.
        limits.uncommitted_bytes_max = random.below(400);
        limits.body_buffer_bytes_max = 8 + random.below(60);
        limits.section_ms = 5_000;
        let start = [
            "",
            "put started yes",
            "hold;timer 20 release",
            "timer 5 all tick",
        ];
        let start = start[random.below(start.len() as u64) as usize];
        Self {
            seed,
            random,
            room: TestRoom::new(limits, FakeFactory::new(start, "put closed yes")),
            clients: BTreeMap::new(),
            exchanges: BTreeSet::new(),
            bodies: Bodies::default(),
            alarms: Alarms::default(),
            transactions: Transactions::default(),
            is_settling: false,
            numbers: 0,
            writers: BTreeSet::new(),
            durable: BTreeSet::new(),
            crash_in: None,
            has_crashed: false,
            was_evicted: false,
            given_up: 0,
            trace: Vec::new(),
        }
    }

    pub(crate) fn check(&self, holds: bool, promise: &str) {
        let trace = self.trace.join("\n  ");
        assert!(holds, "seed {}: {promise}\n  {trace}", self.seed);
    }

    pub(crate) fn note(&mut self, what: impl Into<String>) {
        self.trace.push(what.into());
    }

    pub(crate) fn next_number(&mut self) -> u64 {
        self.numbers += 1;
        self.numbers
    }

    fn one_of<'a>(&self, scripts: &[&'a str]) -> &'a str {
        scripts[self.random.below(scripts.len() as u64) as usize]
    }

    pub(crate) fn living(&self) -> Vec<ConnectionHandle> {
        let living = self.clients.iter().filter(|(_, c)| c.accepted && !c.ended);
        living.map(|(handle, _)| *handle).collect()
    }

    fn pick(&self) -> Option<ConnectionHandle> {
        let living = self.living();
        let index = self.random.below(living.len().max(1) as u64) as usize;
        living.get(index).copied()
    }

    pub(crate) fn step(&mut self) {
        match self.random.below(100) {
            0..12 => self.connect(),
            12..44 => self.message(),
            44..50 => self.request(),
            50..55 => self.upload(),
            55..60 => self.leave(),
            60..82 => self.commit(),
            82..84 => self.fail_commit(),
            84..89 => self.body_client(),
            89..93 => self.look_at_alarm(),
            93..99 => {
                let ms = self.random.below(40);
                self.note(format!("advance {ms} ms"));
                self.room.advance_ms(ms);
            }
            _ => self.crash(),
        }
        self.observe();
    }

    fn connect(&mut self) {
        let number = self.next_number();
        let joins = format!("put w{number} yes");
        let script = self.one_of(&[
            "",
            &joins,
            "hold",
            "timer 10 all hi",
            "throw no",
            "close 4001 bye",
        ]);
        let name = format!("c{}", self.clients.len());
        self.note(format!("connect {name} {script}"));
        // The handle is known only after the step, whose actions may name it.
        let handle = self.room.connect(&name, script);
        let client = Client {
            joins_with: (script == joins).then_some(number),
            ..Client::default()
        };
        self.clients.insert(handle, client);
    }

    fn message(&mut self) {
        let Some(handle) = self.pick() else { return };
        let number = self.next_number();
        // The answer names a number that must be durable by then.
        let write = format!("put w{number} yes;put last {number}");
        let script = match self.random.below(30) {
            0..8 => format!("{write};echo n {number}"),
            8..12 => format!("get last;echo n {number}"),
            12..14 => format!("{write};all last {number};echo n {number}"),
            14..15 => format!("enter;timer 15 put late yes&leave;echo n {number}"),
            15..16 => format!("timer 30 all late;echo n {number}"),
            16..17 => format!("release;echo n {number}"),
            17..18 => format!("{write};echo n {number};trap"),
            18..19 => format!("put before yes;enter;{write};echo n {number};break"),
            19 => format!("{write};piece n {number};echo n {number}"),
            20..22 => format!("{};echo n {number}", self.transaction(number)),
            22 => format!("begin;{write};leave;echo n {number}"),
            23 => format!("put w{number} yes;sync get last;wipe;{write};echo n {number}"),
            24 => format!("wipe;echo n {number}"),
            25 => format!(
                "{};{write};echo n {number}",
                alarms::set(self.random.below(2) * self.random.below(50))
            ),
            26 => format!("{};echo n {number}", alarms::delete()),
            27 => format!("echo n {number};release;trap"),
            28 => format!("{write};close 4002 bye"),
            _ => format!("hold;echo n {number}"),
        };
        self.note(format!("message {handle} {script}"));
        if script.contains(&write) {
            self.writers.insert(number);
        }
        if let Some(client) = self.clients.get_mut(&handle) {
            client.sent.push(number);
            if script.ends_with("close 4002 bye") {
                client.leaves_with.get_or_insert(number);
            }
        }
        self.room.message(handle, &script);
    }

    fn request(&mut self) {
        let script = self.one_of(&[
            "get last",
            "put other yes;get last",
            "stream;piece begun",
            "put other yes;stream;piece begun;finish",
            "stream;finish",
            "finish",
            "cut",
            "hold",
            "never",
            "throw bad",
            "release",
        ]);
        self.note(format!("request {script}"));
        let exchange = self.room.request(script);
        self.exchanges.insert(exchange);
    }

    fn upload(&mut self) {
        let script = self.one_of(&[
            "pump",
            "pump save",
            "put up yes;pump save",
            "pull;hold",
            "pull;timer 20 release;hold",
            "enter;pull;timer 30 leave;hold",
            "pull;get last",
            "unread;get last",
            "get last",
            "pump;trap",
        ]);
        let pieces = self.random.below(6);
        self.note(format!("upload of {pieces} pieces: {script}"));
        let exchange = self.room.upload(script);
        self.exchanges.insert(exchange);
        self.bodies.begin_upload(exchange, script, pieces);
    }

    /// One whose handshake is not answered goes without a word.
    fn newcomer_leaves(&mut self) {
        let mut waiting = self.clients.iter().filter(|(_, c)| !c.answered && !c.ended);
        if let Some(handle) = waiting.next().map(|(handle, _)| *handle) {
            self.client_leaves(handle, 1006);
        }
    }

    fn leave(&mut self) {
        if self.random.below(4) == 0 {
            return self.newcomer_leaves();
        }
        let Some(handle) = self.pick() else { return };
        // 1013 and 1006: the driver has closed a reader that was too slow, or lost it.
        match self.random.below(4) {
            0 => self.client_leaves(handle, 1006),
            1 => self.client_leaves(handle, 1013),
            _ => self.client_says_close(handle),
        }
    }

    fn client_says_close(&mut self, handle: ConnectionHandle) {
        self.note(format!("say close {handle}"));
        if let Some(client) = self.clients.get_mut(&handle) {
            client.ended = true;
            client.awaits_close = true;
        }
        self.room.says_close(handle, 1000);
    }

    pub(crate) fn client_leaves(&mut self, handle: ConnectionHandle, code: u16) {
        self.note(format!("leave {handle} {code}"));
        if let Some(client) = self.clients.get_mut(&handle) {
            client.ended = true;
        }
        self.room.closed(handle, code);
    }

    pub(crate) fn commit(&mut self) {
        let Some((_, batch)) = self.room.commits.front().cloned() else {
            return;
        };
        self.note("commit");
        let before = self.room.stored_alarm();
        self.room.commit();
        self.stored(&batch, before);
    }

    /// A batch has come into the store.
    fn stored(&mut self, batch: &RoomBatch, alarm_before: Option<Alarm>) {
        let number = |write: &WriteOp| match write {
            WriteOp::Put { key, .. } => key.strip_prefix('w')?.parse::<u64>().ok(),
            _ => None,
        };
        self.durable.extend(batch.writes.iter().filter_map(number));
        self.check_transactions();
        self.check_alarm_of(batch, alarm_before);
    }

    fn fail_commit(&mut self) {
        let Some((_, batch)) = self.room.commits.front().cloned() else {
            return;
        };
        let before = self.room.stored_alarm();
        let error = match self.random.below(3) {
            0 => CommitError::NoSpace,
            1 => CommitError::Io("planted".into()),
            _ => {
                // The worst kind: it may have happened.
                if self.random.below(2) == 0 {
                    self.room.store.commit(vec![batch.clone()]);
                    self.stored(&batch, before);
                }
                CommitError::Ambiguous("planted".into())
            }
        };
        self.note(format!("fail commit: {error}"));
        self.room.fail_commit(error);
    }

    /// Everybody is cut off; what was not durable is lost, and nobody was told otherwise.
    pub(crate) fn crash(&mut self) {
        self.note("crash");
        self.has_crashed = true;
        self.start_anew();
    }

    pub(crate) fn start_anew(&mut self) {
        self.room.crash();
        self.clients.clear();
        self.exchanges.clear();
        self.bodies = Bodies::default();
        self.forget_alarms();
    }
}

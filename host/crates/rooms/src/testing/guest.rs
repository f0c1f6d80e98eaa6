//! A guest that does what it is told: every event carries a script, a list of commands.
//!
//! | command | does |
//! |---|---|
//! | `echo TEXT` / `all TEXT` | sends to the sender / broadcasts |
//! | `put KEY TEXT`, `del KEY`, `get KEY` | storage; `get` sends what it found |
//! | `wipe`, `list` | deletes everything; sends all keys |
//! | `sync SCRIPT` | runs the script when all is durable, at once when it is |
//! | `alarm MS`, `unalarm`, `alarm?` | sets the alarm, forgets it, sends in how many ms it is due |
//! | `timer MS SCRIPT` | arms a timer that runs the script (commands joined by `&`) |
//! | `hold` / `release` | leaves this event owed / settles every one that was held |
//! | `never` | leaves this event owed for ever, and says so when asked |
//! | `enter`, `leave`, `break` | opens a section, ends it, ends it broken |
//! | `begin`, `undo` | opens a transaction (which `leave` keeps), rolls it back |
//! | `close CODE REASON` | closes the sender |
//! | `stream` | answers the request with a body in pieces |
//! | `piece TEXT`, `finish`, `cut` | writes to the last such body, ends it, breaks it off |
//! | `pull`, `unread` | asks for a piece of the last request's body, gives it up |
//! | `pump`, `pump save` | answers the request with its own body, each piece noted as `wN` first |
//! | `throw TEXT` | settles the event as failed |
//! | `trap` | fails the turn, as a trap does |
//!
//! Commands are joined by `;`. A message is a script; a request's and a connection's script is the
//! query of its URL; on-start, on-close and on-alarm run the factory's. A call that is refused is
//! logged.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use partykit_core::{
    BodyHandle, ConnectionHandle, Content, Event, EventId, Failure, Guest, GuestError, LogLevel,
    Message, Outcome, Response, RoomApi, Scope, SectionEnding, SectionKind, SyncHandle,
    TimerHandle,
};

use super::factory::script;
use super::pump::{Pumps, body_text};
use super::storing;

/// See the module page.
#[derive(Debug)]
pub struct FakeGuest {
    on_start: String,
    on_close: String,
    on_alarm: Arc<Mutex<String>>,
    alive: Arc<AtomicU64>,
    members: Arc<Mutex<BTreeSet<ConnectionHandle>>>,
    start: Option<EventId>,
    alarm: Option<EventId>,
    held: Vec<(EventId, bool)>,
    stranded: HashSet<EventId>,
    timers: HashMap<TimerHandle, String>,
    syncs: HashMap<SyncHandle, String>,
    /// The body of the last request that came in pieces, and the last one opened.
    upload: Option<BodyHandle>,
    stream: Option<BodyHandle>,
    pumps: Pumps,
    sections: Vec<Scope>,
}

impl Drop for FakeGuest {
    fn drop(&mut self) {
        self.alive.fetch_sub(1, Ordering::Relaxed);
        self.members().clear();
    }
}

/// What becomes of an event after its script.
enum End {
    Settle,
    Hold,
    Never,
    Throw(String),
    Stream(BodyHandle),
}

impl Guest for FakeGuest {
    fn turn(&mut self, event: &Event, api: &mut dyn RoomApi) -> Result<(), GuestError> {
        let (script, sender, is_request) = self.read(event, api);
        let mut answer = String::new();
        let mut end = End::Settle;
        for command in script.split(';').filter(|command| !command.is_empty()) {
            self.run(command, sender, api, &mut end, &mut answer)?;
        }
        if let (Event::Connect { client, .. }, End::Throw(_)) = (event, &end) {
            self.members().remove(&client.handle);
        }
        if let Some(event) = event.id() {
            self.finish(event, is_request, end, answer, api);
        }
        api.exceeded().map_or(Ok(()), Err)
    }

    fn stranded(
        &mut self,
        owed: &[EventId],
        _: &mut dyn RoomApi,
    ) -> Result<Vec<EventId>, GuestError> {
        Ok(owed
            .iter()
            .copied()
            .filter(|event| self.stranded.contains(event))
            .collect())
    }

    fn memory_bytes(&self) -> u64 {
        0
    }
}

/// What a URL has behind its question mark.
fn query(url: &str) -> String {
    let query = url.split_once('?').map(|(_, query)| query);
    query.unwrap_or_default().to_owned()
}

impl FakeGuest {
    /// `scripts` are those of on-start and on-close; `alive` has counted it already.
    pub(super) fn new(
        scripts: [String; 2],
        on_alarm: Arc<Mutex<String>>,
        alive: Arc<AtomicU64>,
        members: Arc<Mutex<BTreeSet<ConnectionHandle>>>,
    ) -> Self {
        let [on_start, on_close] = scripts;
        Self {
            on_start,
            on_close,
            on_alarm,
            alive,
            members,
            start: None,
            alarm: None,
            held: Vec::new(),
            stranded: HashSet::new(),
            timers: HashMap::new(),
            syncs: HashMap::new(),
            upload: None,
            stream: None,
            pumps: Pumps::default(),
            sections: Vec::new(),
        }
    }

    fn members(&self) -> MutexGuard<'_, BTreeSet<ConnectionHandle>> {
        self.members.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn read(
        &mut self,
        event: &Event,
        api: &mut dyn RoomApi,
    ) -> (String, Option<ConnectionHandle>, bool) {
        match event {
            Event::Start { event, scope, .. } => {
                self.start = Some(*event);
                self.sections = vec![*scope];
                (self.on_start.clone(), None, false)
            }
            Event::Connect {
                client, request, ..
            } => {
                let accepted = api.accept(client.handle, Vec::new());
                if accepted.is_ok() {
                    self.members().insert(client.handle);
                }
                let script = accepted.map(|()| query(&request.url));
                (script.unwrap_or_default(), Some(client.handle), false)
            }
            Event::Message {
                sender, message, ..
            } => (
                String::from_utf8_lossy(message.as_bytes()).into_owned(),
                Some(*sender),
                false,
            ),
            Event::Close { client, info, .. } => {
                self.members().remove(&client.handle);
                api.log(
                    LogLevel::Info,
                    format!("closed {} {}", client.id, info.code),
                );
                (self.on_close.clone(), Some(client.handle), false)
            }
            Event::Error { client, error, .. } => {
                api.log(LogLevel::Info, format!("error {} {error}", client.id));
                (String::new(), Some(client.handle), false)
            }
            Event::Request { request, .. } => {
                if let Some(Content::Pieces(body)) = request.body {
                    self.upload = Some(body);
                }
                (query(&request.head.url), None, true)
            }
            Event::Body { body, what } => {
                if !self.pumps.take(*body, what, api) {
                    api.log(LogLevel::Info, format!("body {}", body_text(what)));
                }
                (String::new(), None, false)
            }
            Event::Abort { .. } => {
                api.log(LogLevel::Info, "aborted".to_owned());
                (String::new(), None, false)
            }
            Event::Timer { timer } => (self.timers.remove(timer).unwrap_or_default(), None, false),
            Event::Synced { sync } => {
                let script = self.syncs.remove(sync);
                (script.unwrap_or("unasked-for".to_owned()), None, false)
            }
            Event::Alarm { event } => {
                self.alarm = Some(*event);
                api.log(LogLevel::Info, "alarm".to_owned());
                (script(&self.on_alarm), None, false)
            }
        }
    }

    fn run(
        &mut self,
        command: &str,
        sender: Option<ConnectionHandle>,
        api: &mut dyn RoomApi,
        end: &mut End,
        answer: &mut String,
    ) -> Result<(), GuestError> {
        let (word, rest) = command.split_once(' ').unwrap_or((command, ""));
        let (first, second) = rest.split_once(' ').unwrap_or((rest, ""));
        let mut reply = |text: &str, api: &mut dyn RoomApi| match sender {
            // A connection that has gone meanwhile is no error for a script.
            Some(sender) => drop(api.send(sender, Message::Text(text.into()))),
            None => answer.push_str(text),
        };
        match word {
            "echo" => reply(rest, api),
            "all" => drop(api.broadcast(Message::Text(rest.into()), &[])),
            "get" | "list" | "alarm?" => reply(&storing::read(word, first, api), api),
            "sync" => match api.storage_sync(self.scope()) {
                Ok(Some(sync)) => drop(self.syncs.insert(sync, rest.replace('&', ";"))),
                Ok(None) => reply("synced", api),
                Err(refused) => api.log(LogLevel::Info, format!("refused: {refused}")),
            },
            "put" | "del" | "wipe" | "alarm" | "unalarm" => {
                storing::write(word, first, second, api);
            }
            "timer" => {
                let scope = self.scope();
                if let Ok(timer) = api.timer_set(first.parse().unwrap_or(0), scope) {
                    self.timers.insert(timer, second.replace('&', ";"));
                }
            }
            "hold" => *end = End::Hold,
            "never" => *end = End::Never,
            "throw" => *end = End::Throw(rest.to_owned()),
            "release" => self.release(api),
            "enter" | "begin" | "leave" | "undo" | "break" => self.section(word, api),
            "close" => {
                let code = first.parse().ok();
                drop(sender.map(|sender| api.close(sender, code, second.into())));
            }
            "stream" => {
                self.stream = api.body_open().ok();
                *end = self.stream.map_or(End::Settle, End::Stream);
            }
            "pump" => {
                let scope = self.scope();
                let start = |source| self.pumps.start(source, scope, rest == "save", api);
                *end = self.upload.and_then(start).map_or(End::Settle, End::Stream);
            }
            "piece" | "finish" | "cut" => self.write(word, rest, api),
            "pull" | "unread" => self.read_on(word, api),
            "trap" => {
                return Err(GuestError::Trap {
                    message: "scripted".into(),
                });
            }
            _ => api.log(LogLevel::Warn, format!("no such command: {command}")),
        }
        Ok(())
    }

    /// What is started now belongs to it.
    fn scope(&self) -> Scope {
        self.sections.last().copied().unwrap_or(Scope::NONE)
    }

    fn section(&mut self, word: &str, api: &mut dyn RoomApi) {
        let kind = match word {
            "enter" => Some(SectionKind::Block),
            "begin" => Some(SectionKind::Transaction),
            _ => None,
        };
        if let Some(kind) = kind {
            let outer = self.scope();
            self.sections.extend(api.section_enter(outer, kind).ok());
            return;
        }
        let ending = match word {
            "break" => SectionEnding::Broken,
            "undo" => SectionEnding::Rollback,
            _ => SectionEnding::Keep,
        };
        let left = self.sections.pop();
        drop(left.map(|scope| api.section_leave(scope, ending)));
    }

    fn read_on(&mut self, word: &str, api: &mut dyn RoomApi) {
        let Some(body) = self.upload else { return };
        let scope = self.scope();
        match word {
            "pull" => drop(api.body_pull(body, scope)),
            _ => api.body_cancel(body),
        }
    }

    fn finish(
        &mut self,
        event: EventId,
        is_request: bool,
        end: End,
        answer: String,
        api: &mut dyn RoomApi,
    ) {
        let outcome = match end {
            End::Hold => return self.held.push((event, is_request)),
            End::Never => {
                self.stranded.insert(event);
                return;
            }
            End::Throw(message) => Outcome::Failed(Failure {
                detail: message.clone(),
                message,
                status: None,
            }),
            End::Stream(body) => {
                let body = Content::Pieces(body);
                Outcome::Response(Response {
                    status: 200,
                    headers: Vec::new(),
                    body,
                })
            }
            End::Settle if is_request => Outcome::Response(Response::text(200, answer)),
            End::Settle => Outcome::Done,
        };
        self.settle(event, outcome, api);
    }

    fn write(&mut self, word: &str, text: &str, api: &mut dyn RoomApi) {
        let Some(body) = self.stream else { return };
        let scope = self.scope();
        let refused = match word {
            "piece" => match api.body_write(body, Bytes::from(text.to_owned()), scope) {
                Ok(true) => return,
                Ok(false) => return api.log(LogLevel::Info, "enough".to_owned()),
                Err(refused) => refused,
            },
            "finish" => match api.body_finish(body) {
                Ok(()) => return,
                Err(refused) => refused,
            },
            _ => return api.body_abort(body),
        };
        api.log(LogLevel::Info, format!("refused: {refused}"));
    }

    fn release(&mut self, api: &mut dyn RoomApi) {
        for (event, is_request) in std::mem::take(&mut self.held) {
            let response = || Outcome::Response(Response::text(200, "released"));
            self.settle(
                event,
                if is_request {
                    response()
                } else {
                    Outcome::Done
                },
                api,
            );
        }
    }

    /// The section that on-start runs in is the host's, and ends with its settle.
    fn settle(&mut self, event: EventId, outcome: Outcome, api: &mut dyn RoomApi) {
        if self.start == Some(event) {
            self.sections.clear();
        }
        if self.alarm == Some(event) && outcome == Outcome::Done {
            api.log(LogLevel::Info, "alarm done".to_owned());
        }
        drop(api.settle(event, outcome));
    }
}

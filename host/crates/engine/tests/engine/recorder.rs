//! A room's API that writes down what a guest asks for, answers storage from a map, and refuses
//! what a test tells it to.

use std::collections::BTreeMap;

use bytes::Bytes;
use partykit_core::{
    BodyHandle, CloseInfo, ConnectionHandle, ConnectionInfo, Content, Event, EventId, Guest,
    GuestError, LogLevel, Message, Outcome, Page, PartyName, ProjectName, Range, Refusal, Request,
    RequestHead, RoomApi, RoomId, RoomInfo, RoomKey, Scope, SectionEnding, SectionKind, SyncHandle,
    TimerHandle,
};

/// One thing a guest asked for.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Call {
    Settle(u64, Outcome),
    Enter(u64, SectionKind),
    Leave(u64, SectionEnding),
    Accept(u64, Vec<String>),
    Send(u64, Message),
    Broadcast(Message, Vec<u64>),
    DeleteAll,
    Sync(u64),
    AlarmSet(u64),
    AlarmDelete,
    Close(u64, Option<u16>, String),
    TimerSet(u64, u64),
    TimerClear(u64),
    Log(LogLevel, String),
}

#[derive(Default)]
pub(crate) struct Recorder {
    /// Random numbers are random; otherwise each is as every other.
    pub(crate) random: bool,
    pub(crate) calls: Vec<Call>,
    pub(crate) stored: BTreeMap<String, Bytes>,
    pub(crate) alarm: Option<u64>,
    /// Nothing has to be waited for.
    pub(crate) is_durable: bool,
    /// The turn ends as soon as so many messages were sent in it.
    pub(crate) sends_max: Option<u64>,
    /// Stands for a bug of the host.
    pub(crate) panics_on_send: bool,
    sends: u64,
    events: u64,
    handles: u64,
    us: u64,
}

impl Recorder {
    pub(crate) fn event(&mut self) -> EventId {
        self.events += 1;
        EventId(self.events)
    }

    /// What was asked for since the last time.
    pub(crate) fn take(&mut self) -> Vec<Call> {
        std::mem::take(&mut self.calls)
    }

    /// The messages sent since the last time, as text.
    pub(crate) fn sent(&mut self) -> Vec<String> {
        self.take()
            .into_iter()
            .filter_map(|call| match call {
                Call::Send(_, message) | Call::Broadcast(message, _) => {
                    Some(String::from_utf8_lossy(message.as_bytes()).into_owned())
                }
                _ => None,
            })
            .collect()
    }
}

/// The connection that all of these tests talk through.
pub(crate) const CLIENT: ConnectionHandle = ConnectionHandle(7);

pub(crate) fn client() -> ConnectionInfo {
    ConnectionInfo {
        handle: CLIENT,
        id: "alice".into(),
        uri: "http://127.0.0.1/party/lobby?_pk=alice".into(),
    }
}

pub(crate) fn start(guest: &mut dyn Guest, api: &mut Recorder) -> Result<EventId, GuestError> {
    let key = RoomKey {
        project: ProjectName::parse("test").unwrap(),
        party: PartyName::main(),
        room: RoomId::parse("lobby").unwrap(),
    };
    let event = api.event();
    let start = Event::Start {
        event,
        scope: Scope(1),
        room: RoomInfo {
            id: key.room.clone(),
            internal_id: key.internal_id(),
            party: key.party,
        },
    };
    guest.turn(&start, api)?;
    Ok(event)
}

pub(crate) fn connect(guest: &mut dyn Guest, api: &mut Recorder) -> Result<EventId, GuestError> {
    let event = api.event();
    let connect = Event::Connect {
        event,
        client: client(),
        request: RequestHead {
            method: "GET".to_owned(),
            url: client().uri.to_string(),
            headers: vec![("x-name".to_owned(), "Alice".to_owned())],
        },
    };
    guest.turn(&connect, api)?;
    Ok(event)
}

pub(crate) fn say(
    guest: &mut dyn Guest,
    api: &mut Recorder,
    message: Message,
) -> Result<EventId, GuestError> {
    let event = api.event();
    let message = Event::Message {
        event,
        sender: CLIENT,
        message,
    };
    guest.turn(&message, api)?;
    Ok(event)
}

pub(crate) fn say_text(
    guest: &mut dyn Guest,
    api: &mut Recorder,
    text: &str,
) -> Result<EventId, GuestError> {
    say(guest, api, Message::Text(text.into()))
}

pub(crate) fn close(guest: &mut dyn Guest, api: &mut Recorder) -> Result<EventId, GuestError> {
    let event = api.event();
    let close = Event::Close {
        event,
        client: client(),
        info: CloseInfo {
            code: 4001,
            reason: "bye".into(),
            was_clean: true,
        },
    };
    guest.turn(&close, api)?;
    Ok(event)
}

pub(crate) fn fail(guest: &mut dyn Guest, api: &mut Recorder) -> Result<EventId, GuestError> {
    let event = api.event();
    let error = Event::Error {
        event,
        client: client(),
        error: "too big".to_owned(),
    };
    guest.turn(&error, api)?;
    Ok(event)
}

pub(crate) fn request(
    guest: &mut dyn Guest,
    api: &mut Recorder,
    body: Option<&'static str>,
) -> Result<EventId, GuestError> {
    let event = api.event();
    let request = Event::Request {
        event,
        request: Request {
            head: RequestHead {
                method: if body.is_some() { "POST" } else { "GET" }.to_owned(),
                url: "http://127.0.0.1/party/lobby/path?x=1".to_owned(),
                headers: vec![("x-name".to_owned(), "Alice".to_owned())],
            },
            body: body.map(|body| Content::Whole(Bytes::from(body))),
        },
    };
    guest.turn(&request, api)?;
    Ok(event)
}

impl RoomApi for Recorder {
    fn settle(&mut self, event: EventId, outcome: Outcome) -> Result<(), Refusal> {
        self.calls.push(Call::Settle(event.0, outcome));
        Ok(())
    }

    fn section_enter(&mut self, outer: Scope, kind: SectionKind) -> Result<Scope, Refusal> {
        self.calls.push(Call::Enter(outer.0, kind));
        self.handles += 1;
        Ok(Scope(100 + self.handles))
    }

    fn section_leave(&mut self, scope: Scope, ending: SectionEnding) -> Result<(), Refusal> {
        self.calls.push(Call::Leave(scope.0, ending));
        Ok(())
    }

    fn accept(&mut self, connection: ConnectionHandle, tags: Vec<String>) -> Result<(), Refusal> {
        self.calls.push(Call::Accept(connection.0, tags));
        Ok(())
    }

    fn send(&mut self, connection: ConnectionHandle, message: Message) -> Result<(), Refusal> {
        assert!(!self.panics_on_send, "told to");
        self.sends += 1;
        self.calls.push(Call::Send(connection.0, message));
        Ok(())
    }

    fn broadcast(&mut self, message: Message, without: &[ConnectionHandle]) -> Result<(), Refusal> {
        let without = without.iter().map(|connection| connection.0).collect();
        self.calls.push(Call::Broadcast(message, without));
        Ok(())
    }

    fn close(
        &mut self,
        connection: ConnectionHandle,
        code: Option<u16>,
        reason: String,
    ) -> Result<(), Refusal> {
        self.calls.push(Call::Close(connection.0, code, reason));
        Ok(())
    }

    fn body_open(&mut self) -> Result<BodyHandle, Refusal> {
        Err(Refusal::Gone)
    }

    fn body_write(&mut self, _: BodyHandle, _: Bytes, _: Scope) -> Result<bool, Refusal> {
        Err(Refusal::Gone)
    }

    fn body_finish(&mut self, _: BodyHandle) -> Result<(), Refusal> {
        Err(Refusal::Gone)
    }

    fn body_abort(&mut self, _: BodyHandle) {}

    fn body_pull(&mut self, _: BodyHandle, _: Scope) -> Result<(), Refusal> {
        Err(Refusal::Gone)
    }

    fn body_cancel(&mut self, _: BodyHandle) {}

    fn storage_get(&mut self, key: &str) -> Result<Option<Bytes>, Refusal> {
        Ok(self.stored.get(key).cloned())
    }

    fn storage_put(&mut self, key: &str, value: Bytes) -> Result<(), Refusal> {
        self.stored.insert(key.to_owned(), value);
        Ok(())
    }

    fn storage_delete(&mut self, key: &str) -> Result<bool, Refusal> {
        Ok(self.stored.remove(key).is_some())
    }

    fn storage_delete_all(&mut self) -> Result<(), Refusal> {
        self.stored.clear();
        self.calls.push(Call::DeleteAll);
        Ok(())
    }

    fn storage_sync(&mut self, scope: Scope) -> Result<Option<SyncHandle>, Refusal> {
        self.calls.push(Call::Sync(scope.0));
        self.handles += 1;
        Ok((!self.is_durable).then_some(SyncHandle(self.handles)))
    }

    fn alarm_get(&mut self) -> Result<Option<u64>, Refusal> {
        Ok(self.alarm)
    }

    fn alarm_set(&mut self, at_ms: u64) -> Result<(), Refusal> {
        self.alarm = Some(at_ms);
        self.calls.push(Call::AlarmSet(at_ms));
        Ok(())
    }

    fn alarm_delete(&mut self) -> Result<(), Refusal> {
        self.alarm = None;
        self.calls.push(Call::AlarmDelete);
        Ok(())
    }

    /// Two entries a page, so that guests have to page.
    fn storage_list(&mut self, range: &Range, after: Option<&str>) -> Result<Page, Refusal> {
        let mut found: Vec<_> = self
            .stored
            .iter()
            .filter(|(key, _)| range.prefix.as_ref().is_none_or(|p| key.starts_with(p)))
            .filter(|(key, _)| range.start.as_ref().is_none_or(|start| *key >= start))
            .filter(|(key, _)| range.end.as_ref().is_none_or(|end| *key < end))
            .map(|(key, value)| (key.clone(), value.clone()))
            .collect();
        if range.reverse {
            found.reverse();
        }
        if let Some(after) = after {
            let at = found.iter().position(|(key, _)| key == after);
            found.drain(..=at.expect("a listing goes on after a key it has seen"));
        }
        found.truncate(range.limit.map_or(usize::MAX, |limit| limit as usize));
        let more = (found.len() > 2).then(|| found[1].0.clone());
        found.truncate(2);
        Ok(Page {
            entries: found,
            more,
        })
    }

    fn timer_set(&mut self, delay_ms: u64, scope: Scope) -> Result<TimerHandle, Refusal> {
        self.calls.push(Call::TimerSet(delay_ms, scope.0));
        self.handles += 1;
        Ok(TimerHandle(self.handles))
    }

    fn timer_clear(&mut self, timer: TimerHandle) {
        self.calls.push(Call::TimerClear(timer.0));
    }

    fn now_us(&mut self) -> u64 {
        self.us += 1;
        1_700_000_000_000_000 + self.us
    }

    fn monotonic_us(&mut self) -> u64 {
        self.us += 1;
        self.us
    }

    fn random(&mut self, count: u32) -> Result<Vec<u8>, Refusal> {
        if self.random {
            let bytes = std::fs::File::open("/dev/urandom").and_then(|mut file| {
                let mut bytes = vec![0; count as usize];
                std::io::Read::read_exact(&mut file, &mut bytes).map(|()| bytes)
            });
            return Ok(bytes.unwrap());
        }
        Ok((0..count).map(|index| index as u8).collect())
    }

    fn log(&mut self, level: LogLevel, text: String) {
        self.calls.push(Call::Log(level, text));
    }

    fn exceeded(&self) -> Option<GuestError> {
        let max = self.sends_max?;
        (self.sends > max).then_some(GuestError::EffectLimit {
            name: "effects_max",
            value: self.sends,
            max,
        })
    }
}

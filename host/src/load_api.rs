//! The world as code sees it that is only being evaluated: a clock, random bytes and a log. There
//! is no room yet, so everything else is refused.

use std::sync::Arc;

use bytes::Bytes;
use partykit_core::{
    BodyHandle, Clock, ConnectionHandle, Entropy, EventId, GuestError, LogLevel, LogLine, Message,
    Outcome, Page, Range, Refusal, RoomApi, RoomKey, Scope, SectionEnding, SectionKind, SyncHandle,
    TimerHandle,
};

use crate::clock::{OsEntropy, SystemClock};
use crate::log::LogSink;

/// What one import call gives at most, as in a room.
const RANDOM_BYTES_MAX: u32 = 65_536;

pub(crate) struct LoadApi {
    room: RoomKey,
    log: Arc<dyn LogSink>,
    clock: Arc<SystemClock>,
}

impl LoadApi {
    /// `clock` is that of the rooms, which begin with what is evaluated here.
    pub(crate) fn new(room: RoomKey, log: Arc<dyn LogSink>, clock: Arc<SystemClock>) -> Self {
        Self { room, log, clock }
    }
}

fn no_room<T>() -> Result<T, Refusal> {
    Err(Refusal::Invalid(
        "there is no room while the code is being loaded".to_owned(),
    ))
}

impl RoomApi for LoadApi {
    fn settle(&mut self, _: EventId, _: Outcome) -> Result<(), Refusal> {
        no_room()
    }

    fn section_enter(&mut self, _: Scope, _: SectionKind) -> Result<Scope, Refusal> {
        no_room()
    }

    fn section_leave(&mut self, _: Scope, _: SectionEnding) -> Result<(), Refusal> {
        no_room()
    }

    fn accept(&mut self, _: ConnectionHandle, _: Vec<String>) -> Result<(), Refusal> {
        no_room()
    }

    fn send(&mut self, _: ConnectionHandle, _: Message) -> Result<(), Refusal> {
        no_room()
    }

    fn broadcast(&mut self, _: Message, _: &[ConnectionHandle]) -> Result<(), Refusal> {
        no_room()
    }

    fn close(&mut self, _: ConnectionHandle, _: Option<u16>, _: String) -> Result<(), Refusal> {
        no_room()
    }

    fn body_open(&mut self) -> Result<BodyHandle, Refusal> {
        no_room()
    }

    fn body_write(&mut self, _: BodyHandle, _: Bytes, _: Scope) -> Result<bool, Refusal> {
        no_room()
    }

    fn body_finish(&mut self, _: BodyHandle) -> Result<(), Refusal> {
        no_room()
    }

    fn body_abort(&mut self, _: BodyHandle) {}

    fn body_pull(&mut self, _: BodyHandle, _: Scope) -> Result<(), Refusal> {
        no_room()
    }

    fn body_cancel(&mut self, _: BodyHandle) {}

    fn storage_get(&mut self, _: &str) -> Result<Option<Bytes>, Refusal> {
        no_room()
    }

    fn storage_put(&mut self, _: &str, _: Bytes) -> Result<(), Refusal> {
        no_room()
    }

    fn storage_delete(&mut self, _: &str) -> Result<bool, Refusal> {
        no_room()
    }

    fn storage_delete_all(&mut self) -> Result<(), Refusal> {
        no_room()
    }

    fn storage_sync(&mut self, _: Scope) -> Result<Option<SyncHandle>, Refusal> {
        no_room()
    }

    fn alarm_get(&mut self) -> Result<Option<u64>, Refusal> {
        no_room()
    }

    fn alarm_set(&mut self, _: u64) -> Result<(), Refusal> {
        no_room()
    }

    fn alarm_delete(&mut self) -> Result<(), Refusal> {
        no_room()
    }

    fn storage_list(&mut self, _: &Range, _: Option<&str>) -> Result<Page, Refusal> {
        no_room()
    }

    fn timer_set(&mut self, _: u64, _: Scope) -> Result<TimerHandle, Refusal> {
        no_room()
    }

    fn timer_clear(&mut self, _: TimerHandle) {}

    fn now_us(&mut self) -> u64 {
        self.clock.now().unix_us
    }

    fn monotonic_us(&mut self) -> u64 {
        self.clock.now().monotonic_us
    }

    fn random(&mut self, count: u32) -> Result<Vec<u8>, Refusal> {
        let mut bytes = vec![0; count.min(RANDOM_BYTES_MAX) as usize];
        OsEntropy.fill(&mut bytes)?;
        Ok(bytes)
    }

    fn log(&mut self, level: LogLevel, text: String) {
        self.log.line(&LogLine {
            room: self.room.clone(),
            level,
            text,
        });
    }

    fn exceeded(&self) -> Option<GuestError> {
        None
    }
}

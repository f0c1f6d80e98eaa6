//! Everything a guest may ask of the world. If every method here failed, a guest could reach
//! nothing. One method for each import of wit/; the meaning of each is written there.

use bytes::Bytes;

use crate::{
    BodyHandle, ConnectionHandle, EventId, LogLevel, Message, Outcome, Page, Range, Refusal, Scope,
    SectionEnding, SectionKind, SyncHandle, TimerHandle,
};

/// The room, as its guest sees it during one turn. All calls are synchronous; outgoing ones are
/// collected and leave after the turn's writes are durable.
pub trait RoomApi {
    /// Ends an event.
    ///
    /// # Errors
    /// `Gone` when it is not owed.
    fn settle(&mut self, event: EventId, outcome: Outcome) -> Result<(), Refusal>;

    /// Opens a section inside `outer`.
    ///
    /// # Errors
    /// `Invalid` when `outer` is not the innermost open section.
    fn section_enter(&mut self, outer: Scope, kind: SectionKind) -> Result<Scope, Refusal>;

    /// Closes the innermost section.
    ///
    /// # Errors
    /// `Invalid` when `scope` is not the innermost open section, or no transaction and to be
    /// rolled back.
    fn section_leave(&mut self, scope: Scope, ending: SectionEnding) -> Result<(), Refusal>;

    /// Puts a connecting client among the room's connections.
    ///
    /// # Errors
    /// `Gone` when it has left already, `Invalid` when it was accepted before.
    fn accept(&mut self, connection: ConnectionHandle, tags: Vec<String>) -> Result<(), Refusal>;

    /// Sends to one connection.
    ///
    /// # Errors
    /// `Gone` when it is closed or closing; a limit on the message's size.
    fn send(&mut self, connection: ConnectionHandle, message: Message) -> Result<(), Refusal>;

    /// Sends to every accepted, open connection except some.
    ///
    /// # Errors
    /// A limit on the message's size.
    fn broadcast(&mut self, message: Message, without: &[ConnectionHandle]) -> Result<(), Refusal>;

    /// Starts to close a connection; closing it again does nothing.
    ///
    /// # Errors
    /// `Gone` when there is no such connection.
    fn close(
        &mut self,
        connection: ConnectionHandle,
        code: Option<u16>,
        reason: String,
    ) -> Result<(), Refusal>;

    /// Makes a body to be given in a response.
    ///
    /// # Errors
    /// `bodies_max`.
    fn body_open(&mut self) -> Result<BodyHandle, Refusal>;

    /// Queues a piece; false says "enough", and `Ready` follows in that scope.
    ///
    /// # Errors
    /// `Gone` when it is finished, aborted or its client has gone; `body_buffer_bytes_max`.
    fn body_write(&mut self, body: BodyHandle, piece: Bytes, scope: Scope)
    -> Result<bool, Refusal>;

    /// The body is whole.
    ///
    /// # Errors
    /// As for writing.
    fn body_finish(&mut self, body: BodyHandle) -> Result<(), Refusal>;

    /// The body breaks off; unknown ones are ignored.
    fn body_abort(&mut self, body: BodyHandle);

    /// Asks for the next piece of a request's body.
    ///
    /// # Errors
    /// `Gone` when there is none, `Invalid` while another pull is not answered.
    fn body_pull(&mut self, body: BodyHandle, scope: Scope) -> Result<(), Refusal>;

    /// The rest of a request's body is not wanted; unknown ones are ignored.
    fn body_cancel(&mut self, body: BodyHandle);

    /// Reads a value; sees the writes of this turn and of every earlier one.
    ///
    /// # Errors
    /// `Internal` when the store cannot be read.
    fn storage_get(&mut self, key: &str) -> Result<Option<Bytes>, Refusal>;

    /// Writes a value with the batch of this turn, or in the innermost transaction.
    ///
    /// # Errors
    /// A limit on keys, values, or what an open transaction may hold.
    fn storage_put(&mut self, key: &str, value: Bytes) -> Result<(), Refusal>;

    /// Deletes a value, as a write does; says whether there was one.
    ///
    /// # Errors
    /// As for reading and writing.
    fn storage_delete(&mut self, key: &str) -> Result<bool, Refusal>;

    /// Deletes every value, as a write does; the alarm stays.
    ///
    /// # Errors
    /// As for writing.
    fn storage_delete_all(&mut self) -> Result<(), Refusal>;

    /// One page of a range, bounded in bytes.
    ///
    /// # Errors
    /// As for reading.
    fn storage_list(&mut self, range: &Range, after: Option<&str>) -> Result<Page, Refusal>;

    /// Waits for every batch so far, this turn's included, to be durable: a `Synced` follows in
    /// that scope. None when they are already.
    ///
    /// # Errors
    /// `syncs_max`.
    fn storage_sync(&mut self, scope: Scope) -> Result<Option<SyncHandle>, Refusal>;

    /// When the room's alarm is due, in milliseconds since 1970; none while its handler runs,
    /// unless another one was set meanwhile.
    ///
    /// # Errors
    /// As for reading.
    fn alarm_get(&mut self) -> Result<Option<u64>, Refusal>;

    /// Sets the room's alarm in place of the one it has; a moment that has passed means now.
    /// Written as a value is.
    ///
    /// # Errors
    /// As for writing.
    fn alarm_set(&mut self, at_ms: u64) -> Result<(), Refusal>;

    /// Forgets the room's alarm.
    ///
    /// # Errors
    /// As for writing.
    fn alarm_delete(&mut self) -> Result<(), Refusal>;

    /// Arms a timer.
    ///
    /// # Errors
    /// `timers_max`.
    fn timer_set(&mut self, delay_ms: u64, scope: Scope) -> Result<TimerHandle, Refusal>;

    /// Forgets a timer; unknown ones are ignored.
    fn timer_clear(&mut self, timer: TimerHandle);

    /// Microseconds since 1970.
    fn now_us(&mut self) -> u64;

    /// Microseconds since some fixed moment; never goes back.
    fn monotonic_us(&mut self) -> u64;

    /// Random bytes from the operating system.
    ///
    /// # Errors
    /// More than 65,536 at once.
    fn random(&mut self, count: u32) -> Result<Vec<u8>, Refusal>;

    /// Writes to the room's log at once.
    fn log(&mut self, level: LogLevel, text: String);

    /// Asked by the engine after each import: what the turn asked for that no turn may, which
    /// ends it. `None` while all is well.
    fn exceeded(&self) -> Option<crate::GuestError>;
}

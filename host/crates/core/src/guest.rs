//! What `rooms` knows of the thing that runs a room's code, and nothing more: `engine` implements
//! it with wasm, tests implement it with a script.

use crate::{Event, EventId, GuestError, RoomApi};

/// What a guest says about itself before anything is delivered.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Description {
    /// Version of the contract it was built for.
    pub contract: String,
    /// Things worth telling whoever deploys it.
    pub warnings: Vec<String>,
}

/// One running machine. Dropping it at any moment is safe and loses nothing but its memory.
pub trait Guest: Send {
    /// Hands over one event and returns when the guest's job queue is dry. Everything the guest
    /// does meanwhile goes through `api`, synchronously and in order.
    ///
    /// # Errors
    /// After an error the guest must be dropped: its memory is in no known state.
    fn turn(&mut self, event: &Event, api: &mut dyn RoomApi) -> Result<(), GuestError>;

    /// Asked when nothing is outstanding and `owed` events are not settled: which of them never
    /// can be. May collect garbage; a guest that cannot know answers with none.
    ///
    /// # Errors
    /// As for a turn.
    fn stranded(
        &mut self,
        owed: &[EventId],
        api: &mut dyn RoomApi,
    ) -> Result<Vec<EventId>, GuestError>;

    /// Bytes of memory the guest occupies.
    fn memory_bytes(&self) -> u64;
}

/// Makes guests of one deployment. Shared by all its rooms, callable from any thread.
pub trait GuestFactory: Send + Sync {
    /// Makes a guest whose code is loaded and that has seen no event. Blocks the thread for as
    /// long as that takes; `api` serves what loading may do (clock, random, log).
    ///
    /// # Errors
    /// The code does not load, a limit was reached, or the host has no room for another guest.
    fn start(&self, api: &mut dyn RoomApi) -> Result<Box<dyn Guest>, GuestError>;
}

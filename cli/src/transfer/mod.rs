//! Rooms on their way: out of a store into a text (docs/storage-export.md), and into a store out of
//! a text or of what PartyKit's `dev` has stored. Piece by piece: a room may be larger than memory.

mod checks;
mod error;
mod export;
mod file_source;
mod import;
mod line;
mod partykit_source;
mod progress;
mod wanted;

use bytes::Bytes;
use partykit_core::{Alarm, RoomKey};

pub(crate) use checks::Sizes;
pub(crate) use error::{Place, TransferError};
pub(crate) use export::{Export, Exported};
pub(crate) use file_source::FileSource;
pub(crate) use import::{Destination, Imported, import};
pub(crate) use partykit_source::{Names, PartyKitSource};
pub(crate) use progress::Progress;
pub(crate) use wanted::Wanted;

/// Where rooms come from. Can be gone through again and gives the same.
pub(crate) trait Source {
    /// Gives everything to `taker`: rooms one after the other, the keys of each in the order of
    /// their bytes, none twice.
    fn each(&self, taker: &mut dyn Taker, progress: &Progress) -> Result<(), TransferError>;

    /// How much there is to be gone through, as `progress` counts it.
    fn length(&self) -> u64;
}

/// Where they go.
pub(crate) trait Taker {
    fn room(&mut self, room: &RoomKey, alarm: Option<Alarm>) -> Result<(), TransferError>;
    fn entry(&mut self, key: String, value: Bytes) -> Result<(), TransferError>;
    fn room_ends(&mut self) -> Result<(), TransferError>;
}

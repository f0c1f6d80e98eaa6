//! Who calls `Room::step`: the room map, the way into a room, and the carrying out of what it
//! wants done. The only place where rooms meet tokio.

mod admission;
mod alarms;
mod cell;
mod directory;
mod handle;
mod perform;
mod schedule;

pub(crate) use alarms::hand_out;
pub(crate) use directory::{Bounds, Directory, RoomMaker};
pub(crate) use handle::{
    Answer, Delivery, ExchangeEnds, Handshake, Peer, RoomHandle, random_connection_id,
};

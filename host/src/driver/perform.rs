//! Carries out what a room wants done, in the order given and without waiting: frames go into
//! queues, batches to the committer, answers to whoever waits for them.

use std::sync::Arc;

use partykit_core::{ConnectionHandle, Response};
use partykit_rooms::{Action, Input};

use super::handle::{Cell, Handshake, RoomHandle};
use crate::socket::Frame;

pub(crate) fn perform(cell: &mut Cell, handle: &Arc<RoomHandle>, action: Action) {
    let directory = &handle.directory;
    match action {
        Action::Commit {
            generation,
            batch,
            writes,
        } => {
            let room = Arc::downgrade(handle);
            let done = Box::new(move |result| {
                if let Some(room) = room.upgrade() {
                    room.tell_later(Input::Committed { batch, result });
                }
            });
            cell.lane.submit(generation, writes, done);
        }
        Action::Accept { connection } => answer(cell, connection, Handshake::Open),
        Action::Reject {
            connection,
            code,
            reason,
        } => {
            if let Some(peer) = cell.peers.get(&connection) {
                peer.outbound.forget_queued();
                peer.outbound.close(Some(code), &reason);
            }
            answer(cell, connection, Handshake::Open);
        }
        Action::Refuse {
            connection,
            response,
        } => {
            answer(cell, connection, Handshake::Refused(response));
            cell.peers.remove(&connection);
        }
        Action::Send {
            connection,
            message,
        } => {
            if let Some(peer) = cell.peers.get(&connection) {
                peer.outbound.push(&Frame::message(&message));
            }
        }
        Action::Broadcast {
            connections,
            message,
        } => {
            // Encoded once; every queue shares the bytes.
            let frame = Frame::message(&message);
            for connection in &connections {
                if let Some(peer) = cell.peers.get(connection) {
                    peer.outbound.push(&frame);
                }
            }
        }
        Action::Close {
            connection,
            code,
            reason,
        } => {
            if let Some(peer) = cell.peers.get(&connection) {
                peer.outbound.close(code, &reason);
            }
        }
        Action::Respond { exchange, response } => {
            if let Some(answer) = cell.exchanges.remove(&exchange) {
                // A client that has gone is no error.
                let _: Result<(), Response> = answer.send(response);
            }
        }
        Action::Log(line) => directory.log().line(&line),
        Action::Failed { error } => directory.log().failed(&handle.key, &error),
        Action::WakeAt { monotonic_us } => {
            cell.wake_at(handle, directory.clock(), monotonic_us);
        }
        Action::Evict => cell.evict = true,
    }
}

fn answer(cell: &mut Cell, connection: ConnectionHandle, how: Handshake) {
    let handshake = cell
        .peers
        .get_mut(&connection)
        .and_then(|peer| peer.handshake.take());
    if let Some(handshake) = handshake {
        // A client that has gone meanwhile says so by an input of its own.
        let _: Result<(), Handshake> = handshake.send(how);
    }
}

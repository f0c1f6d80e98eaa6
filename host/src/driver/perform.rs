//! Carries out what a room wants done, in the order given and without waiting: frames go into
//! queues, batches to the committer, answers to whoever waits for them.

use std::sync::Arc;

use partykit_core::{Response, RoomBatch};
use partykit_rooms::{Action, BatchId, Input};

use super::handle::{Cell, Handshake, Peer, RoomHandle};
use crate::socket::Frame;

pub(crate) fn perform(cell: &mut Cell, handle: &Arc<RoomHandle>, action: Action) {
    let directory = &handle.directory;
    match action {
        Action::Commit {
            generation,
            batch,
            writes,
        } => commit(cell, handle, generation, batch, writes),
        Action::Respond { exchange, response } => {
            if let Some(answer) = cell.exchanges.remove(&exchange) {
                // A client that has gone is no error.
                let _: Result<(), Response> = answer.send(response);
            }
        }
        Action::Broadcast {
            connections,
            message,
        } => {
            // Encoded once; every queue shares the bytes.
            let frame = Frame::message(&message);
            let peers = connections
                .iter()
                .filter_map(|handle| cell.peers.get(handle));
            peers.for_each(|peer| peer.outbound.push(&frame));
        }
        Action::Refuse {
            connection,
            response,
        } => {
            // It never becomes a connection, so that nobody will tell of its end.
            if let Some(mut peer) = cell.peers.remove(&connection) {
                answer(&mut peer, Handshake::Refused(response));
            }
        }
        Action::Accept { connection }
        | Action::Reject { connection, .. }
        | Action::Send { connection, .. }
        | Action::Close { connection, .. } => {
            // One that has gone meanwhile has told the room so by an input of its own.
            if let Some(peer) = cell.peers.get_mut(&connection) {
                tell_peer(peer, action);
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

fn commit(
    cell: &Cell,
    handle: &Arc<RoomHandle>,
    generation: u64,
    batch: BatchId,
    writes: RoomBatch,
) {
    let room = Arc::downgrade(handle);
    let done = Box::new(move |result| {
        if let Some(room) = room.upgrade() {
            room.tell_later(Input::Committed { batch, result });
        }
    });
    cell.lane.submit(generation, writes, done);
}

fn tell_peer(peer: &mut Peer, action: Action) {
    match action {
        Action::Accept { .. } => answer(peer, Handshake::Open),
        Action::Reject { code, reason, .. } => {
            peer.outbound.forget_queued();
            peer.outbound.close(Some(code), &reason);
            answer(peer, Handshake::Open);
        }
        Action::Send { message, .. } => peer.outbound.push(&Frame::message(&message)),
        Action::Close { code, reason, .. } => peer.outbound.close(code, &reason),
        _ => {}
    }
}

fn answer(peer: &mut Peer, how: Handshake) {
    if let Some(handshake) = peer.handshake.take() {
        // A client that has gone meanwhile says so by an input of its own.
        let _: Result<(), Handshake> = handshake.send(how);
    }
}

//! Carries out what a room wants done, in the order given and without waiting: frames go into
//! queues, batches to the committer, answers to whoever waits for them.

use std::sync::Arc;

use partykit_core::{Clock, Content, Response, RoomBatch};
use partykit_rooms::{Action, BatchId, ExchangeId, Input};

use super::cell::Cell;
use super::handle::{Answer, Handshake, Peer, RoomHandle};
use crate::exchange::{Part, PiecesBody};
use crate::socket::Frame;

pub(crate) fn perform(cell: &mut Cell, handle: &Arc<RoomHandle>, action: Action) {
    let directory = &handle.directory;
    match action {
        Action::Commit {
            generation,
            batch,
            writes,
        } => commit(cell, handle, generation, batch, writes),
        Action::Respond { .. }
        | Action::BodyWrite { .. }
        | Action::BodyFinish { .. }
        | Action::BodyAbort { .. }
        | Action::Pull { .. }
        | Action::CancelBody { .. } => exchange(cell, handle, action),
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
            let is_close = matches!(action, Action::Close { .. });
            if let Some(peer) = cell.peers.get_mut(&connection) {
                tell_peer(peer, action);
                if is_close && peer.is_leaving {
                    cell.peers.remove(&connection);
                }
            }
        }
        Action::AlarmSet { at_ms } => directory.alarms().set(&handle.key, at_ms),
        Action::AlarmOver => {
            let now_ms = directory.clock().now().unix_us / 1000;
            directory.alarms().over(&handle.key, now_ms);
        }
        Action::Log(line) => directory.log().line(&line),
        Action::Failed { error } => directory.log().failed(&handle.key, &error),
        Action::WakeAt { monotonic_us } => {
            cell.wake_at(handle, directory.clock(), monotonic_us);
        }
        Action::Evict => cell.evict = true,
    }
}

/// An exchange whose client has gone is not there any more, which is no error.
fn exchange(cell: &mut Cell, handle: &Arc<RoomHandle>, action: Action) {
    match action {
        Action::Respond { exchange, response } => respond(cell, handle, exchange, response),
        Action::BodyWrite { exchange, piece } => {
            let parts = cell
                .exchanges
                .get(&exchange)
                .and_then(|ends| ends.parts.as_ref());
            // A client that goes says so by an input of its own.
            let _ = parts.map(|parts| parts.send(Part::Piece(piece)));
        }
        Action::BodyFinish { exchange } => {
            let ends = cell.exchanges.get_mut(&exchange);
            if let Some(parts) = ends.and_then(|ends| ends.parts.take()) {
                let _ = parts.send(Part::End);
                end_exchange(cell, handle, exchange);
            }
        }
        Action::BodyAbort { exchange } => break_off(cell, handle, exchange),
        Action::Pull { exchange } => {
            let pulls = cell
                .exchanges
                .get(&exchange)
                .and_then(|ends| ends.pulls.as_ref());
            let _ = pulls.map(|pulls| pulls.send(()));
        }
        Action::CancelBody { exchange } => {
            if let Some(ends) = cell.exchanges.get_mut(&exchange) {
                ends.pulls = None;
            }
        }
        _ => {}
    }
}

fn respond(cell: &mut Cell, handle: &Arc<RoomHandle>, exchange: ExchangeId, response: Response) {
    let Some(ends) = cell.exchanges.get_mut(&exchange) else {
        return;
    };
    let Some(answer) = ends.answer.take() else {
        return;
    };
    // A client that has gone says so by an input of its own.
    match response.body {
        Content::Whole(_) => {
            let _ = answer.send(Answer::Whole(response));
            end_exchange(cell, handle, exchange);
        }
        Content::Pieces(_) => {
            let (parts, body) = PiecesBody::new(handle.clone(), exchange);
            ends.parts = Some(parts);
            let _ = answer.send(Answer::Pieces(response, body));
        }
    }
}

/// Dropping the sender breaks the response off; one that is not being written is none of ours.
fn break_off(cell: &mut Cell, handle: &Arc<RoomHandle>, exchange: ExchangeId) {
    let ends = cell.exchanges.get(&exchange);
    if ends.is_some_and(|ends| ends.parts.is_some()) {
        end_exchange(cell, handle, exchange);
    }
}

/// The answer is out or broken off: what is left of the request is not read any more.
fn end_exchange(cell: &mut Cell, handle: &Arc<RoomHandle>, exchange: ExchangeId) {
    let ends = cell.exchanges.remove(&exchange);
    if ends.is_some_and(|ends| ends.pulls.is_some()) {
        let failure = Some("the request was answered before its body was read".to_owned());
        handle.tell_later(Input::BodyEnd { exchange, failure });
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
            peer.outbound.begin_anew();
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

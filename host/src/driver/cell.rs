//! What whoever runs a room has in hand: the room itself, and the ends by which it reaches its
//! peers. Behind the handle's lock, and never touched without it.

use std::collections::HashMap;
use std::sync::Arc;

use partykit_core::{Clock, ConnectionHandle};
use partykit_rooms::{Action, ExchangeId, Input, Room};
use partykit_storage::CommitLane;
use tokio::task::AbortHandle;

use super::handle::{Delivery, ExchangeEnds, Peer, RoomHandle};
use super::perform;
use crate::clock::SystemClock;

/// The room and what belongs to it on this side of its state machine.
pub(crate) struct Cell {
    pub(crate) room: Room,
    pub(crate) peers: HashMap<ConnectionHandle, Peer>,
    pub(crate) exchanges: HashMap<ExchangeId, ExchangeEnds>,
    /// The room's way to the disk.
    pub(crate) lane: CommitLane,
    pub(crate) wake_timer: Option<AbortHandle>,
    /// The room has nothing left to do and wants to be dropped.
    pub(crate) evict: bool,
    actions: Vec<Action>,
}

impl Cell {
    pub(crate) fn new(room: Room, lane: CommitLane) -> Self {
        Self {
            room,
            peers: HashMap::new(),
            exchanges: HashMap::new(),
            lane,
            wake_timer: None,
            evict: false,
            actions: Vec::new(),
        }
    }

    /// One delivery: a step of the room, and all that it wants done.
    pub(crate) fn step(&mut self, handle: &Arc<RoomHandle>, delivery: Delivery) {
        let input = match delivery {
            Delivery::Input(input) => input,
            Delivery::Connect {
                client,
                request,
                peer,
            } => {
                self.peers.insert(client.handle, peer);
                Input::Connect { client, request }
            }
            Delivery::Request {
                exchange,
                head,
                body,
                ends,
            } => {
                self.exchanges.insert(exchange, ends);
                Input::Request {
                    exchange,
                    head,
                    body,
                }
            }
        };
        match &input {
            Input::Closed {
                client,
                is_waiting: true,
                ..
            } => {
                // Unless the room has closed it in the meantime, it will now.
                if let Some(peer) = self.peers.get_mut(client)
                    && !peer.outbound.is_closing()
                {
                    peer.is_leaving = true;
                } else {
                    self.peers.remove(client);
                }
            }
            Input::Closed { client, .. } => drop(self.peers.remove(client)),
            Input::Gone { exchange } => drop(self.exchanges.remove(exchange)),
            _ => {}
        }
        let now = handle.directory.clock().now();
        let mut actions = std::mem::take(&mut self.actions);
        self.room.step(input, now, &mut actions);
        for action in actions.drain(..) {
            perform::perform(self, handle, action);
        }
        self.actions = actions;
        handle.note_idle(self.room.idle_since_us());
        handle.note_space(!self.room.has_space());
    }

    /// Arms the one timer that stands for everything the room waits for.
    pub(crate) fn wake_at(
        &mut self,
        handle: &Arc<RoomHandle>,
        clock: &SystemClock,
        monotonic_us: Option<u64>,
    ) {
        if let Some(armed) = self.wake_timer.take() {
            armed.abort();
        }
        let Some(monotonic_us) = monotonic_us else {
            return;
        };
        let until = tokio::time::Instant::from_std(clock.instant(monotonic_us));
        let room = Arc::downgrade(handle);
        let task = handle.directory.runtime().spawn(async move {
            tokio::time::sleep_until(until).await;
            if let Some(room) = room.upgrade() {
                room.tell(Input::Tick);
            }
        });
        self.wake_timer = Some(task.abort_handle());
    }
}

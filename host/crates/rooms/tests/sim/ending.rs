//! How a run ends: everything comes to rest, then everybody leaves or the host stops, and nothing
//! may be left.

use std::collections::BTreeSet;

use partykit_rooms::Input;

use crate::simulation::Simulation;

const DRAIN_MS: u64 = 2_000;

impl Simulation {
    /// The driver drops the room, as far as nobody would notice.
    pub(crate) fn evict(&mut self) {
        self.note("evict");
        let left = self.bodies.left();
        let nobody = self.living().is_empty() && self.exchanges.is_empty();
        self.check(nobody, "a room is evicted only when nobody is there");
        self.check(left.is_empty(), &format!("evicted with {left}"));
        self.check(
            self.room.commits.is_empty(),
            "a room is evicted only when everything is durable",
        );
        self.check_closes();
        self.check_alarm_is_answered();
        self.was_evicted = true;
        self.start_anew();
    }

    fn time_passes(&mut self, rounds: u64, ms: u64) {
        for _ in 0..rounds {
            self.all_bodies_move();
            while !self.room.commits.is_empty() {
                self.commit();
                self.observe();
            }
            self.room.advance_ms(ms);
            self.observe();
            self.look_at_alarm();
            self.observe();
        }
    }

    /// Lets everything come to rest, and checks that nothing is left undone.
    pub(crate) fn settle_down(&mut self) {
        self.is_settling = true;
        self.time_passes(300, 1_000);
        self.check(
            self.exchanges.is_empty(),
            "every request is answered in the end",
        );
        for client in self.clients.values() {
            self.check(
                client.answered || client.ended,
                "every handshake is answered in the end",
            );
            self.check(
                !client.awaits_close,
                "whoever sends a Close frame gets the room's",
            );
            let alive = client.accepted && !client.ended;
            let all = client.received == client.sent;
            let promise = format!("nothing is lost on a connection that stayed: {client:?}");
            self.check(!alive || all, &promise);
        }
        self.check_closes();
        self.check_alarm_has_fired();
        let members = self.room.factory.members();
        let living: BTreeSet<_> = self.living().into_iter().collect();
        let same = members == living && self.room.room.connection_count() == living.len();
        self.check(
            same,
            "guest and room have the same connections, and no others",
        );
    }

    fn check_closes(&self) {
        let ended = self.clients.values().filter(|c| c.accepted && c.ended);
        let without = ended.filter(|client| client.closed_events != 1).count() as u64;
        self.check(
            without <= self.given_up,
            "onClose runs for whoever was accepted",
        );
    }

    /// Everybody leaves, or the host stops while some are there: either way nothing is left.
    pub(crate) fn end(&mut self) {
        self.was_evicted = false;
        // A room that was evicted is made anew by whoever comes.
        let visitor = self.room.request("get last");
        self.exchanges.insert(visitor);
        self.observe();
        if self.random.below(2) == 0 {
            self.everybody_leaves();
        } else {
            self.note("stop");
            self.room.step(Input::Stop {
                code: 1012,
                reason: "bye",
                drain_ms: DRAIN_MS,
            });
        }
        self.observe();
        self.time_passes(40, 1_000);
        self.check(self.was_evicted, "in the end the room is evicted");
    }

    fn everybody_leaves(&mut self) {
        for handle in self.living() {
            self.client_leaves(handle, 1000);
        }
        for exchange in self.bodies.streams.clone() {
            self.goes(exchange);
        }
    }
}

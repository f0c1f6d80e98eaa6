//! What the room does, and which promise each action must keep.

use std::sync::atomic::Ordering;

use partykit_core::{ConnectionHandle, Content, Message};
use partykit_rooms::{Action, ExchangeId};

use crate::simulation::{Client, Simulation};

impl Simulation {
    /// Carries out what the room wants, until it wants nothing more or its host dies.
    pub(crate) fn observe(&mut self) {
        while !self.room.actions.is_empty() {
            for action in std::mem::take(&mut self.room.actions) {
                if self.crash_in == Some(0) {
                    self.crash_in = None;
                    return self.crash();
                }
                self.crash_in = self.crash_in.map(|actions| actions - 1);
                if action == Action::Evict {
                    return self.evict();
                }
                self.carry_out(&action);
            }
        }
        let alive = self.room.factory.alive.load(Ordering::Relaxed);
        self.check(alive <= 1, "a room has at most one guest");
    }

    fn carry_out(&mut self, action: &Action) {
        match action {
            Action::Send {
                connection,
                message,
            } => self.received(&[*connection], message),
            Action::Broadcast {
                connections,
                message,
            } => self.received(connections, message),
            Action::Accept { connection } => self.handshake(*connection, true),
            Action::Reject { connection, .. } | Action::Refuse { connection, .. } => {
                self.handshake(*connection, false);
            }
            Action::Close {
                connection, code, ..
            } => self.told_to_close(*connection, *code),
            Action::Log(line) => self.logged(&line.text),
            Action::AlarmSet { at_ms } => self.alarm_is_told(*at_ms),
            Action::AlarmOver => self.alarm_is_over(),
            Action::Respond { exchange, response } => self.answered(*exchange, &response.body),
            _ => self.carry_out_for_body(action),
        }
    }

    fn carry_out_for_body(&mut self, action: &Action) {
        match action {
            Action::BodyWrite { exchange, piece } => {
                let text = String::from_utf8_lossy(piece);
                self.is_durable(&text);
                self.is_open(*exchange, "nothing is written to a response that has ended");
                if !self.bodies.is_gone(*exchange) {
                    self.bodies.write(*exchange, &text);
                }
                let same = self.bodies.returns_what_was_sent(*exchange);
                self.check(same, "pieces come back in order, once each");
            }
            Action::BodyFinish { exchange } => {
                self.is_open(*exchange, "a response ends once");
                if self.bodies.streams.remove(exchange) {
                    let whole = self.bodies.finish(*exchange);
                    self.check(whole, "a response that ends cleanly is whole");
                }
            }
            Action::BodyAbort { exchange } => self.bodies.break_off(*exchange),
            Action::Pull { exchange } => {
                let may = self.bodies.pull(*exchange);
                self.check(
                    may,
                    "one piece is asked for at a time, and none after the end",
                );
            }
            Action::CancelBody { exchange } => self.bodies.cancel(*exchange),
            _ => {}
        }
    }

    fn is_open(&self, exchange: ExchangeId, promise: &str) {
        let open = self.bodies.streams.contains(&exchange) || self.bodies.is_gone(exchange);
        self.check(open, promise);
    }

    fn answered(&mut self, exchange: ExchangeId, body: &Content) {
        let waited = self.exchanges.remove(&exchange) || self.bodies.is_gone(exchange);
        self.check(waited, "a request is answered exactly once");
        match body {
            Content::Whole(body) => {
                self.is_durable(&String::from_utf8_lossy(body));
                self.bodies.end_answer(exchange);
            }
            Content::Pieces(_) if self.bodies.is_gone(exchange) => {}
            Content::Pieces(_) => drop(self.bodies.streams.insert(exchange)),
        }
    }

    /// A text that ends with the number of a write must not be seen before that write is durable:
    /// it is either the write's own answer, or was read from `last` by a later turn.
    fn is_durable(&self, text: &str) {
        let number = text
            .rsplit(' ')
            .next()
            .and_then(|number| number.parse::<u64>().ok());
        if let Some(number) = number.filter(|number| self.writers.contains(number)) {
            self.check(
                self.durable.contains(&number),
                &format!("`{text}` leaves before its write is durable"),
            );
        }
    }

    fn received(&mut self, connections: &[ConnectionHandle], message: &Message) {
        let text = String::from_utf8_lossy(message.as_bytes()).into_owned();
        for connection in connections {
            let Some(client) = self.clients.get_mut(connection) else {
                continue;
            };
            if let Some(number) = text.strip_prefix("n ").and_then(|n| n.parse().ok()) {
                client.received.push(number);
                let in_order = client.received.is_sorted_by(|a, b| a < b);
                self.check(
                    in_order,
                    "answers come in the order of the messages, once each",
                );
            }
            self.is_durable(&text);
        }
    }

    fn handshake(&mut self, connection: ConnectionHandle, accepted: bool) {
        let Some(client) = self.clients.get_mut(&connection) else {
            return;
        };
        let first = !client.answered;
        client.answered = true;
        client.accepted = accepted;
        client.ended |= !accepted;
        let written = client.joins_with.filter(|_| accepted);
        self.check(first, "a handshake is answered once");
        let durable = written.is_none_or(|number| self.durable.contains(&number));
        self.check(durable, "a handshake waits for what onConnect wrote");
    }

    /// The driver sends the Close frame, and the client's answer comes later.
    fn told_to_close(&mut self, connection: ConnectionHandle, code: Option<u16>) {
        self.note(format!("told to close {connection} {code:?}"));
        // Codes of its own close only: a failed commit closes, too, and means the contrary.
        let own = |client: &Client| client.leaves_with.filter(|_| code == Some(4002));
        let written = self.clients.get(&connection).and_then(own);
        let durable = written.is_none_or(|number| self.durable.contains(&number));
        self.check(
            durable,
            "a Close frame waits for what was written before it",
        );
        if let Some(client) = self.clients.get_mut(&connection) {
            client.ended = true;
            if std::mem::take(&mut client.awaits_close) {
                // The answer to its own, which was its last word.
                return;
            }
        }
        self.room.closed(connection, code.unwrap_or(1005));
    }

    fn logged(&mut self, text: &str) {
        match text {
            "alarm" => self.alarm_runs(),
            "alarm done" => self.alarms.has_succeeded = true,
            _ => {}
        }
        let given_up = text
            .strip_prefix("the room cannot start: ")
            .and_then(|rest| rest.split_once(' '))
            .and_then(|(number, _)| number.parse::<u64>().ok());
        self.given_up += given_up.unwrap_or(0);
        let closed = text
            .strip_prefix("closed c")
            .and_then(|rest| rest.split_once(' '))
            .and_then(|(index, _)| index.parse().ok());
        let handle = closed.and_then(|index| self.clients.keys().nth(index).copied());
        if let Some(client) = handle.and_then(|handle| self.clients.get_mut(&handle)) {
            client.closed_events += 1;
            let once = client.closed_events == 1;
            self.check(once, "onClose runs once");
        }
    }
}

//! From what waits to the event that a guest sees: what the guest will owe for it, and by when.

use partykit_core::{Content, Event, GuestError, Request, close_code};

use crate::answers::Cause;
use crate::completions::Completion;
use crate::mailbox::Waiting;
use crate::owed::Debt;
use crate::{Action, ExchangeId, RequestBody, Room};

impl Room {
    pub(crate) fn complete(&mut self, completion: Completion, actions: &mut Vec<Action>) {
        let event = match completion {
            Completion::Timer(timer) => Event::Timer { timer },
            Completion::Body { body, what } => Event::Body { body, what },
            Completion::Synced(sync) => Event::Synced { sync },
        };
        self.turn(&event, actions);
    }

    pub(crate) fn deliver(&mut self, waiting: Waiting, actions: &mut Vec<Action>) {
        if let Waiting::Abort { event } = waiting {
            // Settled in the meantime, or owed by a guest that is gone: nobody is left to care.
            if self.state.owed.debt(event) == Some(Debt::Gone) {
                self.turn(&Event::Abort { event }, actions);
            }
            return;
        }
        if let Some(refused) = self.refuse(&waiting) {
            return actions.push(refused);
        }
        if !self.has_space_for_debt(actions) {
            // The guest is gone, and the event is the first of the next one.
            return self.wait(waiting);
        }
        if matches!(waiting, Waiting::Alarm) && !self.begin_alarm(actions) {
            return;
        }
        let Some((debt, limit_ms)) = self.debt_of(&waiting) else {
            return;
        };
        let deadline = limit_ms.map(|ms| self.after_ms(ms));
        let event = self.state.owed.add(debt, deadline);
        let event = match waiting {
            Waiting::Connect { client, request } => {
                self.state.connections.add(client.clone());
                Event::Connect {
                    event,
                    client,
                    request,
                }
            }
            Waiting::Message { sender, message } => Event::Message {
                event,
                sender,
                message,
            },
            Waiting::Error { client, error } => Event::Error {
                event,
                client,
                error,
            },
            Waiting::Close { client, info } => {
                self.state.connections.remove(client.handle);
                Event::Close {
                    event,
                    client,
                    info,
                }
            }
            Waiting::Request {
                exchange,
                head,
                body,
            } => {
                let body = self.body_of(exchange, body);
                let request = Request { head, body };
                Event::Request { event, request }
            }
            Waiting::Alarm => Event::Alarm { event },
            Waiting::Abort { event } => Event::Abort { event },
        };
        self.turn(&event, actions);
    }

    fn body_of(&mut self, exchange: ExchangeId, body: RequestBody) -> Option<Content> {
        match body {
            RequestBody::None => None,
            RequestBody::Whole(bytes) => Some(Content::Whole(bytes)),
            RequestBody::Pieces => Some(Content::Pieces(self.state.bodies.read_from(exchange))),
        }
    }

    /// There was space when it came, and others have been let in while it waited. A room that reads
    /// too many bodies at one time begins no other.
    fn refuse(&self, waiting: &Waiting) -> Option<Action> {
        if let Waiting::Connect { client, .. } = waiting {
            return self.unwelcome().map(|cause| cause.reject(client.handle));
        }
        let Waiting::Request {
            exchange,
            body: RequestBody::Pieces,
            ..
        } = waiting
        else {
            return None;
        };
        let max = self.state.limits.uploads_max;
        let text = format!("too many bodies are read at one time (uploads_max is {max})");
        let full = self.state.bodies.reading() >= max;
        full.then(|| Cause::stop(close_code::TRY_LATER, &text).respond(*exchange))
    }

    /// What the guest will owe, and its limit; nothing for a message whose sender was cut off.
    fn debt_of(&self, waiting: &Waiting) -> Option<(Debt, Option<u64>)> {
        let limits = &self.state.limits;
        let nobody = |handler| (Debt::Nobody { handler }, None);
        Some(match waiting {
            Waiting::Connect { client, .. } => (
                Debt::Connect {
                    connection: client.handle,
                },
                Some(limits.connect_ms),
            ),
            Waiting::Request { exchange, .. } => (
                Debt::Request {
                    exchange: *exchange,
                },
                Some(limits.request_ms),
            ),
            Waiting::Alarm => (Debt::Alarm, Some(limits.alarm_ms)),
            Waiting::Message { sender, .. } => {
                self.state.connections.get(*sender)?;
                nobody("onMessage")
            }
            Waiting::Error { .. } => nobody("onError"),
            Waiting::Close { client, .. } => {
                let connection = client.handle;
                (Debt::Close { connection }, None)
            }
            Waiting::Abort { .. } => nobody("onRequest"),
        })
    }

    /// Handlers that never settle would pile up for ever: those that cannot are written off, and
    /// when that does not help the room is reset.
    fn has_space_for_debt(&mut self, actions: &mut Vec<Action>) -> bool {
        let max = self.state.limits.owed_events_max;
        if (self.state.owed.len() as u64) < max {
            return true;
        }
        let owed = self.state.owed.all();
        self.write_off_stranded(&owed, actions);
        let value = self.state.owed.len() as u64;
        if value >= max && self.guest.is_some() {
            let error = GuestError::EffectLimit {
                name: "owed_events_max",
                value,
                max,
            };
            self.guest_failed(error, actions);
        }
        self.guest.is_some()
    }
}

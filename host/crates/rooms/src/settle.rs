//! How an event that was delivered is ended: what its settle lets out.

use partykit_core::{BodyEvent, ConnectionHandle, Content, Outcome, Response, Scope};

use crate::answers;
use crate::state::State;
use crate::{Action, ExchangeId};

/// What a guest is told when it reads from or writes to a client that has gone.
pub(crate) const CLIENT_GONE: &str = "the client has gone";

impl State {
    pub(crate) fn settle_connect(&mut self, connection: ConnectionHandle, outcome: Outcome) {
        match outcome {
            Outcome::Failed(failure) => {
                // The client may have gone meanwhile; then nobody is left to be told.
                if self.connections.remove(connection).is_some() {
                    self.turn
                        .outbox
                        .push(answers::rejection(connection, &failure));
                }
            }
            Outcome::Done | Outcome::Response(_) => {
                if self.connections.open(connection) {
                    self.turn.outbox.push(Action::Accept { connection });
                }
            }
        }
    }

    pub(crate) fn settle_request(&mut self, exchange: ExchangeId, outcome: Outcome) {
        let response = answers::to_request(outcome);
        let early = match &response.body {
            Content::Whole(_) => None,
            Content::Pieces(body) => match self.bodies.attach(*body, exchange) {
                Some(early) => Some(early),
                None => {
                    let response = answers::no_such_body();
                    return self
                        .turn
                        .outbox
                        .push(Action::Respond { exchange, response });
                }
            },
        };
        self.turn
            .outbox
            .push(Action::Respond { exchange, response });
        if let Some(early) = early {
            let write = |piece| Action::BodyWrite { exchange, piece };
            self.turn.outbox.extend(early.pieces.into_iter().map(write));
            let finish = early.finished.then_some(Action::BodyFinish { exchange });
            self.turn.outbox.extend(finish);
        }
    }

    /// Nobody reads the answer; whoever writes it is told.
    pub(crate) fn settle_gone(&mut self, outcome: Outcome) {
        if let Outcome::Response(Response {
            body: Content::Pieces(body),
            ..
        }) = outcome
        {
            self.bodies.abort(body);
            self.complete_body(
                Some((body, Scope::NONE)),
                BodyEvent::Failed(CLIENT_GONE.to_owned()),
            );
        }
    }
}

/// What an outcome weighs.
pub(crate) fn outcome_bytes(outcome: &Outcome) -> u64 {
    let bytes = match outcome {
        Outcome::Done => 0,
        Outcome::Response(Response {
            body: Content::Whole(body),
            ..
        }) => body.len(),
        Outcome::Response(_) => 0,
        Outcome::Failed(failure) => failure.message.len(),
    };
    bytes as u64
}

//! What peers are told when the room's code or its guest fails: the one table of statuses, close
//! codes and texts that a room gives out by itself. The texts for exceptions are PartyKit's.

use bytestring::ByteString;
use partykit_core::{
    CloseInfo, CommitError, ConnectionHandle, Failure, Fault, GuestError, Outcome, Response,
    close_code,
};

use crate::{Action, ExchangeId};

const NOT_A_RESPONSE: &str =
    "Incorrect type for Promise: the Promise did not resolve to 'Response'.";
const UNCAUGHT_REQUEST: &str = "Uncaught exception when making a request";
const UNCAUGHT_CONNECT: &str = "Uncaught exception when connecting";

/// Why a room lost its guest, and what its peers may know of it.
#[derive(Debug, Clone)]
pub(crate) struct Cause {
    /// Close code for connections.
    pub(crate) code: u16,
    /// Status for requests and handshakes.
    pub(crate) status: u16,
    pub(crate) text: String,
}

impl Cause {
    /// A guest failed by its own fault or the host's; only the room's own faults are told.
    pub(crate) fn guest(error: &GuestError) -> Self {
        let text = match error.fault() {
            Fault::Host => "the room was reset: the host failed".to_owned(),
            _ => format!("the room was reset: {error}"),
        };
        Self {
            code: close_code::FAILED,
            status: 500,
            text,
        }
    }

    /// An exception escaped on-start or the constructor.
    pub(crate) fn start(failure: &Failure) -> Self {
        let text = non_empty(&failure.message, UNCAUGHT_REQUEST).to_owned();
        Self {
            code: close_code::FAILED,
            status: status_of(failure),
            text,
        }
    }

    /// The store did not take a batch. Paths and details are for the host's log.
    pub(crate) fn commit(error: &CommitError) -> Self {
        let text = match error {
            CommitError::NoSpace => "the room was reset: the host's storage is full",
            CommitError::TooLarge { .. } => "the room was reset: it wrote too much at once",
            _ => "the room was reset: the host's storage failed",
        };
        Self {
            code: close_code::FAILED,
            status: 500,
            text: text.to_owned(),
        }
    }

    /// A deadline passed that the whole room waited for.
    pub(crate) fn overdue(what: &str, limit: &str, ms: u64) -> Self {
        let text = format!("the room was reset: {what} did not end in time ({limit} is {ms} ms)");
        Self {
            code: close_code::FAILED,
            status: 500,
            text,
        }
    }

    /// A section failed; its own error was logged.
    pub(crate) fn broken_section() -> Self {
        let text = "the room was reset: an exception escaped blockConcurrencyWhile".to_owned();
        Self {
            code: close_code::FAILED,
            status: 500,
            text,
        }
    }

    /// The host closes the room on purpose.
    pub(crate) fn stop(code: u16, reason: &str) -> Self {
        Self {
            code,
            status: 503,
            text: reason.to_owned(),
        }
    }

    /// The room failed too often lately.
    pub(crate) fn backing_off(reason: &str, wait_us: u64) -> Self {
        let seconds = wait_us.div_ceil(1_000_000);
        let text = format!("{reason}; the room keeps failing, try again in {seconds} s");
        Self {
            code: close_code::TRY_LATER,
            status: 503,
            text,
        }
    }

    pub(crate) fn response(&self) -> Response {
        let mut response = Response::text(self.status, self.text.clone());
        if self.status == 503 {
            response
                .headers
                .push(("retry-after".to_owned(), "1".to_owned()));
        }
        response
    }

    pub(crate) fn respond(&self, exchange: ExchangeId) -> Action {
        Action::Respond {
            exchange,
            response: self.response(),
        }
    }

    pub(crate) fn close(&self, connection: ConnectionHandle) -> Action {
        Action::Close {
            connection,
            code: Some(self.code),
            reason: self.text.clone().into(),
        }
    }

    pub(crate) fn reject(&self, connection: ConnectionHandle) -> Action {
        Action::Reject {
            connection,
            code: self.code,
            reason: self.text.clone().into(),
        }
    }

    pub(crate) fn refuse(&self, connection: ConnectionHandle) -> Action {
        Action::Refuse {
            connection,
            response: self.response(),
        }
    }
}

/// The Close frame that answers a peer's.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct CloseAnswer {
    code: Option<u16>,
    reason: ByteString,
}

impl CloseAnswer {
    /// RFC 6455, section 5.5.1: the same code is sent back.
    pub(crate) fn to(info: &CloseInfo) -> Self {
        Self {
            code: Some(info.code).filter(|code| *code != close_code::NO_STATUS),
            reason: info.reason.clone(),
        }
    }

    pub(crate) fn to_peer(&self, connection: ConnectionHandle) -> Action {
        Action::Close {
            connection,
            code: self.code,
            reason: self.reason.clone(),
        }
    }
}

/// A response was given with a body that does not exist or belongs to another response.
pub(crate) fn no_such_body() -> Response {
    Response::text(500, "the response's body was used before or is gone")
}

/// How the outcome of on-request answers its request.
pub(crate) fn to_request(outcome: Outcome) -> Response {
    match outcome {
        Outcome::Response(response) => response,
        Outcome::Done => Response::text(500, NOT_A_RESPONSE),
        Outcome::Failed(failure) => {
            let text = non_empty(&failure.message, UNCAUGHT_REQUEST);
            Response::text(status_of(&failure), text)
        }
    }
}

/// on-connect failed: PartyKit opens the connection, to close it with the error's message.
pub(crate) fn rejection(connection: ConnectionHandle, failure: &Failure) -> Action {
    let reason = ByteString::from(non_empty(&failure.message, UNCAUGHT_CONNECT));
    Action::Reject {
        connection,
        code: close_code::FAILED,
        reason,
    }
}

/// A handler whose promise nothing can settle any more.
pub(crate) fn stranded(handler: &str) -> Failure {
    let message =
        format!("{handler} never finished: it waits for a promise that nothing is left to resolve");
    Failure {
        detail: message.clone(),
        message,
        status: None,
    }
}

/// A handler that took too long.
pub(crate) fn overdue(handler: &str, limit: &str, ms: u64) -> Failure {
    let message = format!("{handler} did not finish in time ({limit} is {ms} ms)");
    Failure {
        detail: message.clone(),
        message,
        status: Some(504),
    }
}

/// PartyKit takes the status from `error.code`.
fn status_of(failure: &Failure) -> u16 {
    failure
        .status
        .filter(|status| (200..=599).contains(status))
        .unwrap_or(500)
}

fn non_empty<'a>(text: &'a str, otherwise: &'a str) -> &'a str {
    if text.is_empty() { otherwise } else { text }
}

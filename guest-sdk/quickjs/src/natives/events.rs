//! The contract's `events`: how handlers end.
//!
//! A refused settle is not an error of the room's code: the host has ended the event itself (a
//! time limit, a client that is gone), so refusals are dropped here.

use rquickjs::promise::PromiseState;
use rquickjs::{Array, ArrayBuffer, Result, Value};

use super::Interfaces;
use crate::bindings::partykit::room::types::{
    ContentParam as Content, FailureParam as Failure, Response,
};
use crate::bridge::{Text, Window};
use crate::host::events::{Outcome, settle};

pub(super) fn install(native: &Interfaces<'_>) -> Result<()> {
    super::direct::install_events(native)?;
    native.add("isFulfilled", is_fulfilled)?;
    native.add("failed", failed)?;
    native.add("response", response)?;
    native.add("streamed", streamed)?;
    Ok(())
}

fn is_fulfilled(value: Value<'_>) -> bool {
    value
        .as_promise()
        .is_some_and(|promise| promise.state() == PromiseState::Resolved)
}

/// `status` 0 is none.
fn failed<'js>(event: f64, message: Text<'js>, detail: Text<'js>, status: u16) {
    let status = (status != 0).then_some(status);
    let failure = Failure {
        message: &message,
        detail: &detail,
        status,
    };
    drop(settle(event as u64, Outcome::Failed(failure)));
}

/// `headers` is flat: name, value, name, value.
fn response<'js>(
    event: f64,
    status: u16,
    headers: Array<'js>,
    buffer: Option<ArrayBuffer<'js>>,
    offset: usize,
    length: usize,
) -> Result<()> {
    let texts = texts(&headers)?;
    let fields = fields(&texts);
    let answer = |body: &[u8]| {
        let response = Response {
            status,
            headers: &fields,
            body: Content::Whole(body),
        };
        drop(settle(event as u64, Outcome::Response(response)));
    };
    match buffer {
        Some(buffer) => Window {
            buffer,
            offset,
            length,
        }
        .read(answer),
        None => {
            answer(&[]);
            Ok(())
        }
    }
}

/// A response whose body is written from now on. Whether the event was still owed one.
fn streamed(event: f64, status: u16, headers: Array<'_>, body: f64) -> Result<bool> {
    let texts = texts(&headers)?;
    let response = Response {
        status,
        headers: &fields(&texts),
        body: Content::Pieces(body as u64),
    };
    Ok(settle(event as u64, Outcome::Response(response)).is_ok())
}

fn texts<'js>(headers: &Array<'js>) -> Result<Vec<Text<'js>>> {
    (0..headers.len()).map(|at| headers.get(at)).collect()
}

fn fields<'a>(texts: &'a [Text<'_>]) -> Vec<(&'a str, &'a str)> {
    let (pairs, _) = texts.as_chunks::<2>();
    let pairs = pairs.iter();
    pairs.map(|[name, value]| (&**name, &**value)).collect()
}

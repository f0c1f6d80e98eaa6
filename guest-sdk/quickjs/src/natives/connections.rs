//! The contract's `connections`. A connection that is gone is no error: its end is on its way as
//! an event, and until then a send goes nowhere, as in PartyKit.

use rquickjs::{Array, ArrayBuffer, Ctx, Result};

use super::Interfaces;
use crate::bindings::partykit::room::types::{MessageParam as Message, Refusal};
use crate::bridge::{Text, Window, refused};
use crate::host::connections;

pub(super) fn install(native: &Interfaces<'_>) -> Result<()> {
    native.add("accept", accept)?;
    super::direct::install_connections(native)?;
    native.add("sendBytes", send_bytes)?;
    native.add("broadcastText", broadcast_text)?;
    native.add("broadcastBytes", broadcast_bytes)?;
    native.add("close", close)?;
    Ok(())
}

/// Whether it is still there.
fn accept<'js>(ctx: Ctx<'js>, connection: f64, tags: Array<'js>) -> Result<bool> {
    let tags: Vec<Text<'js>> = (0..tags.len())
        .map(|at| tags.get(at))
        .collect::<Result<_>>()?;
    let tags: Vec<&str> = tags.iter().map(|tag| &**tag).collect();
    match connections::accept(connection as u64, &tags) {
        Ok(()) => Ok(true),
        Err(Refusal::Gone) => Ok(false),
        Err(refusal) => Err(refused(&ctx, &refusal)),
    }
}

fn send_bytes<'js>(
    ctx: Ctx<'js>,
    connection: f64,
    buffer: ArrayBuffer<'js>,
    offset: usize,
    length: usize,
) -> Result<()> {
    let sent = Window {
        buffer,
        offset,
        length,
    }
    .read(|bytes| connections::send(connection as u64, Message::Binary(bytes)))?;
    or_throw(&ctx, sent)
}

fn broadcast_text<'js>(ctx: Ctx<'js>, text: Text<'js>, without: Vec<f64>) -> Result<()> {
    or_throw(
        &ctx,
        connections::broadcast(Message::Text(&text), &handles(without)),
    )
}

fn broadcast_bytes<'js>(
    ctx: Ctx<'js>,
    buffer: ArrayBuffer<'js>,
    offset: usize,
    length: usize,
    without: Vec<f64>,
) -> Result<()> {
    let without = handles(without);
    let sent = Window {
        buffer,
        offset,
        length,
    }
    .read(|bytes| connections::broadcast(Message::Binary(bytes), &without))?;
    or_throw(&ctx, sent)
}

/// `code` 0 sends a Close frame without one.
fn close<'js>(ctx: Ctx<'js>, connection: f64, code: u16, reason: Text<'js>) -> Result<()> {
    let code = (code != 0).then_some(code);
    or_throw(&ctx, connections::close(connection as u64, code, &reason))
}

fn handles(numbers: Vec<f64>) -> Vec<u64> {
    numbers.into_iter().map(|number| number as u64).collect()
}

pub(super) fn or_throw(ctx: &Ctx<'_>, result: std::result::Result<(), Refusal>) -> Result<()> {
    match result {
        Ok(()) | Err(Refusal::Gone) => Ok(()),
        Err(refusal) => Err(refused(ctx, &refusal)),
    }
}

//! The contract's `bodies`: requests that are read and responses that are written in pieces.
//!
//! A body that is gone is no error here: `write` and `pull` say so by their result, and whoever
//! ends a body that the host has forgotten has what it wanted.

use rquickjs::{ArrayBuffer, Ctx, Result};

use super::Interfaces;
use super::connections::or_throw;
use crate::bindings::partykit::room::types::Refusal;
use crate::bridge::{Window, refused};
use crate::host::bodies;

pub(super) fn install(native: &Interfaces<'_>) -> Result<()> {
    native.add("open", open)?;
    native.add("write", write)?;
    native.add("finish", finish)?;
    native.add("abort", |body: f64| bodies::abort(body as u64))?;
    native.add("pull", pull)?;
    native.add("cancel", |body: f64| bodies::cancel(body as u64))?;
    Ok(())
}

fn open(ctx: Ctx<'_>) -> Result<f64> {
    let body = bodies::open().map_err(|refusal| refused(&ctx, &refusal))?;
    Ok(body as f64)
}

/// False: enough until the body is ready again. None: the body is gone.
fn write<'js>(
    ctx: Ctx<'js>,
    body: f64,
    buffer: ArrayBuffer<'js>,
    offset: usize,
    length: usize,
    scope: f64,
) -> Result<Option<bool>> {
    let written = Window {
        buffer,
        offset,
        length,
    }
    .read(|piece| bodies::write(body as u64, piece, scope as u64))?;
    match written {
        Ok(more) => Ok(Some(more)),
        Err(Refusal::Gone) => Ok(None),
        Err(refusal) => Err(refused(&ctx, &refusal)),
    }
}

fn finish(ctx: Ctx<'_>, body: f64) -> Result<()> {
    or_throw(&ctx, bodies::finish(body as u64))
}

/// Whether an answer will come; otherwise the body is gone.
fn pull(ctx: Ctx<'_>, body: f64, scope: f64) -> Result<bool> {
    match bodies::pull(body as u64, scope as u64) {
        Ok(()) => Ok(true),
        Err(Refusal::Gone) => Ok(false),
        Err(refusal) => Err(refused(&ctx, &refusal)),
    }
}

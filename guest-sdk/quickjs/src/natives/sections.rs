//! The contract's `sections`.

use rquickjs::{Ctx, Result};

use super::Interfaces;
use crate::bridge::refused;
use crate::host::sections::{self, Ending, Kind};

pub(super) fn install(native: &Interfaces<'_>) -> Result<()> {
    native.add("enter", enter)?;
    native.add("leave", leave)?;
    Ok(())
}

fn enter(ctx: Ctx<'_>, outer: f64, is_transaction: bool) -> Result<f64> {
    let kind = match is_transaction {
        true => Kind::Transaction,
        false => Kind::Block,
    };
    let scope = sections::enter(outer as u64, kind).map_err(|refusal| refused(&ctx, &refusal))?;
    Ok(scope as f64)
}

/// `ending` is 0 for keep, 1 for rollback, 2 for broken.
fn leave(ctx: Ctx<'_>, scope: f64, ending: u8) -> Result<()> {
    let ending = match ending {
        0 => Ending::Keep,
        1 => Ending::Rollback,
        _ => Ending::Broken,
    };
    sections::leave(scope as u64, ending).map_err(|refusal| refused(&ctx, &refusal))
}

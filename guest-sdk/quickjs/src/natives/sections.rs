//! The contract's `sections`.

use rquickjs::{Ctx, Result};

use super::Interfaces;
use crate::bridge::refused;
use crate::host::sections::{self, Ending};

pub(super) fn install(native: &Interfaces<'_>) -> Result<()> {
    native.add("enter", enter)?;
    native.add("leave", leave)?;
    Ok(())
}

fn enter(ctx: Ctx<'_>, outer: f64) -> Result<f64> {
    let scope = sections::enter(outer as u64).map_err(|refusal| refused(&ctx, &refusal))?;
    Ok(scope as f64)
}

fn leave(ctx: Ctx<'_>, scope: f64, keep: bool) -> Result<()> {
    let ending = if keep { Ending::Keep } else { Ending::Broken };
    sections::leave(scope as u64, ending).map_err(|refusal| refused(&ctx, &refusal))
}

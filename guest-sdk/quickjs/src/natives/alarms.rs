//! The contract's `alarms`. Which moments room code may name is decided in
//! guest-sdk/js/party/storage.js.

use rquickjs::{Ctx, Result};

use super::Interfaces;
use crate::bridge::refused;
use crate::host::alarms;

pub(super) fn install(native: &Interfaces<'_>) -> Result<()> {
    native.add("get", get)?;
    native.add("set", set)?;
    native.add("delete", delete)?;
    Ok(())
}

/// Milliseconds since 1970; negative when there is none.
fn get(ctx: Ctx<'_>) -> Result<f64> {
    let at_ms = alarms::get().map_err(|refusal| refused(&ctx, &refusal))?;
    Ok(at_ms.map_or(-1.0, |at_ms| at_ms as f64))
}

fn set(ctx: Ctx<'_>, at_ms: f64) -> Result<()> {
    alarms::set(at_ms as u64).map_err(|refusal| refused(&ctx, &refusal))
}

fn delete(ctx: Ctx<'_>) -> Result<()> {
    alarms::delete().map_err(|refusal| refused(&ctx, &refusal))
}

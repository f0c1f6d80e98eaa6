//! The contract's `timers`.

use rquickjs::{Ctx, Result};

use super::Interfaces;
use crate::bridge::refused;
use crate::host::timers;

pub(super) fn install(native: &Interfaces<'_>) -> Result<()> {
    native.add("set", set)?;
    native.add("clear", |timer: f64| timers::clear(timer as u64))?;
    Ok(())
}

fn set(ctx: Ctx<'_>, delay_ms: f64, scope: f64) -> Result<f64> {
    let timer = timers::set(delay_ms as u64, scope as u64);
    Ok(timer.map_err(|refusal| refused(&ctx, &refusal))? as f64)
}

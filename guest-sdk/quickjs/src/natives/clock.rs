//! The contract's `clock`, in milliseconds as JavaScript counts.

use rquickjs::Result;

use super::Interfaces;
use crate::host;

pub(super) fn install(native: &Interfaces<'_>) -> Result<()> {
    native.add("now", || host::clock::now_us() as f64 / 1000.0)?;
    native.add("monotonic", || host::clock::monotonic_us() as f64 / 1000.0)?;
    Ok(())
}

//! The contract's `log`.

use rquickjs::Result;

use super::Interfaces;
use crate::bridge::Text;
use crate::host::log::{Level, write};

pub(super) fn install(native: &Interfaces<'_>) -> Result<()> {
    native.add("write", entry)?;
    Ok(())
}

/// `level` counts from 0, debug, to 4, error.
fn entry<'js>(level: u8, text: Text<'js>) {
    let level = match level {
        0 => Level::Debug,
        1 => Level::Log,
        2 => Level::Info,
        3 => Level::Warn,
        _ => Level::Error,
    };
    write(level, &text);
}

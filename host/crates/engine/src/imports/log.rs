//! The import `log`.

use crate::bindings::partykit::room::log::{Host, Level};
use crate::convert::level_from;
use crate::state::GuestState;

impl Host for GuestState {
    fn write(&mut self, level: Level, text: String) -> wasmtime::Result<()> {
        let level = level_from(level);
        self.ask(|api| api.log(level, text))
    }
}

//! How far it has come: a bar on the terminal of a person, nothing anywhere else.

use std::time::Duration;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

/// What is done faster is not worth a bar, and what is drawn more often cannot be read.
const DRAWS_A_SECOND: u8 = 8;

const BAR: &str = "{msg} {bar:30} {bytes} of {total_bytes}, {eta} left";

/// A bar, or none.
pub(crate) struct Progress(Option<ProgressBar>);

impl Progress {
    /// A bar for so many bytes, if anybody sees it.
    pub(crate) fn new(is_seen: bool, length: u64) -> Self {
        if !is_seen {
            return Self(None);
        }
        let target = ProgressDrawTarget::stderr_with_hz(DRAWS_A_SECOND);
        let bar = ProgressBar::with_draw_target(Some(length), target);
        if let Ok(style) = ProgressStyle::with_template(BAR) {
            bar.set_style(style.progress_chars("=> "));
        }
        bar.enable_steady_tick(Duration::from_millis(500));
        Self(Some(bar))
    }

    /// What is done from now on, from the start.
    pub(crate) fn begin(&self, what: &'static str) {
        if let Some(bar) = &self.0 {
            bar.set_position(0);
            bar.set_message(what);
        }
    }

    /// So much more is done.
    pub(crate) fn add(&self, bytes: usize) {
        if let Some(bar) = &self.0 {
            bar.inc(bytes as u64);
        }
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        if let Some(bar) = &self.0 {
            bar.finish_and_clear();
        }
    }
}

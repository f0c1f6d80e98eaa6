//! What one turn has done so far: its outbox and its counts. Emptied when the turn ends, kept for
//! its buffers.

use partykit_core::{GuestError, LimitName, Limits, LogLevel, Outcome, Scope, SyncHandle};

use crate::Action;
use crate::overlay::Layer;

/// A section that breaks takes with it what was done since it was opened, and no more.
#[derive(Debug)]
pub(crate) struct BeforeSection {
    pub(crate) scope: Scope,
    pub(crate) outbox_len: usize,
    pub(crate) writes: Layer,
}

#[derive(Debug, Default)]
pub(crate) struct Turn {
    /// Leaves through the gate, or never.
    pub(crate) outbox: Vec<Action>,
    /// Not held by the gate: questions that change nothing outside.
    pub(crate) immediate: Vec<Action>,
    /// Not held by the gate: a log that hid what a failing turn said would be useless.
    pub(crate) log: Vec<(LogLevel, String)>,
    pub(crate) log_dropped: u64,
    /// How on-start ended, if it did in this turn.
    pub(crate) started: Option<Outcome>,
    /// Those who wait for what was written so far; their wait begins when the turn ends.
    pub(crate) syncs: Vec<(SyncHandle, Scope)>,
    /// What the turn had done when it opened the outermost of its sections that are still open.
    pub(crate) before_section: Option<BeforeSection>,
    /// A section ended broken: the room is reset after this turn.
    pub(crate) broken: bool,
    pub(crate) exceeded: Option<GuestError>,
    effects: u64,
    effect_bytes: u64,
}

impl Turn {
    /// Counts effects and what they weigh; above a limit the turn is ended by the engine.
    pub(crate) fn count(&mut self, effects: u64, bytes: u64, limits: &Limits) {
        self.effects += effects;
        self.effect_bytes += bytes;
        self.check("effects_max", self.effects, limits.effects_max);
        self.check(
            "effect_bytes_max",
            self.effect_bytes,
            limits.effect_bytes_max,
        );
    }

    fn check(&mut self, name: LimitName, value: u64, max: u64) {
        if value > max && self.exceeded.is_none() {
            self.exceeded = Some(GuestError::EffectLimit { name, value, max });
        }
    }

    pub(crate) fn log(&mut self, level: LogLevel, mut text: String, limits: &Limits) {
        if self.log.len() as u64 >= limits.log_lines_max {
            self.log_dropped += 1;
            return;
        }
        let max = usize::try_from(limits.log_line_bytes_max).unwrap_or(usize::MAX);
        if text.len() > max {
            let cut = text.floor_char_boundary(max);
            let left = text.len() - cut;
            text.truncate(cut);
            text.push_str(&format!(
                "… ({left} bytes more; log_line_bytes_max is {max})"
            ));
        }
        self.log.push((level, text));
    }

    /// Ready for the next turn; the buffers stay.
    pub(crate) fn clear(&mut self) {
        self.outbox.clear();
        self.immediate.clear();
        self.log.clear();
        self.log_dropped = 0;
        self.started = None;
        self.syncs.clear();
        self.before_section = None;
        self.broken = false;
        self.exceeded = None;
        self.effects = 0;
        self.effect_bytes = 0;
    }
}

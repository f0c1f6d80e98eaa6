//! What is wrong with a text, and the way to it.

use std::fmt;

/// Why a text is no value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct JsonError {
    what: String,
    /// The way to it, innermost first.
    way: Vec<String>,
}

impl fmt::Display for JsonError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.what)?;
        if self.way.is_empty() {
            return Ok(());
        }
        f.write_str(" (at ")?;
        let steps = self.way.iter().rev().enumerate();
        for (at, step) in steps {
            f.write_str(if at == 0 { "" } else { "." })?;
            f.write_str(step)?;
        }
        f.write_str(")")
    }
}

impl std::error::Error for JsonError {}

impl JsonError {
    pub(super) fn new(what: impl Into<String>) -> Self {
        Self {
            what: what.into(),
            way: Vec::new(),
        }
    }

    pub(super) fn within(mut self, step: impl fmt::Display) -> Self {
        self.way.push(step.to_string());
        self
    }
}

pub(super) type Result<T, E = JsonError> = std::result::Result<T, E>;

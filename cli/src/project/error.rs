//! One mistake in a configuration file, shown once: the place, the line it stands in, what is
//! wrong, and a guess at what was meant.

use std::fmt;

/// Why a configuration cannot be used. Always the caller's to mend.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ConfigError {
    file: String,
    place: Option<Place>,
    message: String,
    hint: Option<String>,
}

/// Where in the text: lines and columns count from one, columns in characters.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Place {
    pub(super) line: usize,
    pub(super) column: usize,
    /// The whole line, without its end.
    pub(super) source: String,
    /// How many characters are meant, at least one.
    pub(super) width: usize,
}

/// Longer lines (minified files) are not shown: the place says enough.
const SOURCE_CHARS_MAX: usize = 160;

impl ConfigError {
    pub(super) fn new(file: impl Into<String>, message: impl Into<String>) -> Self {
        Self {
            file: file.into(),
            place: None,
            message: message.into(),
            hint: None,
        }
    }

    pub(super) fn at(mut self, place: Place) -> Self {
        self.place = Some(place);
        self
    }

    pub(super) fn with_hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// What to try, for the last line of the report.
    pub(crate) fn hint(&self) -> Option<&str> {
        self.hint.as_deref()
    }
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Some(place) = &self.place else {
            return write!(f, "{}: {}", self.file, self.message);
        };
        write!(
            f,
            "{}:{}:{}: {}",
            self.file, place.line, place.column, self.message
        )?;
        if place.source.chars().count() > SOURCE_CHARS_MAX {
            return Ok(());
        }
        let number = place.line.to_string();
        // A tab stays a tab, so that the mark stands under what it marks at any tab width.
        let indent: String = place
            .source
            .chars()
            .take(place.column.saturating_sub(1))
            .map(|c| if c == '\t' { '\t' } else { ' ' })
            .collect();
        write!(
            f,
            "\n\n  {number} | {}\n  {:gap$} | {indent}{}",
            place.source,
            "",
            "^".repeat(place.width),
            gap = number.len()
        )
    }
}

impl std::error::Error for ConfigError {}

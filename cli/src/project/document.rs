//! A configuration file as text with places: JSON5 in, a tree whose every node knows where it
//! stands. What keys mean is none of its business.

use std::path::{Path, PathBuf};

use jsonc_parser::ast::Value;
use jsonc_parser::common::Range;
use jsonc_parser::{CollectOptions, CommentCollectionStrategy, ParseOptions, parse_to_ast};

use super::error::{ConfigError, Place};

/// The text of one file, and how to speak of it.
#[derive(Debug)]
pub(super) struct Document {
    /// Absolute.
    pub(super) path: PathBuf,
    /// As people call it: relative to where they are, when that is shorter.
    pub(super) shown: String,
    text: String,
}

impl Document {
    /// Reads `path` as UTF-8.
    pub(super) fn read(path: &Path, cwd: &Path) -> Result<Self, ConfigError> {
        let shown = shown(path, cwd);
        let bytes = std::fs::read(path)
            .map_err(|error| ConfigError::new(&shown, format!("it cannot be read: {error}")))?;
        let text = String::from_utf8(bytes)
            .map_err(|_| ConfigError::new(&shown, "it is not UTF-8 text"))?;
        Ok(Self::of_text(path.to_owned(), &shown, text))
    }

    /// What stands, or would stand, in the file `path`, which people call `shown`.
    pub(super) fn of_text(path: PathBuf, shown: &str, text: String) -> Self {
        Self {
            path,
            shown: shown.to_owned(),
            text,
        }
    }

    /// The tree.
    ///
    /// # Errors
    /// The first mistake, with its place.
    pub(super) fn parse(&self) -> Result<Value<'_>, ConfigError> {
        let collect = CollectOptions {
            comments: CommentCollectionStrategy::Off,
            tokens: false,
        };
        let text = self.body();
        let options = ParseOptions {
            // The one liberty of the parser that JSON5 does not take.
            allow_missing_commas: false,
            ..ParseOptions::default()
        };
        let parsed = parse_to_ast(text, &collect, &options).map_err(|error| {
            let message = sentence(&error.kind().to_string());
            ConfigError::new(&self.shown, message).at(self.place(error.range()))
        })?;
        parsed.value.ok_or_else(|| {
            ConfigError::new(&self.shown, "it is empty")
                .with_hint("the smallest configuration is {}")
        })
    }

    /// An error that points at `range`.
    pub(super) fn error_at(&self, range: Range, message: impl Into<String>) -> ConfigError {
        ConfigError::new(&self.shown, message).at(self.place(range))
    }

    /// Where `range` begins, for people.
    pub(super) fn line_and_column(&self, range: Range) -> (usize, usize) {
        let place = self.place(range);
        (place.line, place.column)
    }

    /// A byte order mark is legal before JSON5 and no part of the first line.
    fn body(&self) -> &str {
        self.text.strip_prefix('\u{feff}').unwrap_or(&self.text)
    }

    fn place(&self, range: Range) -> Place {
        let text = self.body();
        let before = text.get(..range.start).unwrap_or(text);
        let line_start = before.rfind('\n').map_or(0, |at| at + 1);
        let line = text.get(line_start..).unwrap_or("");
        let source = line.lines().next().unwrap_or("").to_owned();
        let column = before.get(line_start..).unwrap_or("").chars().count() + 1;
        let meant = text.get(range.start..range.end).unwrap_or("");
        let width = meant.lines().next().unwrap_or("").chars().count().max(1);
        Place {
            line: before.matches('\n').count() + 1,
            column,
            source,
            width,
        }
    }
}

/// `path` as seen from `cwd` when it lies inside, else whole.
fn shown(path: &Path, cwd: &Path) -> String {
    path.strip_prefix(cwd).unwrap_or(path).display().to_string()
}

/// The parser's messages are headings; ours are the end of a sentence.
fn sentence(heading: &str) -> String {
    let mut chars = heading.chars();
    chars.next().map_or_else(String::new, |first| {
        first.to_lowercase().chain(chars).collect()
    })
}

//! A JavaScript string: UTF-16 code units, which need not be Unicode text.

use std::fmt;

/// A string. Lone surrogates are kept.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Text(Units);

#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
enum Units {
    Unicode(String),
    /// Has at least one lone surrogate.
    Broken(Vec<u16>),
}

impl Text {
    /// The string of these code units.
    #[must_use]
    pub fn from_units(units: Vec<u16>) -> Self {
        match String::from_utf16(&units) {
            Ok(text) => Self(Units::Unicode(text)),
            Err(_) => Self(Units::Broken(units)),
        }
    }

    /// The text, if it is Unicode.
    #[must_use]
    pub fn as_str(&self) -> Option<&str> {
        match &self.0 {
            Units::Unicode(text) => Some(text),
            Units::Broken(_) => None,
        }
    }

    /// The code units.
    #[must_use]
    pub fn units(&self) -> Vec<u16> {
        match &self.0 {
            Units::Unicode(text) => text.encode_utf16().collect(),
            Units::Broken(units) => units.clone(),
        }
    }
}

impl From<&str> for Text {
    fn from(text: &str) -> Self {
        Self(Units::Unicode(text.to_owned()))
    }
}

impl From<String> for Text {
    fn from(text: String) -> Self {
        Self(Units::Unicode(text))
    }
}

impl fmt::Debug for Text {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Units::Unicode(text) => write!(f, "{text:?}"),
            Units::Broken(units) => write!(f, "{:?}", String::from_utf16_lossy(units)),
        }
    }
}

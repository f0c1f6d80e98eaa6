//! One value of a configuration file together with its name and place, and the questions one can
//! ask it: is it text, is it a number, which keys does it have. Every "no" is a [`ConfigError`].

use std::collections::BTreeMap;

use jsonc_parser::ast::Value;
use jsonc_parser::common::{Range, Ranged};
use serde_json::{Map, Number};

use super::document::Document;
use super::error::ConfigError;
use super::repeated;
use super::suggest::closest;

/// A value, where it stands and what it is called (`serve.build.entry`).
#[derive(Debug, Clone)]
pub(super) struct Node<'d> {
    document: &'d Document,
    value: &'d Value<'d>,
    name: String,
}

/// One entry of an object.
#[derive(Debug, Clone)]
pub(super) struct Entry<'d> {
    pub(super) key: &'d str,
    key_range: Range,
    pub(super) node: Node<'d>,
}

impl<'d> Node<'d> {
    pub(super) fn root(document: &'d Document, value: &'d Value<'d>) -> Self {
        Self {
            document,
            value,
            name: String::new(),
        }
    }

    pub(super) fn value(&self) -> &'d Value<'d> {
        self.value
    }

    /// An error that points at this value.
    pub(super) fn error(&self, message: impl Into<String>) -> ConfigError {
        self.document.error_at(self.value.range(), message)
    }

    pub(super) fn string(&self) -> Result<&'d str, ConfigError> {
        match self.value {
            Value::StringLit(text) => Ok(&text.value),
            _ => Err(self.wrong("a string")),
        }
    }

    pub(super) fn boolean(&self) -> Result<bool, ConfigError> {
        match self.value {
            Value::BooleanLit(literal) => Ok(literal.value),
            _ => Err(self.wrong("true or false")),
        }
    }

    pub(super) fn number(&self) -> Result<f64, ConfigError> {
        match self.value {
            Value::NumberLit(literal) => {
                number(literal.value).ok_or_else(|| self.error("this number cannot be read"))
            }
            _ => Err(self.wrong("a number")),
        }
    }

    pub(super) fn is_object(&self) -> bool {
        matches!(self.value, Value::Object(_))
    }

    pub(super) fn is_string(&self) -> bool {
        matches!(self.value, Value::StringLit(_))
    }

    pub(super) fn is_boolean(&self) -> bool {
        matches!(self.value, Value::BooleanLit(_))
    }

    pub(super) fn is_null(&self) -> bool {
        matches!(self.value, Value::NullKeyword(_))
    }

    /// The entries of an object with any keys. Of a key given twice the last one counts, as in
    /// JavaScript.
    pub(super) fn record(&self) -> Result<Vec<Entry<'d>>, ConfigError> {
        let Value::Object(object) = self.value else {
            return Err(self.wrong("an object"));
        };
        let mut entries: Vec<Entry<'d>> = Vec::with_capacity(object.properties.len());
        for property in &object.properties {
            let (key, key_range) = repeated::key(&property.name);
            let name = if self.name.is_empty() {
                key.to_owned()
            } else {
                format!("{}.{key}", self.name)
            };
            let node = Node {
                document: self.document,
                value: &property.value,
                name,
            };
            entries.retain(|entry| entry.key != key);
            entries.push(Entry {
                key,
                key_range,
                node,
            });
        }
        Ok(entries)
    }

    /// The entries of an object that may have the keys of `known` only.
    pub(super) fn strict(&self, known: &[&str]) -> Result<Vec<Entry<'d>>, ConfigError> {
        let entries = self.record()?;
        for entry in &entries {
            if !known.contains(&entry.key) {
                return Err(self.unknown(entry, known));
            }
        }
        Ok(entries)
    }

    /// Entries whose values are strings.
    pub(super) fn string_record(&self) -> Result<Vec<(Entry<'d>, &'d str)>, ConfigError> {
        let entries = self.record()?;
        entries
            .into_iter()
            .map(|entry| entry.node.string().map(|value| (entry.clone(), value)))
            .collect()
    }

    /// The same, without their places.
    pub(super) fn string_map(&self) -> Result<BTreeMap<String, String>, ConfigError> {
        let entries = self.string_record()?.into_iter();
        Ok(entries
            .map(|(entry, value)| (entry.key.to_owned(), value.to_owned()))
            .collect())
    }

    /// A list of strings.
    pub(super) fn strings(&self) -> Result<Vec<&'d str>, ConfigError> {
        let Value::Array(array) = self.value else {
            return Err(self.wrong("a list of strings"));
        };
        let items = array.elements.iter().enumerate().map(|(index, value)| {
            let name = format!("{}[{index}]", self.name);
            let document = self.document;
            Node {
                document,
                value,
                name,
            }
            .string()
        });
        items.collect()
    }

    /// The value as plain JSON.
    pub(super) fn json(&self) -> Result<serde_json::Value, ConfigError> {
        plain(self.value).ok_or_else(|| {
            let name = &self.name;
            self.error(format!(
                "\"{name}\" holds a number that JSON cannot express"
            ))
        })
    }

    fn unknown(&self, entry: &Entry<'d>, known: &[&str]) -> ConfigError {
        let place = if self.name.is_empty() {
            String::new()
        } else {
            format!(" in \"{}\"", self.name)
        };
        let error = entry.error(format!("unknown key \"{}\"{place}", entry.key));
        match closest(entry.key, known) {
            Some(guess) => error.with_hint(format!("did you mean \"{guess}\"?")),
            None => error.with_hint(format!("known keys{place} are {}", known.join(", "))),
        }
    }

    /// The value is none of what `wanted` says.
    pub(super) fn wrong(&self, wanted: &str) -> ConfigError {
        let found = match self.value {
            Value::StringLit(_) => "a string",
            Value::NumberLit(_) => "a number",
            Value::BooleanLit(_) => "a boolean",
            Value::Object(_) => "an object",
            Value::Array(_) => "a list",
            Value::NullKeyword(_) => "null",
        };
        if self.name.is_empty() {
            return self.error(format!("a configuration must be {wanted}, not {found}"));
        }
        self.error(format!("\"{}\" must be {wanted}, not {found}", self.name))
    }
}

impl Entry<'_> {
    /// An error that points at the key.
    pub(super) fn error(&self, message: impl Into<String>) -> ConfigError {
        self.node.document.error_at(self.key_range, message)
    }
}

fn plain(value: &Value<'_>) -> Option<serde_json::Value> {
    Some(match value {
        Value::StringLit(text) => serde_json::Value::String(text.value.to_string()),
        Value::BooleanLit(literal) => serde_json::Value::Bool(literal.value),
        Value::NullKeyword(_) => serde_json::Value::Null,
        Value::NumberLit(literal) => serde_json::Value::Number(json_number(literal.value)?),
        Value::Array(array) => {
            let items: Option<Vec<_>> = array.elements.iter().map(plain).collect();
            serde_json::Value::Array(items?)
        }
        Value::Object(object) => {
            let mut map = Map::new();
            for property in &object.properties {
                let (key, _) = repeated::key(&property.name);
                map.insert(key.to_owned(), plain(&property.value)?);
            }
            serde_json::Value::Object(map)
        }
    })
}

/// Whole numbers stay whole, so that 3 does not become 3.0 on its way to the room.
fn json_number(literal: &str) -> Option<Number> {
    if let Ok(whole) = literal.trim_start_matches('+').parse::<i64>() {
        return Some(Number::from(whole));
    }
    let value = number(literal)?;
    // Below 2^53 every whole f64 is exact.
    if value.fract() == 0.0 && value.abs() < 9_007_199_254_740_992.0 {
        #[expect(clippy::cast_possible_truncation, reason = "checked one line above")]
        return Some(Number::from(value as i64));
    }
    Number::from_f64(value)
}

/// A JSON5 number: sign, hexadecimal, bare decimal points, Infinity and NaN.
fn number(literal: &str) -> Option<f64> {
    let (sign, digits) = match literal.strip_prefix('-') {
        Some(rest) => (-1.0, rest),
        None => (1.0, literal.trim_start_matches('+')),
    };
    let hexadecimal = digits.strip_prefix("0x").or(digits.strip_prefix("0X"));
    let value = match hexadecimal {
        #[expect(clippy::cast_precision_loss, reason = "as JavaScript reads it")]
        Some(hexadecimal) => u128::from_str_radix(hexadecimal, 16).ok()? as f64,
        None => digits.parse().ok()?,
    };
    Some(sign * value)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_read_as_javascript_reads_them() {
        for (literal, value) in [
            ("1999", 1999.0),
            ("+2", 2.0),
            ("-0x10", -16.0),
            (".5", 0.5),
            ("5.", 5.0),
            ("1e3", 1000.0),
            ("Infinity", f64::INFINITY),
        ] {
            assert_eq!(number(literal), Some(value), "{literal}");
        }
        assert!(number("NaN").unwrap().is_nan());
        assert_eq!(number("0x"), None);
    }

    #[test]
    fn whole_numbers_stay_whole_in_json() {
        assert_eq!(json_number("3").unwrap().to_string(), "3");
        assert_eq!(json_number("0x10").unwrap().to_string(), "16");
        assert_eq!(json_number("2.5").unwrap().to_string(), "2.5");
        assert_eq!(json_number("-Infinity"), None);
    }
}

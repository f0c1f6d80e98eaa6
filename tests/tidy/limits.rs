//! docs/limits.md: every limit by name, with its default and what it is of, made from the two
//! structs that hold them: the words from their sources, the numbers from their defaults. Written
//! by `make limits`, checked by the tidy test.

use std::fmt::Write as _;

use partykit_core::Limits;
use partykit_host::HostLimits;
use syn::{Expr, Fields, Item, Lit, Meta};

use crate::sources;

const PAGE: &str = "docs/limits.md";

const HEAD: &str = "\
# Limits

Each limit by its name, which is also what errors call it. A host takes another value from the
environment: `PARTYKIT_HOST_` and the name in capitals, as in
`PARTYKIT_HOST_MESSAGE_BYTES_MAX=1048576`. Values are whole numbers above 0; `_ms` is milliseconds,
`_bytes` is bytes. This page is made from the sources: `make limits`.
";

/// Compares the page with what it should be; with `PARTYKIT_WRITE_LIMITS` writes it.
pub(crate) fn check_or_write() {
    let rooms = table(
        &words("host/crates/core/src/limits.rs", "Limits"),
        &numbers(&format!("{:#?}", Limits::default())),
    );
    let host = table(
        &words("host/src/config.rs", "HostLimits"),
        &numbers(&format!("{:#?}", HostLimits::default())),
    );
    let wanted = format!(
        "{HEAD}\n## Of each room\n\n{rooms}\n## Of the host and of each connection\n\n{host}"
    );
    if std::env::var_os("PARTYKIT_WRITE_LIMITS").is_some() {
        std::fs::write(sources::root().join(PAGE), &wanted).unwrap();
    }
    assert!(
        sources::text_of(PAGE) == wanted,
        "{PAGE} is outdated; run: make limits"
    );
}

/// The fields of a struct and what is written above them.
fn words(path: &str, name: &str) -> Vec<(String, String)> {
    let file = syn::parse_file(&sources::text_of(path)).unwrap();
    let found = file.items.into_iter().find_map(|item| match item {
        Item::Struct(item) if item.ident == name => Some(item.fields),
        _ => None,
    });
    let Some(Fields::Named(fields)) = found else {
        panic!("{path} has no struct {name} with named fields");
    };
    let fields = fields.named.into_iter();
    fields
        .map(|field| {
            let lines: Vec<_> = field.attrs.iter().filter_map(doc_line).collect();
            (field.ident.unwrap().to_string(), lines.join(" "))
        })
        .collect()
}

fn doc_line(attribute: &syn::Attribute) -> Option<String> {
    let Meta::NameValue(pair) = &attribute.meta else {
        return None;
    };
    match &pair.value {
        Expr::Lit(literal) if pair.path.is_ident("doc") => match &literal.lit {
            Lit::Str(text) => Some(text.value().trim().to_owned()),
            _ => None,
        },
        _ => None,
    }
}

/// `name: value` of each line that a struct's Debug output has for a number.
fn numbers(shown: &str) -> Vec<(String, String)> {
    let lines = shown
        .lines()
        .filter_map(|line| line.trim().split_once(": "));
    lines
        .map(|(name, value)| (name.to_owned(), value.trim_end_matches(',').to_owned()))
        .collect()
}

fn table(words: &[(String, String)], numbers: &[(String, String)]) -> String {
    let mut table = "| limit | default | of what |\n|---|---|---|\n".to_owned();
    for (name, meaning) in words {
        let (_, number) = numbers
            .iter()
            .find(|(other, _)| other == name)
            .unwrap_or_else(|| panic!("{name} has no default"));
        writeln!(
            table,
            "| `{name}` | {} | {meaning} |",
            readable(name, number)
        )
        .unwrap();
    }
    table
}

/// A number as people read it.
fn readable(name: &str, number: &str) -> String {
    let Ok(value) = number.parse::<u64>() else {
        return "computed".to_owned();
    };
    if name.ends_with("_ms") || name.contains("_ms_") {
        return format!("{} ms", grouped(value));
    }
    if name.contains("bytes") {
        for (unit, size) in [("MiB", 1 << 20), ("KiB", 1 << 10)] {
            if value >= size && value % size == 0 {
                return format!("{} {unit}", grouped(value / size));
            }
        }
        return format!("{} bytes", grouped(value));
    }
    grouped(value)
}

/// 1234567 as 1,234,567.
fn grouped(value: u64) -> String {
    let digits = value.to_string();
    let mut text = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_written_as_people_read_them() {
        assert_eq!(readable("memory_bytes_max", "134217728"), "128 MiB");
        assert_eq!(readable("value_bytes_max", "131106"), "131,106 bytes");
        assert_eq!(readable("cpu_ms_max", "10000"), "10,000 ms");
        assert_eq!(readable("effects_max", "1000000"), "1,000,000");
        assert_eq!(readable("max_resident_rooms", "None"), "computed");
    }

    #[test]
    fn a_limit_without_words_or_number_is_not_left_out() {
        let words = [("a_ms".to_owned(), "Of a.".to_owned())];
        let numbers = numbers("Limits {\n    a_ms: 7,\n}");
        assert!(table(&words, &numbers).contains("| `a_ms` | 7 ms | Of a. |"));
    }
}

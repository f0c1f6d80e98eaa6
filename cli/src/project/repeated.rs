//! Keys that are given twice in one object. JSON lets the last one count, and so does PartyKit;
//! but nobody writes a key twice on purpose, so that each is remarked on, with both places.

use std::collections::HashMap;

use jsonc_parser::ast::{ObjectPropName, Value};
use jsonc_parser::common::Range;

use super::document::Document;

/// A file that was made by a program that repeats itself is not remarked on without end.
const REMARKS_MAX: usize = 10;

/// What there is to say about `value`, in the order of the text.
pub(super) fn repeated(document: &Document, value: &Value<'_>) -> Vec<String> {
    let mut pairs = Vec::new();
    find(value, &mut pairs);
    pairs.sort_by_key(|(_, _, second)| second.start);
    pairs
        .into_iter()
        .take(REMARKS_MAX)
        .map(|(key, first, second)| {
            let (line, column) = document.line_and_column(first);
            let message = format!(
                "\"{key}\" is given twice: this one counts, not the one in line {line}, \
                 column {column}"
            );
            document.error_at(second, message).to_string()
        })
        .collect()
}

/// Each key that came before in its object, with the place before and its own. As deep as the
/// parser goes.
fn find<'v>(value: &'v Value<'_>, pairs: &mut Vec<(&'v str, Range, Range)>) {
    match value {
        Value::Array(array) => array.elements.iter().for_each(|item| find(item, pairs)),
        Value::Object(object) => {
            let mut places = HashMap::new();
            for property in &object.properties {
                let (key, range) = key(&property.name);
                if let Some(before) = places.insert(key, range) {
                    pairs.push((key, before, range));
                }
                find(&property.value, pairs);
            }
        }
        _ => {}
    }
}

/// A key and where it stands.
pub(super) fn key<'v>(name: &'v ObjectPropName<'_>) -> (&'v str, Range) {
    match name {
        ObjectPropName::String(text) => (&text.value, text.range),
        ObjectPropName::Word(word) => (word.value, word.range),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn remarks(text: &str) -> Vec<String> {
        let document =
            Document::of_text("/p/partykit.json".into(), "partykit.json", text.to_owned());
        let value = document.parse().unwrap();
        let remarks = repeated(&document, &value);
        let first_line = |remark: String| remark.lines().next().unwrap().to_owned();
        remarks.into_iter().map(first_line).collect()
    }

    #[test]
    fn a_key_given_twice_is_remarked_on_with_both_places_however_deep() {
        let text = "{\n  port: 1,\n  vars: {a: [{b: 1, 'b': 2}]},\n  \"port\": 2,\n}";
        assert_eq!(
            remarks(text),
            [
                "partykit.json:3:21: \"b\" is given twice: this one counts, not the one in \
                 line 3, column 15",
                "partykit.json:4:3: \"port\" is given twice: this one counts, not the one in \
                 line 2, column 3",
            ]
        );
        assert_eq!(remarks("{a: {b: 1}, c: {b: 1}}"), [""; 0]);
    }

    #[test]
    fn a_file_full_of_them_is_not_remarked_on_without_end() {
        let text = format!("{{{}}}", "a: 1, ".repeat(1000));
        assert_eq!(remarks(&text).len(), REMARKS_MAX);
    }
}

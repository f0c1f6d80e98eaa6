//! Against bytes that V8 wrote (the list of the JavaScript guest's tests), and against bytes that
//! nobody wrote.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test fails by panicking"
)]

use partykit_value::{Graph, Object, Value};

/// `name <tab> expression <tab> hex`; a line each.
const WRITTEN_BY_V8: &str = include_str!("../../quickjs/src/tests/values.tsv");

fn cases() -> impl Iterator<Item = (&'static str, Vec<u8>)> {
    WRITTEN_BY_V8.lines().map(|line| {
        let mut fields = line.split('\t');
        let name = fields.next().unwrap();
        (name, unhex(fields.nth(1).unwrap()))
    })
}

fn unhex(text: &str) -> Vec<u8> {
    let pairs = text.as_bytes().chunks(2);
    pairs
        .map(|pair| u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16).unwrap())
        .collect()
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[test]
fn what_v8_wrote_is_read_and_written_byte_by_byte() {
    for (name, bytes) in cases() {
        let graph = Graph::from_bytes(&bytes).unwrap_or_else(|error| panic!("{name}: {error}"));
        assert_eq!(hex(&graph.to_bytes().unwrap()), hex(&bytes), "{name}");
    }
}

#[cfg(feature = "json")]
#[test]
fn what_v8_wrote_comes_back_from_json_byte_by_byte() {
    for (name, bytes) in cases() {
        let json = Graph::from_bytes(&bytes).unwrap().to_json().unwrap();
        assert!(!json.contains('\n'), "{name}");
        let graph =
            Graph::from_json(&json).unwrap_or_else(|error| panic!("{name}: {json}: {error}"));
        assert_eq!(
            hex(&graph.to_bytes().unwrap()),
            hex(&bytes),
            "{name}: {json}"
        );
    }
}

#[test]
fn forms_that_older_versions_and_other_engines_write_are_read() {
    // UTF-8, an unsigned integer, a hole in a dense array, padding, a view without flags, bytes
    // behind the value.
    for (bytes, canonical) in [
        ("ff0d5304f09f9880", "ff0f63043dd800de"),
        ("ff0f55ac02", "ff0f49d804"),
        ("ff0f41022d4902240002", "ff0f610249024902400102"),
        ("ff0f0000000054", "ff0f54"),
        ("ff0d4202010256420002", "ff0f420201025642000200"),
        ("ff0f545454", "ff0f54"),
    ] {
        let graph = Graph::from_bytes(&unhex(bytes)).unwrap();
        assert_eq!(hex(&graph.to_bytes().unwrap()), canonical, "{bytes}");
    }
}

#[test]
fn whatever_is_cut_or_changed_is_an_error_or_another_value_and_never_a_panic() {
    let mut refused = 0;
    for (name, bytes) in cases() {
        for at in 0..bytes.len() {
            // A buffer is a value without the view that follows it.
            if let Ok(graph) = Graph::from_bytes(&bytes[..at]) {
                let last = graph.objects.last();
                assert!(matches!(last, Some(Object::Buffer(_))), "{name} at {at}");
            }
            for flip in [0x01, 0x20, 0x55, 0x80, 0xff] {
                let mut changed = bytes.clone();
                changed[at] ^= flip;
                match Graph::from_bytes(&changed) {
                    Err(_) => refused += 1,
                    // It can be written, and is the same value then.
                    Ok(graph) => {
                        let written = graph.to_bytes().unwrap();
                        let again = Graph::from_bytes(&written).unwrap();
                        assert_eq!(again.to_bytes().unwrap(), written, "{name} at {at}");
                    }
                }
            }
        }
    }
    assert!(refused > 1000, "{refused}");
}

#[test]
fn errors_say_what_is_wrong_and_at_which_byte() {
    for (bytes, expected) in [
        ("", "it ends too early (byte 0)"),
        ("00", "a value begins with its version (byte 1)"),
        (
            "ff0c54",
            "the format has a version that is not known (byte 2)",
        ),
        (
            "ff0f5c",
            "it holds something that cannot be stored (byte 3)",
        ),
        ("ff0f5e00", "it names an object that is not there (byte 4)"),
        (
            "ff0f41ffffffff0f",
            "an array is longer than the value (byte 8)",
        ),
        ("ff0f49ffffffff7f", "a number is too large (byte 8)"),
        (
            "ff0f6f7b01",
            "a list does not have the length that it says (byte 5)",
        ),
        (
            "ff0f6f54547b01",
            "a property has a name that is none (byte 4)",
        ),
        (
            "ff0f420100564202010000",
            "a view does not fit its buffer (byte 10)",
        ),
        (
            "ff0f6f7b005642000000",
            "a view is of something that is no buffer (byte 10)",
        ),
        ("ff0f5303ffffff", "a string is not UTF-8 (byte 7)"),
        ("ff0f7200", "an error has a part that is not known (byte 4)"),
    ] {
        let error = Graph::from_bytes(&unhex(bytes)).unwrap_err();
        assert_eq!(error.to_string(), expected, "{bytes}");
    }
}

#[test]
fn data_that_names_what_is_not_there_is_written_without_it() {
    let graph = Graph {
        root: Value::Object(partykit_value::ObjectId(7)),
        objects: vec![Object::Plain(Vec::new())],
    };
    assert_eq!(hex(&graph.to_bytes().unwrap()), "ff0f30");
}

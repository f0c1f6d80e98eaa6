//! The notation, form by form, and what is none of it.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test fails by panicking"
)]

use partykit_value::{Graph, Object, ObjectId, Value};

fn json(text: &str) -> Graph {
    Graph::from_json(text).unwrap_or_else(|error| panic!("{text}: {error}"))
}

/// Is written as it was read.
fn stays(text: &str) {
    let graph = json(text);
    assert_eq!(graph.to_json().unwrap(), text);
    // And comes back from the bytes of a store.
    let again = Graph::from_bytes(&graph.to_bytes().unwrap()).unwrap();
    assert_eq!(again.to_json().unwrap(), text);
}

#[test]
fn every_form_of_the_page_is_read_and_written() {
    let page = include_str!("../../../docs/storage-export.md");
    let forms = page.lines().filter_map(|line| {
        // Of the table: what it is, and how it is written.
        let mut cells = line.strip_prefix("| ")?.split(" | ");
        let (_, form) = (cells.next()?, cells.next()?);
        form.strip_prefix('`')?
            .split_once('`')
            .map(|(form, _)| form)
    });
    let forms: Vec<_> = forms.collect();
    assert!(forms.len() > 25, "{forms:?}");
    for form in forms {
        stays(form);
    }
}

#[test]
fn numbers_are_the_same_to_the_last_bit() {
    for text in [
        "-3.0695448421002275e-12",
        "5e-324",
        "1.7976931348623157e+308",
        "0.1",
        "9007199254740991",
        "9007199254740992.0",
        "123456789012345680.0",
    ] {
        stays(text);
    }
}

#[test]
fn order_of_fields_and_spaces_do_not_matter() {
    for (text, expected) in [
        (
            r#"{ "flags" : "mgi" , "$regexp" : "a" }"#,
            r#"{"$regexp":"a","flags":"gim"}"#,
        ),
        (r#"{"b":1,"2":2,"1":3}"#, r#"{"1":3,"2":2,"b":1}"#),
        (r#"{"is":[1],"$id":7}"#, "[1]"),
        ("1e3", "1000"),
        ("1.0", "1"),
        (r#"{"$bigint":"0x1F"}"#, r#"{"$bigint":"31"}"#),
        (r#"{"$object":[["a",1]]}"#, r#"{"a":1}"#),
        (r#"{"$array":[1],"properties":[]}"#, "[1]"),
    ] {
        assert_eq!(json(text).to_json().unwrap(), expected);
    }
}

#[test]
fn an_object_held_by_itself_keeps_its_shape() {
    let Graph { root, objects } =
        json(r#"{"$id":1,"is":{"self":{"$ref":1},"m":{"$map":[[{"$ref":1},2]]}}}"#);
    let itself = Value::Object(ObjectId(0));
    assert_eq!(root, itself);
    let Object::Plain(properties) = &objects[0] else {
        panic!("{objects:?}");
    };
    assert_eq!(properties[0].1, itself);
    assert_eq!(objects[1], Object::Map(vec![(itself, Value::Number(2.0))]));
}

/// A text, and what is said to it.
#[rustfmt::skip]
const MISTAKES: &[(&str, &str)] = &[
    ("", "EOF while parsing a value at line 1 column 0"),
    ("[1,]", "trailing comma at line 1 column 4"),
    ("1 2", "trailing characters at line 1 column 3"),
    (r#""\ud800""#, "unexpected end of hex escape at line 1 column 8"),
    (r#"{"a":[0,{"$what":1}]}"#, r#"there is no "$what"; an object with such a key is written {"$object":[["$what",...]]} (at a.1.$what)"#),
    (r#"{"$undefined":1}"#, "it must be true, not a number (at $undefined)"),
    (r#"{"$number":"-1"}"#, r#"it can be "NaN", "Infinity", "-Infinity" or "-0" (at $number)"#),
    (r#"{"$bigint":5}"#, "it must be a string, not a number (at $bigint)"),
    (r#"{"$bigint":"5n"}"#, "an integer is decimal, of 400 digits at most, or hexadecimal after 0x (at $bigint)"),
    (r#"{"$date":"2024"}"#, "it must be a number, not a string (at $date)"),
    (r#"{"$date":1,"zone":2}"#, r#""$date" has a field "zone" that is not known"#),
    (r#"{"$regexp":"a"}"#, r#""$regexp" has no "flags" (at $regexp)"#),
    (r#"{"$regexp":"a","flags":"gg"}"#, "its flags are some of dgimsuvy, each once (at $regexp)"),
    (r#"{"$map":[[1]]}"#, "an entry is a list of its key and its value (at $map.0)"),
    (r#"{"$set":{}}"#, "it must be a list, not an object (at $set)"),
    (r#"{"$error":"MyError"}"#, "it can be Error, EvalError, RangeError, ReferenceError, SyntaxError, TypeError or URIError (at $error)"),
    (r#"{"$boxed":null}"#, "it must be a boolean, a number, a BigInt or a string, not null (at $boxed)"),
    (r#"{"$buffer":"?"}"#, "it is no base64: Invalid symbol 63, offset 0. (at $buffer)"),
    (r#"{"$buffer":"AAA=","maximum":1}"#, r#"it is longer than its "maximum" (at $buffer)"#),
    (r#"{"$view":"Uint16Array","of":{"$buffer":"AAA="},"offset":1,"length":1}"#, "its offset and length (in bytes) do not fit its buffer (at $view)"),
    (r#"{"$view":"Uint8Array","of":[],"offset":0,"length":0}"#, r#"a view is "of" a "$buffer" (at $view)"#),
    (r#"{"$view":"Uint9Array","of":[],"offset":0,"length":0}"#, "it can be a typed array, such as Uint8Array, or DataView (at $view)"),
    (r#"{"$sparse":1,"properties":[[1,0]]}"#, "an element stands beyond the length (at $sparse)"),
    (r#"{"$sparse":-1,"properties":[]}"#, "it must be a whole number from 0 to 4294967295 (at $sparse)"),
    (r#"{"$array":[],"properties":[["0",1]]}"#, r#"elements stand in the list, or the array is written as "$sparse" (at $array)"#),
    (r#"{"$object":[["a",1],["a",2]]}"#, r#"the property "a" is given twice (at $object)"#),
    (r#"{"a":1,"a":2}"#, r#"the property "a" is given twice"#),
    (r#"{"$ref":1}"#, r#"nothing before it has this "$id" (at $ref)"#),
    (r#"[{"$id":1,"is":{}},{"$id":1,"is":{}}]"#, r#"something before it has the same "$id" (at 1.$id)"#),
    (r#"{"$id":1,"is":5}"#, r#"only objects have an "$id" (at $id)"#),
    (r#"{"$string":[65536]}"#, "it must be a code unit below 65536, not a number (at $string)"),
];

#[test]
fn mistakes_say_what_and_where() {
    for (text, expected) in MISTAKES {
        let error = Graph::from_json(text).unwrap_err().to_string();
        assert_eq!(error, *expected, "{text}");
    }
}

/// As deep as it may be takes a few megabytes of stack, which a test's thread does not have.
#[test]
fn the_deepest_value_is_carried_and_a_deeper_one_refused() {
    let deep = || {
        for (open, close) in [("[", "]"), ("{\"$map\":[[", ",0]]}"), ("{\"$set\":[", "]}")] {
            let text = |levels| {
                let core = if open == "{\"$map\":[[" { "0" } else { "" };
                format!("{}{core}{}", open.repeat(levels), close.repeat(levels))
            };
            let graph = json(&text(1000));
            assert_eq!(graph.to_json().unwrap(), text(1000));
            let bytes = graph.to_bytes().unwrap();
            assert_eq!(
                Graph::from_bytes(&bytes).unwrap().to_json().unwrap(),
                text(1000)
            );
            let deeper = json(&text(1001));
            let error = "the value is nested deeper than 1000";
            assert_eq!(deeper.to_bytes().unwrap_err().to_string(), error);
            assert_eq!(deeper.to_json().unwrap_err().to_string(), error);
        }
        let error = Graph::from_json(&"[".repeat(100_000))
            .unwrap_err()
            .to_string();
        assert!(
            error.starts_with("the value is nested too deeply"),
            "{error}"
        );
    };
    let thread = std::thread::Builder::new().stack_size(64 << 20);
    thread.spawn(deep).unwrap().join().unwrap();
}

//! Any text as partykit.json: it is read or refused at a place that exists, and nothing panics. The
//! parser is part of the command line tool, so its files are taken in as they are.

#![no_main]
#![allow(dead_code, reason = "the parser's files serve more than this")]

#[path = "../../../cli/src/project/document.rs"]
mod document;
#[path = "../../../cli/src/project/error.rs"]
mod error;
#[path = "../../../cli/src/project/locate.rs"]
mod locate;
#[path = "../../../cli/src/project/node.rs"]
mod node;
#[path = "../../../cli/src/project/platform.rs"]
mod platform;
#[path = "../../../cli/src/project/repeated.rs"]
mod repeated;
#[path = "../../../cli/src/project/schema.rs"]
mod schema;
#[path = "../../../cli/src/project/serve.rs"]
mod serve;
#[path = "../../../cli/src/project/suggest.rs"]
mod suggest;

use document::Document;
use libfuzzer_sys::fuzz_target;
use schema::Project;

const NAME: &str = "partykit.json";

fuzz_target!(|text: &str| {
    let document = Document::of_text("/none/partykit.json".into(), NAME, text.to_owned());
    match Project::from_document(&document) {
        Ok(project) => {
            for remark in project.repeated {
                check_place(&remark, text);
            }
        }
        Err(error) => check_place(&error.to_string(), text),
    }
});

/// The line and the column lie in the text. Messages about the text as a whole have neither.
fn check_place(message: &str, text: &str) {
    let first = message.lines().next().unwrap();
    let mut parts = first.splitn(4, ':');
    assert_eq!(parts.next(), Some(NAME), "{message}");
    let Some(line) = parts.next().and_then(|line| line.parse::<usize>().ok()) else {
        return;
    };
    let column: usize = parts.next().unwrap().parse().unwrap();
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let source = text.split('\n').nth(line - 1);
    let source = source.unwrap_or_else(|| panic!("line {line} is not there: {message}"));
    assert!(column <= source.chars().count() + 1, "{message}\n{text}");
}

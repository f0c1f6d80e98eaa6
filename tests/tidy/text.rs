//! Checks that need no understanding of a language: pages, columns, leftovers.

use crate::sources::Source;

const COLUMNS_MAX: usize = 100;
/// Shorter than this a page says nothing.
const PAGE_LENGTH_MIN: usize = 21;
const CODE: &[&str] = &["rs", "js", "mjs", "ts"];

/// A source file begins with what it owns and who calls it.
pub(crate) fn module_page(source: &Source) -> Vec<String> {
    if !source.has_ending(CODE) {
        return Vec::new();
    }
    let mark = if source.is_rust() { "//!" } else { "//" };
    let mut lines = source
        .text
        .lines()
        .skip_while(|line| line.starts_with("#!"))
        .peekable();
    let block = !source.is_rust() && lines.peek().is_some_and(|line| line.starts_with("/**"));
    let page: String = if block {
        lines.take_while(|line| !line.contains("*/")).collect()
    } else {
        lines.take_while(|line| line.starts_with(mark)).collect()
    };
    if page.len() < PAGE_LENGTH_MIN {
        let path = &source.path;
        return vec![format!(
            "{path}:1: begins without a page that says what the file is for"
        )];
    }
    Vec::new()
}

/// Rust lines fit the width that rustfmt keeps, comments and texts included. A line with an
/// address may be longer, and so may a row of a test's table whose text makes it long: neither
/// gets better by being broken.
pub(crate) fn columns(source: &Source) -> Vec<String> {
    if !source.is_rust() {
        return Vec::new();
    }
    let too_long = |line: &str| {
        let forgiven = line.contains("://") || source.is_tests() && line.contains('"');
        line.chars().count() > COLUMNS_MAX && !forgiven
    };
    let complaint = |(at, _)| format!("{at}: longer than {COLUMNS_MAX} columns");
    source
        .lines()
        .filter(|(_, line)| too_long(line))
        .map(complaint)
        .collect()
}

/// What is left to do stands in docs/known-gaps.md; what was printed to find a bug is gone.
pub(crate) fn leftovers(source: &Source) -> Vec<String> {
    // Written in halves, or this file would be its own first complaint.
    let words = [["TO", "DO"], ["FIX", "ME"], ["XX", "X"]].map(|halves| halves.concat());
    let macros = [["db", "g!("], ["todo", "!("], ["unimplemented", "!("]].map(|h| h.concat());
    if !source.has_ending(&["rs", "js", "mjs", "ts", "wit", "css", "html", "sh", "toml"]) {
        return Vec::new();
    }
    let mut complaints = Vec::new();
    for (at, line) in source.lines() {
        for word in line.split(|c: char| !c.is_alphanumeric()) {
            if words.iter().any(|banned| banned == word) {
                complaints.push(format!("{at}: {word} belongs into docs/known-gaps.md"));
            }
        }
        if macros.iter().any(|banned| line.contains(banned.as_str())) {
            complaints.push(format!("{at}: debugging or unfinished code"));
        }
    }
    complaints
}

/// Nothing in the repository may depend on where somebody once had it.
pub(crate) fn machine_paths(source: &Source) -> Vec<String> {
    let banned = [["/wo", "rk/"], ["/ro", "ot/"], ["/ho", "me/"]].map(|halves| halves.concat());
    let has_one = |line: &str| banned.iter().any(|path| line.contains(path.as_str()));
    let complaint = |(at, _)| format!("{at}: names a path of one machine");
    source
        .lines()
        .filter(|(_, line)| has_one(line))
        .map(complaint)
        .collect()
}

mod planted {
    use super::*;

    fn rust(text: &str) -> Source {
        Source::planted("host/src/planted.rs", text)
    }

    #[test]
    fn a_missing_page_is_seen() {
        assert_eq!(module_page(&rust("use std::fmt;\n")).len(), 1);
        assert_eq!(module_page(&rust("//! Too short.\n")).len(), 1);
        assert_eq!(
            module_page(&Source::planted("a/b.js", "let a = 1;\n")).len(),
            1
        );
    }

    #[test]
    fn a_page_in_any_of_the_usual_forms_is_accepted() {
        let words = "Reads what clients send and hands it on.";
        assert!(module_page(&rust(&format!("//! {words}\n"))).is_empty());
        for text in [
            format!("// {words}\n"),
            format!("/**\n * {words}\n */\n"),
            format!("#!/usr/bin/env node\n// {words}\n"),
        ] {
            assert!(
                module_page(&Source::planted("a/b.js", &text)).is_empty(),
                "{text}"
            );
        }
    }

    #[test]
    fn a_long_line_is_seen_and_an_address_is_forgiven() {
        let long = format!("// {}\n", "x".repeat(98));
        assert_eq!(
            columns(&rust(&long)),
            ["host/src/planted.rs:1: longer than 100 columns"]
        );
        assert!(columns(&rust(&format!("// https://{}\n", "x".repeat(98)))).is_empty());
        assert!(columns(&rust(&format!("// {}\n", "é".repeat(97)))).is_empty());
        let row = format!("(\"{}\", 1),\n", "x".repeat(98));
        assert_eq!(columns(&rust(&row)).len(), 1);
        assert!(columns(&Source::planted("cli/tests/cli.rs", &row)).is_empty());
    }

    #[test]
    fn leftovers_are_seen_as_whole_words() {
        let note = format!("let a = 1; // {}{}: later\n", "TO", "DO");
        assert_eq!(leftovers(&rust(&note)).len(), 1);
        assert_eq!(
            leftovers(&rust(&format!("{}{}a);\n", "db", "g!("))).len(),
            1
        );
        assert!(leftovers(&rust("// AUTODOC and MASTODON\n")).is_empty());
    }

    #[test]
    fn a_path_of_one_machine_is_seen() {
        let text = format!("let path = \"{}{}me\";\n", "/ho", "me/");
        assert_eq!(machine_paths(&rust(&text)).len(), 1);
    }
}

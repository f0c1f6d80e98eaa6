//! Texts that no person would write: whatever stands in a configuration, it is read or refused at
//! a place that exists, and nothing panics.

use std::path::Path;

use super::document::Document;
use super::schema::Project;

/// With `PARTYKIT_LONG_TESTS`, many more.
const ROUNDS: usize = 20_000;
const ROUNDS_LONG: usize = 2_000_000;

/// A name and a number decide on all that follows.
struct Dice(u64);

impl Dice {
    /// xorshift64*: good enough to be arbitrary, and the same everywhere.
    fn roll(&mut self, sides: usize) -> usize {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        let high = self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 33;
        usize::try_from(high).unwrap() % sides.max(1)
    }
}

/// What mistakes are made of.
const PIECES: &[&str] = &[
    "{",
    "}",
    "[",
    "]",
    ",",
    ":",
    "\"",
    "'",
    "/*",
    "*/",
    "//",
    "\\",
    "\\u12",
    "\n",
    "\r",
    "\t",
    "null",
    "true",
    "NaN",
    "-",
    "+",
    "0x",
    "1e999",
    "1e-999",
    "99999999999999999999999",
    ".",
    "\u{feff}",
    "\u{0}",
    "\u{2028}",
    "ä",
    "🎈",
    "\"port\"",
    "serve",
    "build",
    "entry",
    "vars",
    "__proto__",
    "\"\"",
    "{}",
    "[[[[",
];

fn mistake(text: &mut String, dice: &mut Dice) {
    let mut place = || {
        let mut at = dice.roll(text.len() + 1);
        while !text.is_char_boundary(at) {
            at -= 1;
        }
        at
    };
    let (one, other) = (place(), place());
    let (from, to) = (one.min(other), one.max(other));
    match dice.roll(5) {
        0 => text.truncate(from),
        1 => text.insert_str(from, PIECES[dice.roll(PIECES.len())]),
        2 => text.replace_range(from..to, ""),
        3 => text.replace_range(from..to, PIECES[dice.roll(PIECES.len())]),
        _ => {
            let part = text[from..to].to_owned();
            // Doubled again and again, it would be all there is.
            if text.len() < 20_000 {
                text.insert_str(to, &part);
            }
        }
    }
}

/// The line and the column of an error lie in the text.
fn check_place(message: &str, text: &str) {
    let first = message.lines().next().unwrap();
    let mut parts = first.splitn(4, ':');
    assert_eq!(parts.next(), Some("partykit.json"), "{message}");
    let Some(line) = parts.next().and_then(|line| line.parse::<usize>().ok()) else {
        return;
    };
    let column: usize = parts.next().unwrap().parse().unwrap();
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let source = text.split('\n').nth(line - 1);
    let source = source.unwrap_or_else(|| panic!("line {line} is not there: {message}"));
    assert!(column <= source.chars().count() + 1, "{message}\n{text}");
}

#[test]
fn no_text_makes_the_parser_panic_or_point_into_nothing() {
    let root = tempfile::tempdir().unwrap();
    std::fs::create_dir(root.path().join("src")).unwrap();
    for file in ["src/server.ts", "src/client.ts"] {
        std::fs::write(root.path().join(file), "").unwrap();
    }
    let long = std::env::var_os("PARTYKIT_LONG_TESTS").is_some();
    let rounds = if long { ROUNDS_LONG } else { ROUNDS };
    let whole = include_str!("../../tests/cli/full.json5");
    let mut refused = 0;
    for round in 1..=rounds {
        let mut dice = Dice(round as u64);
        let mut text = whole.to_owned();
        for _ in 0..=dice.roll(4) {
            mistake(&mut text, &mut dice);
        }
        let read = std::panic::catch_unwind(|| read(root.path(), &text));
        match read {
            Ok(Ok(_)) => {}
            Ok(Err(message)) => {
                refused += 1;
                check_place(&message, &text);
            }
            Err(_) => panic!("round {round} panicked with:\n{text}"),
        }
    }
    assert!(
        refused > rounds / 2,
        "only {refused} of {rounds} were refused"
    );
}

fn read(root: &Path, text: &str) -> Result<Project, String> {
    let document = Document::of_text(root.join("partykit.json"), "partykit.json", text.to_owned());
    Project::from_document(&document).map_err(|error| error.to_string())
}

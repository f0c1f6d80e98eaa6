//! A command line that cannot be understood, or that asks for help. People get clap's text; a
//! script gets what it asked for as far as it can be made out: an `error` object with `--json`, and
//! no ready file of an earlier start.

use std::env;
use std::ffi::OsString;
use std::path::PathBuf;
use std::process::ExitCode;

use crate::output::{Loudness, Output, Reader};
use crate::ready_file;

/// Tells it; what the process ends with.
pub(crate) fn told(error: &clap::Error) -> ExitCode {
    let code = u8::try_from(error.exit_code()).unwrap_or(1);
    let wishes = Wishes::of(env::args_os());
    if let Some(path) = wishes.ready_file.filter(|_| error.use_stderr()) {
        // The mistake is what is told, whether this succeeds or not.
        let _ = ready_file::remove(&path);
    }
    if wishes.json && error.use_stderr() {
        let output = Output::new(Loudness::Normal, Reader::Program);
        let (text, hint) = parts(&error.render().to_string());
        output.mistake(&text, hint.as_deref());
    } else {
        // Nobody reads any more: nothing can be done about that.
        let _ = error.print();
    }
    ExitCode::from(code)
}

const READY_FILE: &str = "--ready-file";

/// What a command line asks for that has a mistake somewhere else.
#[derive(Debug, Default, PartialEq, Eq)]
struct Wishes {
    json: bool,
    ready_file: Option<PathBuf>,
}

impl Wishes {
    /// Looks at the words alone: clap reads nothing after the first mistake.
    fn of(arguments: impl IntoIterator<Item = OsString>) -> Self {
        let mut wishes = Self::default();
        let mut words = arguments.into_iter().skip(1);
        let of_scripts = ["dev", "storage"];
        if !words
            .next()
            .is_some_and(|command| of_scripts.iter().any(|name| command == *name))
        {
            return wishes;
        }
        while let Some(word) = words.next() {
            let text = word.to_string_lossy();
            if text == "--" {
                break;
            } else if text == "--json" {
                wishes.json = true;
            } else if text == READY_FILE {
                wishes.ready_file = words.next().map(PathBuf::from);
            } else if let Some(rest) = text.strip_prefix(READY_FILE) {
                wishes.ready_file = rest.strip_prefix('=').map(PathBuf::from);
            }
        }
        wishes
    }
}

/// What is wrong, and what clap says besides: a guess, the usage.
fn parts(text: &str) -> (String, Option<String>) {
    let text = text.trim();
    let text = text.strip_prefix("error: ").unwrap_or(text);
    match text.split_once("\n\n") {
        Some((wrong, rest)) => (wrong.to_owned(), Some(rest.trim().to_owned())),
        None => (text.to_owned(), None),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wishes(line: &str) -> Wishes {
        Wishes::of(line.split(' ').map(OsString::from))
    }

    #[test]
    fn what_is_asked_for_is_made_out_on_either_side_of_a_mistake() {
        let both = Wishes {
            json: true,
            ready_file: Some("r.json".into()),
        };
        for line in [
            "partykit dev --json --ready-file r.json --prot 1",
            "partykit dev --prot --json --ready-file=r.json",
            "partykit dev --port x --ready-file r.json --json",
            "partykit dev a.ts b.ts c.ts --json --ready-file r.json",
            "partykit dev --var A --json --ready-file r.json",
            "partykit dev --quiet --verbose --json --ready-file r.json",
        ] {
            assert_eq!(wishes(line), both, "{line}");
        }
        for line in [
            "partykit",
            "partykit dve --json",
            "partykit dev --prot",
            "partykit dev --prot -- --json",
            "partykit storage export",
        ] {
            assert_eq!(wishes(line), Wishes::default(), "{line}");
        }
    }

    #[test]
    fn the_mistake_comes_apart_from_what_is_said_about_it() {
        let text = "error: unexpected argument '--prot' found\n\n  tip: x\n\nUsage: y\n";
        let (wrong, rest) = parts(text);
        assert_eq!(wrong, "unexpected argument '--prot' found");
        assert_eq!(rest.as_deref(), Some("tip: x\n\nUsage: y"));
        assert_eq!(parts("error: x\n"), ("x".to_owned(), None));
    }
}

//! Variables from `.env` and `.env.local`, found upwards from where the command was started.
//!
//! Reads the format that the npm package dotenv reads, because projects were written for it. The
//! Rust crates for such files were looked at and differ where it hurts: they substitute `$NAME`,
//! which mangles secrets, or refuse the whole file for one line that they do not like.

use std::path::{Path, PathBuf};

/// A file could not be read.
#[derive(Debug, thiserror::Error)]
#[error("the variables in {} cannot be read", path.display())]
pub(crate) struct EnvFileError {
    path: PathBuf,
    source: std::io::Error,
}

/// One file's variables in their order; of a name given twice the later one counts.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct EnvFile {
    pub(crate) path: PathBuf,
    pub(crate) variables: Vec<(String, String)>,
}

/// `.env` and then `.env.local`, as far as they exist: later ones win over earlier ones.
///
/// # Errors
/// A file exists and cannot be read.
pub(crate) fn find(cwd: &Path) -> Result<Vec<EnvFile>, EnvFileError> {
    let mut files = Vec::new();
    for name in [".env", ".env.local"] {
        let mut candidates = cwd.ancestors().map(|folder| folder.join(name));
        let Some(path) = candidates.find(|path| path.is_file()) else {
            continue;
        };
        match std::fs::read(&path) {
            Ok(bytes) => files.push(EnvFile {
                variables: parse(&String::from_utf8_lossy(&bytes)),
                path,
            }),
            Err(source) => return Err(EnvFileError { path, source }),
        }
    }
    Ok(files)
}

/// Lines that are no assignment are passed over, as dotenv does.
fn parse(text: &str) -> Vec<(String, String)> {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    // A lone carriage return ends a line too, and none may end up in a value.
    let text = text.replace("\r\n", "\n").replace('\r', "\n");
    let mut variables = Vec::new();
    let mut rest = text.as_str();
    while !rest.is_empty() {
        let Some((name, after)) = assignment(rest) else {
            rest = after_line(rest);
            continue;
        };
        let (value, after) = quoted(after).unwrap_or_else(|| unquoted(after));
        variables.push((name.to_owned(), value));
        rest = after;
    }
    variables
}

/// `NAME=` or `NAME: `, perhaps after `export`; what follows it.
fn assignment(line: &str) -> Option<(&str, &str)> {
    let line = line.trim_start_matches(blank);
    let exported = line
        .strip_prefix("export")
        .filter(|rest| rest.starts_with(blank))
        .map(|rest| rest.trim_start_matches(blank));
    [exported, Some(line)]
        .into_iter()
        .flatten()
        .find_map(name_and_rest)
}

fn name_and_rest(line: &str) -> Option<(&str, &str)> {
    let in_name = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '.' | '-');
    let end = line.find(|c| !in_name(c)).unwrap_or(line.len());
    let (name, rest) = line.split_at(end);
    if name.is_empty() {
        return None;
    }
    if let Some(after) = rest
        .strip_prefix(':')
        .filter(|after| after.starts_with(blank))
    {
        return Some((name, after));
    }
    let after = rest.trim_start_matches(blank).strip_prefix('=')?;
    Some((name, after))
}

/// A value in quotes, which may span lines, and what follows its line. `None` when it is none:
/// no quote, no end, or something other than a comment behind it.
fn quoted(text: &str) -> Option<(String, &str)> {
    let text = text.trim_start_matches(blank);
    let quote = text
        .chars()
        .next()
        .filter(|c| matches!(c, '"' | '\'' | '`'))?;
    let inner = text.get(1..)?;
    let end = closing(inner, quote)?;
    let (value, after) = inner.split_at(end);
    let after = after.get(1..)?;
    let tail = after.split('\n').next().unwrap_or("").trim_matches(blank);
    if !tail.is_empty() && !tail.starts_with('#') {
        return None;
    }
    let value = if quote == '"' {
        value.replace("\\n", "\n").replace("\\r", "\r")
    } else {
        value.to_owned()
    };
    Some((value, after_line(after)))
}

/// Where the first `quote` stands that no backslash precedes.
fn closing(inner: &str, quote: char) -> Option<usize> {
    let mut ends = inner.match_indices(quote).map(|(at, _)| at);
    ends.find(|at| {
        !inner
            .get(..*at)
            .is_some_and(|before| before.ends_with('\\'))
    })
}

/// The rest of the line up to a comment, trimmed.
fn unquoted(text: &str) -> (String, &str) {
    let line = text.split('\n').next().unwrap_or("");
    let value = line.split('#').next().unwrap_or("").trim();
    (value.to_owned(), after_line(text))
}

fn after_line(text: &str) -> &str {
    text.split_once('\n').map_or("", |(_, rest)| rest)
}

fn blank(c: char) -> bool {
    c != '\n' && c.is_whitespace()
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn assignments_are_read_as_dotenv_reads_them() {
        for (text, expected) in [
            ("A=1", &[("A", "1")][..]),
            ("A = spaced out  ", &[("A", "spaced out")]),
            ("export A=1\nexport=2", &[("A", "1"), ("export", "2")]),
            ("A: yaml", &[("A", "yaml")]),
            ("A=", &[("A", "")]),
            ("A=\nB=2", &[("A", ""), ("B", "2")]),
            ("a.b-c_1=x", &[("a.b-c_1", "x")]),
            ("# comment\n\n  B=2 # comment", &[("B", "2")]),
            ("A=a#b", &[("A", "a")]),
            ("A='a#b' # c", &[("A", "a#b")]),
            ("A=\"a\\nb\"", &[("A", "a\nb")]),
            ("A='a\\nb'", &[("A", "a\\nb")]),
            ("A=`say \"it's\"`", &[("A", "say \"it's\"")]),
            ("A=\"say \\\"x\\\"\"", &[("A", "say \\\"x\\\"")]),
            ("A=\"one\ntwo\"\nB=3", &[("A", "one\ntwo"), ("B", "3")]),
            ("A=\"open\nB=3", &[("A", "\"open"), ("B", "3")]),
            ("A=\"x\" y", &[("A", "\"x\" y")]),
            ("A=pa$word${B}", &[("A", "pa$word${B}")]),
            ("A={\"k\": 1}", &[("A", "{\"k\": 1}")]),
            ("A=x=y", &[("A", "x=y")]),
            ("A==x", &[("A", "=x")]),
            ("=x\nA:x", &[]),
            ("A=#c", &[("A", "")]),
            ("A=\"a\" # \"b\"", &[("A", "a")]),
            ("A='it\\'s'", &[("A", "it\\'s")]),
            ("export  A = 'x'", &[("A", "x")]),
            ("A=\"a\r\nb\"", &[("A", "a\nb")]),
            ("A=`b\nc` #d\nB='x", &[("A", "b\nc"), ("B", "'x")]),
            ("no assignment\nA=1\r\nB=2", &[("A", "1"), ("B", "2")]),
            ("\u{feff}A=ü", &[("A", "ü")]),
        ] {
            let parsed = parse(text);
            let pairs: Vec<_> = parsed.iter().map(|(n, v)| (&**n, &**v)).collect();
            assert_eq!(pairs, expected, "{text:?}");
        }
    }

    #[test]
    fn each_file_is_found_upwards_on_its_own() {
        let root = tempfile::tempdir().unwrap();
        let inner = root.path().join("inner");
        fs::create_dir(&inner).unwrap();
        fs::write(root.path().join(".env.local"), "A=outer-local").unwrap();
        fs::write(root.path().join(".env"), "A=outer").unwrap();
        fs::write(inner.join(".env"), "A=inner").unwrap();
        let files = find(&inner).unwrap();
        let values: Vec<_> = files.iter().map(|f| &*f.variables[0].1).collect();
        assert_eq!(values, ["inner", "outer-local"]);
    }
}

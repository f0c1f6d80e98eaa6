//! From a place in the bundle back to the place in the source that it came from, so that a stack
//! names the files people wrote.
//!
//! Reads the source map (revision 3) that esbuild writes: one list of sources and, for each line
//! of the bundle, segments that say where a piece of it begins. Knows nothing of terminals.

use std::borrow::Cow;
use std::path::Path;

use crate::paths::normal;

/// What the guest calls the module that it is given.
const MODULE: &str = "bundle.js:";

/// The map of one bundle.
#[derive(Debug)]
pub(crate) struct StackMap {
    sources: Vec<String>,
    lines: Vec<Vec<Segment>>,
}

/// Where a piece of a line begins, and where it came from. All count from zero.
#[derive(Debug, Clone, Copy)]
struct Segment {
    column: u32,
    source: usize,
    source_line: u32,
    source_column: u32,
}

#[derive(serde::Deserialize)]
struct Raw {
    sources: Vec<String>,
    mappings: String,
}

impl StackMap {
    /// Reads the map of a bundle that was written into `folder`; sources inside `root` are named
    /// relative to it. `None` when it is no map: stacks then stay as they are.
    pub(crate) fn parse(json: &[u8], folder: &Path, root: &Path) -> Option<Self> {
        let raw: Raw = serde_json::from_slice(json).ok()?;
        let folder = folder.canonicalize().unwrap_or_else(|_| folder.to_owned());
        let root = root.canonicalize().unwrap_or_else(|_| root.to_owned());
        let sources = raw.sources.iter().map(|source| {
            let path = normal(&folder.join(source));
            let shown = path.strip_prefix(&root).unwrap_or(&path);
            shown.display().to_string()
        });
        Some(Self {
            sources: sources.collect(),
            lines: decode(&raw.mappings)?,
        })
    }

    /// `text` with every `bundle.js:LINE:COLUMN` replaced by its origin, where that is known.
    pub(crate) fn rewrite<'t>(&self, text: &'t str) -> Cow<'t, str> {
        if !text.contains(MODULE) {
            return Cow::Borrowed(text);
        }
        let mut out = String::with_capacity(text.len());
        let mut pieces = text.split(MODULE);
        out.push_str(pieces.next().unwrap_or(""));
        for piece in pieces {
            match self.origin(piece) {
                Some((origin, rest)) => {
                    out.push_str(&origin);
                    out.push_str(rest);
                }
                None => {
                    out.push_str(MODULE);
                    out.push_str(piece);
                }
            }
        }
        Cow::Owned(out)
    }

    /// The origin of the `LINE:COLUMN` (or only `LINE`) that `text` begins with; what follows it.
    fn origin<'t>(&self, text: &'t str) -> Option<(String, &'t str)> {
        let (line, rest) = leading_number(text)?;
        let with_column = rest.strip_prefix(':').and_then(leading_number);
        let (column, rest) = with_column.unwrap_or((1, rest));
        let segments = self.lines.get(line.checked_sub(1)? as usize)?;
        let column = column.saturating_sub(1);
        let after = segments.partition_point(|segment| segment.column <= column);
        // A place before the first piece of its line belongs to the line all the same.
        let segment = segments.get(after.saturating_sub(1))?;
        let source = self.sources.get(segment.source)?;
        let (line, column) = (segment.source_line + 1, segment.source_column + 1);
        Some((format!("{source}:{line}:{column}"), rest))
    }
}

fn leading_number(text: &str) -> Option<(u32, &str)> {
    let end = text
        .find(|c: char| !c.is_ascii_digit())
        .unwrap_or(text.len());
    let (digits, rest) = text.split_at(end);
    Some((digits.parse().ok()?, rest))
}

/// Lines are parted by `;`, segments by `,`; each number of a segment is the difference to the
/// same number of the segment before, the column's starting anew on each line.
fn decode(mappings: &str) -> Option<Vec<Vec<Segment>>> {
    let (mut source, mut source_line, mut source_column) = (0_i64, 0_i64, 0_i64);
    let mut lines = Vec::new();
    for line in mappings.split(';') {
        let mut column = 0_i64;
        let mut segments = Vec::new();
        for segment in line.split(',').filter(|segment| !segment.is_empty()) {
            let mut numbers = Numbers(segment.bytes());
            column += numbers.next()??;
            // A segment of one number is code without an origin.
            let Some(step) = numbers.next() else { continue };
            source += step?;
            source_line += numbers.next()??;
            source_column += numbers.next()??;
            segments.push(Segment {
                column: u32::try_from(column).ok()?,
                source: usize::try_from(source).ok()?,
                source_line: u32::try_from(source_line).ok()?,
                source_column: u32::try_from(source_column).ok()?,
            });
        }
        lines.push(segments);
    }
    Some(lines)
}

/// The numbers of one segment: base64 digits of five bits each, lowest first; the sixth bit says
/// that another follows, and the lowest bit of all is the sign. An item of `None` is no number.
struct Numbers<'s>(std::str::Bytes<'s>);

impl Iterator for Numbers<'_> {
    type Item = Option<i64>;

    fn next(&mut self) -> Option<Self::Item> {
        let mut digit = self.0.next()?;
        let (mut value, mut shift) = (0_i64, 0_u32);
        loop {
            let Some(six) = base64(digit) else {
                return Some(None);
            };
            value |= (six & 0b1_1111) << shift;
            if six & 0b10_0000 == 0 {
                let size = value >> 1;
                return Some(Some(if value & 1 == 1 { -size } else { size }));
            }
            shift += 5;
            match self.0.next() {
                // Lines and columns of more than 32 bits do not occur.
                Some(next) if shift <= 35 => digit = next,
                _ => return Some(None),
            }
        }
    }
}

fn base64(digit: u8) -> Option<i64> {
    let value = match digit {
        b'A'..=b'Z' => digit - b'A',
        b'a'..=b'z' => digit - b'a' + 26,
        b'0'..=b'9' => digit - b'0' + 52,
        b'+' => 62,
        b'/' => 63,
        _ => return None,
    };
    Some(i64::from(value))
}

#[cfg(test)]
mod tests {
    use super::*;

    // Two lines from two sources; on the second line a piece begins at column 8.
    const MAP: &str = r#"{
        "version": 3,
        "sources": ["../p/src/a.ts", "../lib/b.js"],
        "mappings": "AAAA;ACEA,QAAIA"
    }"#;

    fn map() -> StackMap {
        let (folder, root) = ("/partykit-none/t", "/partykit-none/p");
        StackMap::parse(MAP.as_bytes(), folder.as_ref(), root.as_ref()).unwrap()
    }

    #[test]
    fn numbers_are_read_with_sign_and_continuation() {
        let numbers: Option<Vec<i64>> = Numbers("ADgBhB2H".bytes()).collect();
        assert_eq!(numbers, Some(vec![0, -1, 16, -16, 123]));
        assert_eq!(Numbers("g".bytes()).next(), Some(None));
        assert_eq!(Numbers("!".bytes()).next(), Some(None));
    }

    #[test]
    fn places_of_a_stack_name_the_source() {
        let stack =
            "Error: no\n    at f (bundle.js:1:1)\n    at g (bundle.js:2:12)\n    at bundle.js:2";
        assert_eq!(
            map().rewrite(stack),
            "Error: no\n    at f (src/a.ts:1:1)\n    at g (/partykit-none/lib/b.js:3:5)\n    \
             at /partykit-none/lib/b.js:3:1"
        );
    }

    #[test]
    fn what_the_map_does_not_know_stays() {
        for text in [
            "bundle.js:99:1",
            "bundle.js:",
            "bundle.js:0",
            "bundle.js:x",
            "other.js:1:1",
        ] {
            assert_eq!(map().rewrite(text), text);
        }
    }

    #[test]
    fn a_broken_map_is_no_map() {
        for text in ["", "{}", r#"{"sources": [], "mappings": "A!"}"#] {
            assert!(StackMap::parse(text.as_bytes(), "/".as_ref(), "/".as_ref()).is_none());
        }
    }
}

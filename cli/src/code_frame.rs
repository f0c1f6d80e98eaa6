//! The line of source that an error points at, as compilers show it.

use std::path::Path;

/// Longer lines (generated code) are not shown: the place says enough.
const LINE_CHARS_MAX: usize = 160;

/// The first place of a stack that is a line of a file, and that line with a mark below it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct CodeFrame {
    /// File, line and column.
    pub(crate) place: (String, u32, u32),
    pub(crate) shown: String,
}

/// The frame for a stack whose places are relative to `root`.
pub(crate) fn code_frame(stack: &str, root: &Path) -> Option<CodeFrame> {
    let words = stack.split(|c: char| c.is_whitespace() || matches!(c, '(' | ')'));
    words.filter_map(place).find_map(|place| frame(place, root))
}

/// `FILE:LINE:COLUMN`.
fn place(word: &str) -> Option<(&str, u32, u32)> {
    let (rest, column) = word.rsplit_once(':')?;
    let (file, line) = rest.rsplit_once(':')?;
    Some((file, line.parse().ok()?, column.parse().ok()?))
}

fn frame((file, line, column): (&str, u32, u32), root: &Path) -> Option<CodeFrame> {
    // Code that was installed is not where the mistake is.
    if file.is_empty() || file.contains("node_modules") {
        return None;
    }
    let text = std::fs::read_to_string(root.join(file)).ok()?;
    let source = text.lines().nth(line.checked_sub(1)? as usize)?;
    let mut shown = String::new();
    if source.chars().count() <= LINE_CHARS_MAX {
        let number = line.to_string();
        let before = source.chars().take(column.saturating_sub(1) as usize);
        // A tab stays a tab, so that the mark stands under what it marks at any tab width.
        let indent: String = before.map(|c| if c == '\t' { '\t' } else { ' ' }).collect();
        let gap = " ".repeat(number.len());
        shown = format!("    {number} │ {source}\n    {gap} ╵ {indent}^");
    }
    Some(CodeFrame {
        place: (file.to_owned(), line, column),
        shown,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_place_that_is_a_line_of_the_project_is_shown() {
        let root = tempfile::tempdir().unwrap();
        std::fs::create_dir_all(root.path().join("node_modules/x")).unwrap();
        std::fs::write(root.path().join("node_modules/x/i.js"), "x\n").unwrap();
        std::fs::write(root.path().join("server.ts"), "one\n\tnone.x;\n").unwrap();
        let stack = "TypeError: cannot read 'x'\n    at f (native)\n    \
                     at g (node_modules/x/i.js:1:1)\n    at <anonymous> (server.ts:2:2)\n";
        let expected = CodeFrame {
            place: ("server.ts".to_owned(), 2, 2),
            shown: "    2 │ \tnone.x;\n      ╵ \t^".to_owned(),
        };
        assert_eq!(code_frame(stack, root.path()), Some(expected));
    }

    #[test]
    fn a_stack_without_a_place_has_no_frame() {
        for stack in ["", "at 12:30:45", "x.ts:1:1", "server.ts:99:1", "::"] {
            assert_eq!(code_frame(stack, "/none".as_ref()), None, "{stack}");
        }
    }
}

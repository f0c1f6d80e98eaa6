//! Documents: links that lead somewhere, and one line for each dependency.

use std::collections::BTreeSet;

use crate::sources::{self, Source};

/// Relative links of the Markdown pages, their headings included, and every `docs/….md` that a
/// source or a page mentions.
pub(crate) fn links(files: &[Source]) -> Vec<String> {
    let mut complaints = Vec::new();
    for source in files {
        if source.has_ending(&["md"]) {
            for (at, line) in source.lines() {
                for target in targets(line).filter(|target| !target.contains("://")) {
                    if let Err(why) = resolve(files, &source.path, target) {
                        complaints.push(format!("{at}: [{target}] {why}"));
                    }
                }
            }
        }
        if source.path.starts_with("tests/tidy/") {
            continue;
        }
        for (at, line) in source.lines() {
            for page in mentioned_pages(line) {
                if !files.iter().any(|file| file.path == page) {
                    complaints.push(format!("{at}: {page} does not exist"));
                }
            }
        }
    }
    complaints
}

/// What stands between `](` and `)`.
fn targets(line: &str) -> impl Iterator<Item = &str> {
    line.split("](")
        .skip(1)
        .filter_map(|rest| rest.split(')').next())
}

/// Words like `docs/style.md`, with the path as written from the root.
fn mentioned_pages(line: &str) -> impl Iterator<Item = &str> {
    let is_path = |c: char| c.is_ascii_alphanumeric() || matches!(c, '/' | '-' | '_' | '.');
    line.split(move |c| !is_path(c))
        .map(|word| word.trim_end_matches('.'))
        .filter(|word| word.starts_with("docs/") && word.ends_with(".md"))
        .filter(|word| !word.contains("NNNN"))
}

fn resolve(files: &[Source], from: &str, target: &str) -> Result<(), String> {
    let (path, heading) = target.split_once('#').unwrap_or((target, ""));
    let path = if path.is_empty() {
        from.to_owned()
    } else {
        join(from, path)
    };
    if !sources::root().join(&path).exists() && !files.iter().any(|file| file.path == path) {
        return Err(format!("leads to {path}, which does not exist"));
    }
    let Some(page) = files.iter().find(|file| file.path == path) else {
        return Ok(());
    };
    let headings = page
        .text
        .lines()
        .filter(|line| line.starts_with('#'))
        .map(anchor);
    if !heading.is_empty() && !headings.into_iter().any(|anchor| anchor == heading) {
        return Err(format!("{path} has no such heading"));
    }
    Ok(())
}

/// A relative path, as seen from another file.
fn join(from: &str, path: &str) -> String {
    let mut parts: Vec<&str> = from.split('/').collect();
    parts.pop();
    for part in path.split('/') {
        match part {
            ".." => drop(parts.pop()),
            "." | "" => {}
            part => parts.push(part),
        }
    }
    parts.join("/")
}

/// What a heading is called in a link, as the usual renderers do it.
fn anchor(heading: &str) -> String {
    let words = heading.trim_start_matches('#').trim().to_lowercase();
    let kept = words
        .chars()
        .filter(|c| c.is_alphanumeric() || matches!(c, ' ' | '-' | '_'));
    kept.map(|c| if c == ' ' { '-' } else { c }).collect()
}

/// Each dependency has a row that begins with its name in code marks, and no row is left over.
pub(crate) fn dependencies(page: &str, direct: &BTreeSet<String>) -> Vec<String> {
    let name = |line: &str| Some(line.strip_prefix("| `")?.split_once('`')?.0.to_owned());
    let listed: BTreeSet<String> = page.lines().filter_map(name).collect();
    let missing = direct.difference(&listed);
    let stale = listed.difference(direct);
    missing
        .map(|name| format!("docs/dependencies.md: {name} is used and not explained"))
        .chain(stale.map(|name| format!("docs/dependencies.md: {name} is not used any more")))
        .collect()
}

mod planted {
    use super::*;

    fn complaints(text: &str) -> Vec<String> {
        let page = Source::planted("docs/page.md", text);
        let other = Source::planted("docs/other.md", "# Other\n\n## What it's *not*\n");
        links(&[page, other])
    }

    #[test]
    fn a_link_to_nowhere_is_seen() {
        assert_eq!(
            complaints("see [it](missing.md) and [it](other.md)").len(),
            1
        );
        assert_eq!(complaints("[up](../not-there/README.md)").len(), 1);
        assert_eq!(complaints("as docs/absent.md says").len(), 1);
        assert!(complaints("[out](https://example.org/x.md)").is_empty());
    }

    #[test]
    fn a_link_to_a_missing_heading_is_seen() {
        assert!(complaints("[a](other.md#what-its-not)").is_empty());
        assert_eq!(complaints("[a](other.md#what-it-is)").len(), 1);
        assert_eq!(complaints("# Top\n[a](#bottom)").len(), 1);
    }

    #[test]
    fn a_dependency_without_a_line_and_a_line_without_a_dependency_are_seen() {
        let page = "| `bytes` | buffers |\n| `gone` | was used |\n";
        let direct = ["bytes", "new"].map(str::to_owned).into();
        let complaints = dependencies(page, &direct);
        assert_eq!(
            complaints,
            [
                "docs/dependencies.md: new is used and not explained",
                "docs/dependencies.md: gone is not used any more",
            ]
        );
    }
}

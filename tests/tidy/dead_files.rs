//! Rust files that no module declares: the compiler never reads them, so nothing else would notice.

use crate::sources::Source;

/// Roots that cargo finds by their place or their name.
const ROOTS: &[&str] = &["lib", "main", "mod", "build"];

/// Every file under a `src/` or among the tidy checks is declared by a file beside or above it.
pub(crate) fn check(sources: &[Source]) -> Vec<String> {
    let rust: Vec<&Source> = sources.iter().filter(|source| source.is_rust()).collect();
    let mut complaints = Vec::new();
    for source in &rust {
        let Some((folder, name)) = source.path.rsplit_once('/') else {
            continue;
        };
        let stem = name.trim_end_matches(".rs");
        let is_module = folder.contains("/src") || folder.starts_with("src");
        if !is_module || ROOTS.contains(&stem) || folder.ends_with("/bin") {
            continue;
        }
        let declared = rust
            .iter()
            .any(|other| may_declare(other, folder) && declares(other, stem));
        if !declared {
            complaints.push(format!("{}: no file declares `mod {stem};`", source.path));
        }
    }
    complaints
}

/// A module is declared in its own folder (lib, main, mod) or in the file named like the folder.
fn may_declare(other: &Source, folder: &str) -> bool {
    let other_folder = other.path.rsplit_once('/').map_or("", |(folder, _)| folder);
    other_folder == folder || other.path.trim_end_matches(".rs") == folder
}

/// By its name, or by a path for tests that stand in a file of their own.
fn declares(other: &Source, stem: &str) -> bool {
    let wanted = format!("mod {stem};");
    if other.text.contains(&format!("#[path = \"{stem}.rs\"]")) {
        return true;
    }
    other.text.lines().map(str::trim).any(|line| {
        line.strip_suffix(&wanted)
            .is_some_and(|before| before.is_empty() || before.ends_with(' '))
    })
}

mod planted {
    use super::*;

    const LIB: &str = r#"
mod used;
pub(crate) mod tree;
#[path = "elsewhere.rs"]
mod tests;
// mod dead; is only spoken of"#;

    #[test]
    fn a_file_that_nothing_declares_is_seen() {
        let lib = Source::planted("a/src/lib.rs", LIB);
        let elsewhere = Source::planted("a/src/elsewhere.rs", "");
        let used = Source::planted("a/src/used.rs", "");
        let tree = Source::planted("a/src/tree.rs", "mod leaf;");
        let leaf = Source::planted("a/src/tree/leaf.rs", "");
        let dead = Source::planted("a/src/dead.rs", "");
        let complaints = check(&[lib, elsewhere, used, tree, leaf, dead]);
        assert_eq!(complaints, ["a/src/dead.rs: no file declares `mod dead;`"]);
    }
}

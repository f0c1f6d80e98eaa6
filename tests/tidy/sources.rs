//! Reads the repository's own text files. Follows no links and enters nothing that is generated or
//! fetched.

use std::path::{Path, PathBuf};

const SKIPPED_FOLDERS: &[&str] = &["target", "node_modules", "dist"];
const TEXT_ENDINGS: &[&str] = &[
    "rs", "js", "mjs", "ts", "md", "toml", "json", "wit", "css", "html", "sh", "txt", "yml",
];

/// One text file of the repository.
pub(crate) struct Source {
    /// Relative to the root, with `/` between its parts.
    pub(crate) path: String,
    pub(crate) text: String,
}

impl Source {
    /// For planted violations.
    pub(crate) fn planted(path: &str, text: &str) -> Self {
        Self {
            path: path.into(),
            text: text.into(),
        }
    }

    pub(crate) fn is_rust(&self) -> bool {
        self.has_ending(&["rs"])
    }

    pub(crate) fn has_ending(&self, endings: &[&str]) -> bool {
        let ending = self.path.rsplit_once('.').map(|(_, ending)| ending);
        ending.is_some_and(|ending| endings.contains(&ending))
    }

    /// A file of nothing but tests: in a folder of them, or set apart from the file it tests.
    pub(crate) fn is_tests(&self) -> bool {
        let stem = self.path.rsplit_once('.').map_or("", |(stem, _)| stem);
        stem.ends_with("_tests") || self.path.split('/').any(|part| part == "tests")
    }

    /// Path, number and text of each line, for complaints.
    pub(crate) fn lines(&self) -> impl Iterator<Item = (String, &str)> {
        let number = |(index, line)| (format!("{}:{}", self.path, index + 1), line);
        self.text.lines().enumerate().map(number)
    }
}

/// The root of the repository.
pub(crate) fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .parent()
        .unwrap()
        .to_owned()
}

/// All text files, in the order of their paths.
pub(crate) fn read() -> Vec<Source> {
    let root = root();
    let mut files = Vec::new();
    let mut folders = vec![root.clone()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(&folder).unwrap() {
            let entry = entry.unwrap();
            let name = entry.file_name().into_string().unwrap();
            let kind = entry.file_type().unwrap();
            let hidden = name.starts_with('.') && name != ".ci" && name != ".github";
            if kind.is_dir() && !hidden && !SKIPPED_FOLDERS.contains(&name.as_str()) {
                folders.push(entry.path());
            } else if kind.is_file() && is_text(&folder, &name) {
                let path = entry.path();
                let relative = path.strip_prefix(&root).unwrap().to_str().unwrap();
                let text = std::fs::read_to_string(&path).unwrap();
                files.push(Source {
                    path: relative.replace('\\', "/"),
                    text,
                });
            }
        }
    }
    files.sort_by(|a, b| a.path.cmp(&b.path));
    files
}

/// Scripts and the like have no ending; lock files are not ours.
fn is_text(folder: &Path, name: &str) -> bool {
    if name == "package-lock.json" {
        return false;
    }
    match name.rsplit_once('.') {
        Some((_, ending)) => TEXT_ENDINGS.contains(&ending),
        None => {
            let within = folder.file_name().and_then(|name| name.to_str());
            name == "Makefile" || matches!(within, Some("scripts" | ".ci"))
        }
    }
}

/// The text of one file.
pub(crate) fn text_of(path: &str) -> String {
    std::fs::read_to_string(root().join(path)).unwrap()
}

/// The complaints of a check that looks at one file at a time.
pub(crate) fn check_each(check: impl Fn(&Source) -> Vec<String>) -> Vec<String> {
    read().iter().flat_map(check).collect()
}

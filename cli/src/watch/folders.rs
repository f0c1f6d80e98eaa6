//! Which folders are looked at: those a person edits in, and those that a build has read from.
//!
//! Folders one by one and not as trees: `node_modules` alone has more of them than a system has
//! watches to give.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

/// A project with more folders of its own is watched where its files are known to be.
const FOLDERS_MAX: usize = 4_096;

/// What is to be noticed.
#[derive(Debug, Default)]
pub(crate) struct Interest {
    /// Looked at with all below them: the project, what it serves, what its command reads.
    pub(crate) trees: Vec<PathBuf>,
    /// Files wherever they lie.
    pub(crate) files: BTreeSet<PathBuf>,
    /// A folder that changes all the time and means nothing: where rooms store.
    pub(crate) except: Option<PathBuf>,
}

/// The folders in which something of interest can happen.
pub(crate) fn folders(interest: &Interest) -> BTreeSet<PathBuf> {
    let mut found = BTreeSet::new();
    for tree in &interest.trees {
        if tree.is_file() {
            found.extend(tree.parent().map(Path::to_owned));
        } else if !add_tree(tree, interest, &mut found) {
            // Too many: what is at its top must do.
            found.insert(tree.clone());
        }
    }
    let parents = interest.files.iter().filter_map(|file| file.parent());
    found.extend(parents.map(Path::to_owned).filter(|folder| folder.is_dir()));
    found
}

/// Whether there was room for all of it.
fn add_tree(tree: &Path, interest: &Interest, found: &mut BTreeSet<PathBuf>) -> bool {
    let mut open = vec![tree.to_owned()];
    while let Some(folder) = open.pop() {
        if found.len() >= FOLDERS_MAX {
            return false;
        }
        let Ok(entries) = std::fs::read_dir(&folder) else {
            continue;
        };
        for entry in entries.flatten() {
            let path = entry.path();
            // Links are not followed: they may lead in a circle.
            let is_folder = entry.file_type().is_ok_and(|kind| kind.is_dir());
            let excepted = interest.except.as_ref() == Some(&path);
            if is_folder && !excepted && is_of_people(&path) {
                open.push(path);
            }
        }
        found.insert(folder);
    }
    true
}

/// Whether people write what has this name: no dot in front, and not installed.
pub(super) fn is_of_people(path: &Path) -> bool {
    let name = path.file_name().unwrap_or_default();
    !name.as_encoded_bytes().starts_with(b".") && name != "node_modules"
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn folders_of_people_and_of_inputs_are_found_and_no_others() {
        let root = tempfile::tempdir().unwrap();
        let root = root.path();
        for folder in [
            "src/deep",
            ".git/objects",
            "node_modules/a/lib",
            "node_modules/b",
            "state/x",
        ] {
            std::fs::create_dir_all(root.join(folder)).unwrap();
        }
        let interest = Interest {
            trees: vec![root.to_owned(), root.join("none")],
            files: [
                root.join("node_modules/a/lib/index.js"),
                root.join("gone/x.ts"),
            ]
            .into(),
            except: Some(root.join("state")),
        };
        let found = folders(&interest);
        let names: Vec<_> = found
            .iter()
            .map(|f| f.strip_prefix(root).unwrap())
            .collect();
        let expected = ["", "node_modules/a/lib", "src", "src/deep"].map(Path::new);
        assert_eq!(names, expected);
    }

    #[test]
    fn a_project_of_too_many_folders_is_watched_at_its_top() {
        let root = tempfile::tempdir().unwrap();
        for number in 0..=FOLDERS_MAX {
            std::fs::create_dir(root.path().join(number.to_string())).unwrap();
        }
        let interest = Interest {
            trees: vec![root.path().to_owned()],
            ..Interest::default()
        };
        let found = folders(&interest);
        assert!(found.len() <= FOLDERS_MAX + 1 && found.contains(root.path()));
    }
}

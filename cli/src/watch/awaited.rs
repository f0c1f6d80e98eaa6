//! What could mend a build that failed and lies where nobody edits: the file that was wrong,
//! wherever it lies, and the packages that are imported and not installed.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use crate::paths::normal;
use crate::service::Problem;

/// How esbuild begins when it does not find what is imported.
const UNRESOLVED: &str = "Could not resolve \"";

/// Of a project with a mistake in every file, so many are looked at.
const PROBLEMS_MAX: usize = 100;

/// What is waited for.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Awaited {
    /// The files with mistakes.
    pub(crate) files: BTreeSet<PathBuf>,
    /// Where packages will be.
    pub(crate) packages: BTreeSet<PathBuf>,
    /// The folders that will be made on the way there.
    pub(crate) ways: BTreeSet<PathBuf>,
}

impl Awaited {
    /// By the problems of a build in `root`.
    pub(crate) fn of(problems: &[Problem], root: &Path) -> Self {
        let mut awaited = Self::default();
        for problem in problems.iter().take(PROBLEMS_MAX) {
            let place = problem.place.as_ref();
            let file = place.map(|(file, ..)| normal(&root.join(file)));
            if let Some(name) = imported(&problem.text).and_then(package) {
                let importer = file.as_deref().and_then(Path::parent);
                awaited.add_package(name, importer.unwrap_or(root), root);
            }
            awaited.files.extend(file);
        }
        awaited
    }

    /// Whether what happened to `path` may be what is waited for. A package comes file by file, or
    /// as a link to where its files are.
    pub(crate) fn contains(&self, path: &Path) -> bool {
        self.files.contains(path)
            || self.ways.contains(path)
            || path.ancestors().any(|part| self.packages.contains(part))
    }

    /// Each place where an import of `importer` would find it, as Node looks for it, but only where
    /// packages are installed: not every folder up to the root of the disk.
    fn add_package(&mut self, name: &str, importer: &Path, root: &Path) {
        let is_home = |folder: &&Path| {
            let file = folder.file_name();
            file.is_none_or(|name| name != "node_modules")
                && (*folder == root
                    || folder.join("package.json").is_file()
                    || folder.join("node_modules").is_dir())
        };
        for home in importer.ancestors().filter(is_home) {
            let mut path = home.join("node_modules");
            for part in name.split('/') {
                self.ways.insert(path.clone());
                path.push(part);
            }
            self.packages.insert(path);
        }
    }
}

fn imported(text: &str) -> Option<&str> {
    let (name, _) = text.strip_prefix(UNRESOLVED)?.split_once('"')?;
    Some(name)
}

/// The package that an import names; none of one that names a file.
fn package(import: &str) -> Option<&str> {
    let is_name = |part: &str| !part.is_empty() && !part.starts_with('.');
    let mut parts = import.split('/');
    let first = parts.next().filter(|first| is_name(first))?;
    if !first.starts_with('@') {
        return Some(first);
    }
    let second = parts.next().filter(|second| is_name(second))?;
    import.get(..first.len() + 1 + second.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn problem(text: &str, file: &str) -> Problem {
        Problem::for_tests(text, (file, 1, 1))
    }

    #[test]
    fn a_package_is_awaited_where_its_import_would_find_it() {
        let folder = tempfile::tempdir().unwrap();
        let above = folder.path();
        let root = above.join("app");
        std::fs::create_dir_all(root.join("src")).unwrap();
        std::fs::write(above.join("package.json"), "{}").unwrap();
        let text = "Could not resolve \"@scope/name/deep\" (it is not installed)";
        let awaited = Awaited::of(&[problem(text, "src/a.ts")], &root);
        let homes = [above, &root].map(|home| home.join("node_modules"));
        let packages = homes.clone().map(|home| home.join("@scope/name"));
        assert_eq!(awaited.packages, packages.into());
        let scopes = homes.clone().map(|home| home.join("@scope"));
        assert_eq!(awaited.ways, homes.into_iter().chain(scopes).collect());
        assert_eq!(awaited.files, [root.join("src/a.ts")].into());

        for (path, is_it) in [
            ("node_modules", true),
            ("node_modules/@scope", true),
            ("node_modules/@scope/name/dist/i.js", true),
            ("node_modules/@scope/other", false),
            ("node_modules/other", false),
            ("src/a.ts", true),
        ] {
            assert_eq!(awaited.contains(&root.join(path)), is_it, "{path}");
        }
    }

    #[test]
    fn a_file_with_a_mistake_is_awaited_wherever_it_lies_and_paths_are_no_packages() {
        let problems = [
            problem("Expected \")\" but found \"}\"", "../shared/b.ts"),
            problem("Could not resolve \"./c\"", "src/a.ts"),
            problem("Could not resolve \"/d\"", "src/a.ts"),
            problem("Could not resolve \"@e\"", "src/a.ts"),
        ];
        let awaited = Awaited::of(&problems, "/none/p".as_ref());
        let files = ["/none/p/src/a.ts", "/none/shared/b.ts"];
        assert_eq!(awaited.files, files.map(PathBuf::from).into());
        assert_eq!(awaited.packages, BTreeSet::new());
    }
}

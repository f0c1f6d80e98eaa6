//! What a project serves besides its rooms: files of a folder, and files that were built and are
//! kept in memory.

use std::collections::BTreeMap;
use std::path::PathBuf;

use bytes::Bytes;

/// Static files of a project.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Assets {
    /// A folder, if the project has one.
    pub directory: Option<PathBuf>,
    /// Files by their path, `/` between its parts and none in front. They come before those of
    /// the folder.
    pub built: BTreeMap<String, Bytes>,
    /// Whether a browser that goes to an address without a file is shown index.html.
    pub single_page_app: bool,
}

/// One file that was found.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Asset<'a> {
    Built { path: &'a str, contents: &'a Bytes },
    OnDisk(PathBuf),
}

impl Assets {
    /// The file at the undecoded path of an address. Names that begin with a dot, `node_modules`
    /// and what is below them are nobody's business, and a folder is no file: `/sub` is not
    /// `/sub/`, which is `sub/index.html`.
    pub(crate) fn find(&self, path: &str) -> Option<Asset<'_>> {
        let mut segments: Vec<String> = Vec::new();
        for segment in path.strip_prefix('/').unwrap_or(path).split('/') {
            segments.push(decoded(segment)?);
        }
        if let Some(last) = segments.last_mut().filter(|last| last.is_empty()) {
            "index.html".clone_into(last);
        }
        if !segments.iter().all(|segment| is_public(segment)) {
            return None;
        }
        let path = segments.join("/");
        if let Some((path, contents)) = self.built.get_key_value(&path) {
            return Some(Asset::Built { path, contents });
        }
        let mut file = self.directory.clone()?;
        file.extend(&segments);
        file.is_file().then_some(Asset::OnDisk(file))
    }
}

/// A segment without its percent signs; `None` when they are no text.
fn decoded(segment: &str) -> Option<String> {
    let mut rest = segment;
    while let Some((_, after)) = rest.split_once('%') {
        let digits = after.get(..2)?;
        if !digits.bytes().all(|digit| digit.is_ascii_hexdigit()) {
            return None;
        }
        rest = after;
    }
    let text = percent_encoding::percent_decode_str(segment).decode_utf8();
    text.ok().map(std::borrow::Cow::into_owned)
}

/// Whether a decoded segment names something of the project that may be seen, and only one thing:
/// no way up, and nothing that a file system takes for several segments, for another disk, or for
/// the end of the name.
fn is_public(segment: &str) -> bool {
    let strange = |c: char| matches!(c, '/' | '\\' | '\0') || (cfg!(windows) && c == ':');
    let hidden = segment.is_empty() || segment.starts_with('.') || segment == "node_modules";
    !hidden && !segment.contains(strange)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn assets() -> (tempfile::TempDir, Assets) {
        let folder = tempfile::tempdir().unwrap();
        for name in [
            "index.html",
            "sub/index.html",
            "a b.txt",
            ".env",
            "node_modules/x.js",
        ] {
            let file = folder.path().join(name);
            std::fs::create_dir_all(file.parent().unwrap()).unwrap();
            std::fs::write(file, name).unwrap();
        }
        let assets = Assets {
            directory: Some(folder.path().to_owned()),
            built: [("dist/client.js".to_owned(), Bytes::from("built"))].into(),
            single_page_app: false,
        };
        (folder, assets)
    }

    fn found(path: &str) -> Option<String> {
        let (folder, assets) = assets();
        assets.find(path).map(|asset| match asset {
            Asset::Built { path, .. } => format!("built {path}"),
            Asset::OnDisk(file) => {
                let name = file.strip_prefix(folder.path()).unwrap();
                name.display().to_string()
            }
        })
    }

    #[test]
    fn a_path_is_one_file_or_none() {
        for (path, expected) in [
            ("/", Some("index.html")),
            ("/index.html", Some("index.html")),
            ("/sub/", Some("sub/index.html")),
            ("/sub", None),
            ("/index.html/", None),
            ("/a%20b.txt", Some("a b.txt")),
            ("/%73ub/", Some("sub/index.html")),
            ("/dist/client.js", Some("built dist/client.js")),
            ("/dist/", None),
            ("//index.html", None),
            ("/%zz", None),
            ("/%", None),
            ("/%ff", None),
            ("/nothing", None),
        ] {
            assert_eq!(found(path).as_deref(), expected, "{path}");
        }
    }

    #[test]
    fn dotfiles_node_modules_and_ways_up_are_private_however_they_are_written() {
        for path in [
            "/.env",
            "/%2eenv",
            "/%2Eenv",
            "/node_modules/x.js",
            "/%6eode_modules/x.js",
            "/../secret",
            "/sub/../index.html",
            "/sub/%2e%2e/index.html",
            "/sub%2f..%2f.env",
            "/sub%2findex.html",
            "/sub%5cindex.html",
            "/index.html%00",
            "/./index.html",
        ] {
            assert_eq!(found(path), None, "{path}");
        }
    }
}

//! Paths as text: what needs no look at the disk.

use std::path::{Component, Path, PathBuf};

/// Without `.` and `..`, which the files on disk are not asked about: some sources are virtual.
pub(crate) fn normal(path: &Path) -> PathBuf {
    let mut out = PathBuf::new();
    for component in path.components() {
        match component {
            Component::CurDir => {}
            Component::ParentDir => {
                out.pop();
            }
            other => out.push(other),
        }
    }
    out
}

/// `path` as seen from `folder` when it lies inside, else whole.
pub(crate) fn relative(path: &Path, folder: &Path) -> String {
    path.strip_prefix(folder)
        .unwrap_or(path)
        .display()
        .to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dots_are_taken_out_and_a_path_inside_is_short() {
        let path = normal("/p/src/../lib/./a.ts".as_ref());
        assert_eq!(path, Path::new("/p/lib/a.ts"));
        assert_eq!(relative(&path, "/p".as_ref()), "lib/a.ts");
        assert_eq!(relative(&path, "/q".as_ref()), "/p/lib/a.ts");
    }
}

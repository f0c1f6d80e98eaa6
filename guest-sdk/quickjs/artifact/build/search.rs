//! Looking for programs: the directories of PATH and the first line of what a program prints.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::{env, fs};

/// Every executable on PATH whose name `wanted` accepts, in PATH order, each file once.
pub(crate) fn on_path(wanted: impl Fn(&str) -> bool) -> Vec<PathBuf> {
    let mut found: Vec<PathBuf> = Vec::new();
    for folder in env::split_paths(&env::var_os("PATH").unwrap_or_default()) {
        found.extend(in_folder(&folder, &wanted));
    }
    let mut seen = Vec::new();
    found.retain(|path| {
        // /bin is often /usr/bin by another name.
        let real = fs::canonicalize(path.parent().unwrap_or(path)).ok();
        let key = (real, path.file_name().map(OsStr::to_owned));
        let new = !seen.contains(&key);
        seen.push(key);
        new
    });
    found
}

/// The same for one directory, in the order of the names.
pub(crate) fn in_folder(folder: &Path, wanted: impl Fn(&str) -> bool) -> Vec<PathBuf> {
    let mut found: Vec<PathBuf> = fs::read_dir(folder)
        .into_iter()
        .flatten()
        .flatten()
        .filter(|entry| entry.file_name().to_str().is_some_and(&wanted))
        .map(|entry| entry.path())
        .filter(|path| path.is_file())
        .collect();
    found.sort();
    found
}

/// Standard output of a program that succeeded, trimmed.
pub(crate) fn output(program: &Path, arguments: &[&str]) -> Option<String> {
    let output = Command::new(program).args(arguments).output().ok()?;
    let text = String::from_utf8(output.stdout).ok()?;
    output.status.success().then(|| text.trim().to_owned())
}

/// Whether `name` is `base`, or `base` with a version behind a dash (`clang-22`).
pub(crate) fn is_version_of(name: &str, base: &str) -> bool {
    name.strip_prefix(base).is_some_and(|rest| {
        rest.is_empty()
            || rest.strip_prefix('-').is_some_and(|version| {
                !version.is_empty() && version.bytes().all(|b| b.is_ascii_digit() || b == b'.')
            })
    })
}

//! The files that decide on a build without being part of it: the nearest tsconfig.json of each
//! file and those that it extends, and the nearest package.json. esbuild reads them and does not
//! say so.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use jsonc_parser::ast::Value;
use jsonc_parser::{CollectOptions, ParseOptions, parse_to_ast};

use crate::paths::normal;

/// In a folder with the first, the second means nothing.
const COMPILER: [&str; 2] = ["tsconfig.json", "jsconfig.json"];

const PACKAGE: [&str; 1] = ["package.json"];

/// A file that extends itself by some detour is not followed without end.
const CONFIGS_MAX: usize = 1_000;

/// Whether a file of this name decides on builds, in the right place.
pub(super) fn is_config(path: &Path) -> bool {
    let names = COMPILER.iter().chain(&PACKAGE);
    path.file_name()
        .is_some_and(|own| names.clone().any(|name| own == *name))
}

/// Those of the files that a build has read.
pub(crate) fn configs(inputs: &BTreeSet<PathBuf>) -> BTreeSet<PathBuf> {
    let (mut compiler, mut package) = (BTreeMap::new(), BTreeMap::new());
    let mut found = BTreeSet::new();
    let mut open = Vec::new();
    for folder in inputs.iter().filter_map(|file| file.parent()) {
        found.extend(nearest(folder, &PACKAGE, &mut package));
        // Installed code was compiled by whoever wrote it.
        if !folder.iter().any(|part| part == "node_modules") {
            open.extend(nearest(folder, &COMPILER, &mut compiler));
        }
    }
    while let Some(config) = open.pop() {
        if found.len() < CONFIGS_MAX && found.insert(config.clone()) {
            open.extend(extended(&config));
        }
    }
    found
}

/// The file of one of these names in `folder`, or in the nearest one above that has one. What was
/// found is kept in `known`, by folder.
fn nearest(
    folder: &Path,
    names: &[&str],
    known: &mut BTreeMap<PathBuf, Option<PathBuf>>,
) -> Option<PathBuf> {
    if let Some(found) = known.get(folder) {
        return found.clone();
    }
    let own = names.iter().map(|name| folder.join(name));
    let found = own
        .into_iter()
        .find(|path| path.is_file())
        .or_else(|| nearest(folder.parent()?, names, known));
    known.insert(folder.to_owned(), found.clone());
    found
}

/// What a tsconfig.json begins with. One that cannot be read extends nothing.
fn extended(config: &Path) -> Vec<PathBuf> {
    let Ok(text) = std::fs::read_to_string(config) else {
        return Vec::new();
    };
    let text = text.strip_prefix('\u{feff}').unwrap_or(&text);
    let parsed = parse_to_ast(text, &CollectOptions::default(), &ParseOptions::default());
    let value = parsed.ok().and_then(|parsed| parsed.value);
    let object = value.as_ref().and_then(Value::as_object);
    let extends = object.and_then(|object| object.get("extends"));
    let names = match extends.map(|property| &property.value) {
        Some(Value::Array(names)) => names.elements.iter().collect(),
        Some(name) => vec![name],
        None => Vec::new(),
    };
    let names = names.into_iter().filter_map(Value::as_string_lit);
    let folder = config.parent().unwrap_or(config);
    let found = names.filter_map(|name| resolve(&name.value, folder));
    found.collect()
}

fn resolve(name: &str, folder: &Path) -> Option<PathBuf> {
    let path = Path::new(name);
    if name.starts_with('.') || path.is_absolute() {
        return file(&normal(&folder.join(path)));
    }
    let mut modules = folder.ancestors().map(|above| above.join("node_modules"));
    modules.find_map(|modules| file(&modules.join(path)))
}

/// As it is written, with its extension left away, or as a folder's own.
fn file(path: &Path) -> Option<PathBuf> {
    let mut with_extension = path.as_os_str().to_owned();
    with_extension.push(".json");
    [
        path.to_owned(),
        with_extension.into(),
        path.join(COMPILER[0]),
    ]
    .into_iter()
    .find(|path| path.is_file())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_each_file_is_compiled_by_is_found_with_all_that_it_extends() {
        let root = tempfile::tempdir().unwrap();
        let root = root.path();
        let write = |name: &str, text: &str| {
            let path = root.join(name);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, text).unwrap();
        };
        write(
            "app/tsconfig.json",
            "{/* c */ extends: ['../base', '@x/strict',],}",
        );
        write("base.json", "{\"extends\": \"./base.json\"}");
        write(
            "node_modules/@x/strict/tsconfig.json",
            "{\"extends\": \"lib/a.json\"}",
        );
        write("node_modules/lib/a.json", "no JSON");
        write("node_modules/lib/package.json", "{}");
        write("node_modules/lib/tsconfig.json", "{}");
        write("app/client/jsconfig.json", "{}");
        write("package.json", "{}");
        let files = [
            "app/src/deep/a.ts",
            "app/client/b.js",
            "node_modules/lib/dist/i.js",
        ];
        let inputs = files.map(|name| root.join(name)).into();
        let found = configs(&inputs);
        let names: Vec<_> = found
            .iter()
            .map(|path| path.strip_prefix(root).unwrap())
            .collect();
        let expected = [
            "app/client/jsconfig.json",
            "app/tsconfig.json",
            "base.json",
            "node_modules/@x/strict/tsconfig.json",
            "node_modules/lib/a.json",
            "node_modules/lib/package.json",
            "package.json",
        ];
        assert_eq!(names, expected.map(Path::new));
    }
}

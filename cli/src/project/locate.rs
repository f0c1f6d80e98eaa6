//! Which file configures the project: the one that was named, or the nearest one upwards.

use std::path::{Path, PathBuf};

use super::error::ConfigError;

/// Looked for in this order in each folder, before package.json.
const NAMES: [&str; 3] = ["partykit.json", "partykit.json5", "partykit.jsonc"];

/// Where a configuration stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Source {
    /// The whole file.
    File(PathBuf),
    /// The key `partykit` of a package.json.
    Package(PathBuf),
}

/// The configuration that `named` or the folders from `cwd` upwards give; `None` when there is
/// none, which is no error: the command line may say all that is needed.
///
/// # Errors
/// `named` does not exist.
pub(crate) fn locate(named: Option<&Path>, cwd: &Path) -> Result<Option<Source>, ConfigError> {
    let Some(named) = named else {
        return Ok(cwd.ancestors().find_map(in_folder));
    };
    let path = cwd.join(named);
    if !path.is_file() {
        let shown = named.display().to_string();
        return Err(
            ConfigError::new(shown, "there is no such configuration file")
                .with_hint("the path is relative to the folder you are in"),
        );
    }
    if path.file_name().is_some_and(|name| name == "package.json") {
        return Ok(Some(Source::Package(path)));
    }
    Ok(Some(Source::File(path)))
}

fn in_folder(folder: &Path) -> Option<Source> {
    let own = NAMES.iter().map(|name| folder.join(name));
    if let Some(path) = own.into_iter().find(|path| path.is_file()) {
        return Some(Source::File(path));
    }
    let package = folder.join("package.json");
    // A package.json without the key configures nothing, and one that cannot be parsed is its
    // owner's affair unless it mentions us.
    let text = std::fs::read_to_string(&package).ok()?;
    text.contains("\"partykit\"")
        .then(|| has_key(&text))
        .flatten()
        .map(|()| Source::Package(package))
}

fn has_key(text: &str) -> Option<()> {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    match serde_json::from_str::<serde_json::Value>(text) {
        Ok(package) => package.get("partykit").map(|_| ()),
        Err(_) => Some(()),
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn the_nearest_folder_wins_and_in_it_partykit_json() {
        let root = tempfile::tempdir().unwrap();
        let inner = root.path().join("a/b");
        fs::create_dir_all(&inner).unwrap();
        assert_eq!(locate(None, &inner).unwrap(), None);

        let package = root.path().join("package.json");
        fs::write(&package, r#"{"partykit": {}}"#).unwrap();
        assert_eq!(
            locate(None, &inner).unwrap(),
            Some(Source::Package(package))
        );

        let jsonc = root.path().join("a/partykit.jsonc");
        fs::write(&jsonc, "{}").unwrap();
        assert_eq!(locate(None, &inner).unwrap(), Some(Source::File(jsonc)));

        let json = root.path().join("a/partykit.json");
        fs::write(&json, "{}").unwrap();
        assert_eq!(locate(None, &inner).unwrap(), Some(Source::File(json)));
    }

    #[test]
    fn a_package_json_that_only_depends_on_partykit_is_passed_over() {
        let root = tempfile::tempdir().unwrap();
        let text = r#"{"devDependencies": {"partykit": "1"}}"#;
        fs::write(root.path().join("package.json"), text).unwrap();
        assert_eq!(locate(None, root.path()).unwrap(), None);
    }

    #[test]
    fn a_named_file_must_exist() {
        let root = tempfile::tempdir().unwrap();
        let error = locate(Some("x.json".as_ref()), root.path()).unwrap_err();
        assert_eq!(
            error.to_string(),
            "x.json: there is no such configuration file"
        );
    }
}

//! What changed paths mean to a project. Pure.

use std::collections::BTreeSet;
use std::fmt;
use std::path::{Path, PathBuf};

use super::awaited::Awaited;
use super::configs::is_config;
use super::folders::is_of_people;
use super::gather::Change;

/// What a build can be made of: a new file of this kind may be what an import was waiting for, or
/// stand before the file it had found.
const CODE: &[&str] = &[
    "ts", "tsx", "mts", "cts", "js", "jsx", "mjs", "cjs", "json", "css", "bin", "wasm", "txt",
    "svg", "html", "md",
];

/// Files that configure, wherever they lie.
const CONFIGURING: &[&str] = &[
    ".env",
    ".env.local",
    "partykit.json",
    "partykit.json5",
    "partykit.jsonc",
];

/// What is known of the project as it was built last.
#[derive(Debug)]
pub(crate) struct Known<'a> {
    /// The configuration that was read.
    pub(crate) config: Option<&'a Path>,
    /// The files that the builds have read.
    pub(crate) inputs: &'a BTreeSet<PathBuf>,
    /// What decides on the builds without being part of them.
    pub(crate) configs: &'a BTreeSet<PathBuf>,
    /// Whether the last build failed, so that any code may mend it.
    pub(crate) failed: bool,
    /// What it lacked.
    pub(crate) awaited: &'a Awaited,
    /// The folder of static files.
    pub(crate) assets: Option<&'a Path>,
    /// What the project's own command reads.
    pub(crate) command: &'a [PathBuf],
    /// Where rooms store.
    pub(crate) state: Option<&'a Path>,
}

/// What has to be done again.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub(crate) struct Meaning {
    /// Reading the configuration.
    pub(crate) configuration: bool,
    /// Running the project's own command.
    pub(crate) command: bool,
    /// Building.
    pub(crate) code: bool,
    /// Building without anything that was kept of the last build.
    pub(crate) afresh: bool,
    /// Loading pages, as static files have changed.
    pub(crate) pages: bool,
    /// Loading style sheets.
    pub(crate) styles: bool,
}

impl Meaning {
    /// Of all these changes together.
    pub(crate) fn of(changes: &BTreeSet<Change>, known: &Known<'_>) -> Self {
        let mut meaning = Self::default();
        let stored = |path: &Path| known.state.is_some_and(|state| path.starts_with(state));
        for change in changes.iter().filter(|change| !stored(&change.path)) {
            meaning.add(change, known);
        }
        meaning
    }

    /// Nothing of interest happened.
    pub(crate) fn is_nothing(&self) -> bool {
        *self == Self::default()
    }

    fn add(&mut self, change: &Change, known: &Known<'_>) {
        let path = change.path.as_path();
        let named = |name: &&str| path.file_name().is_some_and(|own| own == *name);
        if CONFIGURING.iter().any(named) || known.config == Some(path) {
            self.configuration = true;
            return;
        }
        let is_input = known.inputs.contains(path) || known.awaited.contains(path);
        if is_input {
            self.code = true;
        }
        // esbuild does not see that what it keeps of a file was compiled by other rules.
        if known.configs.contains(path) || (change.came_or_went && is_config(path)) {
            self.code = true;
            self.afresh = true;
        }
        if !is_of_people(path) {
            return;
        }
        if known
            .command
            .iter()
            .any(|watched| path.starts_with(watched))
        {
            self.command = true;
        }
        if known.assets.is_some_and(|assets| path.starts_with(assets)) {
            match has_extension(path, &["css"]) {
                true => self.styles = true,
                false if !path.is_dir() => self.pages = true,
                false => {}
            }
        }
        // Not anything: a log of our own errors would be a change for ever.
        if !is_input && (known.failed || change.came_or_went) && has_extension(path, CODE) {
            self.code = true;
        }
    }
}

impl fmt::Display for Meaning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let parts = [
            (self.configuration, "configuration"),
            (self.command, "what the command reads"),
            (self.code, "code"),
            (self.afresh, "how it is compiled"),
            (self.pages, "pages"),
            (self.styles, "styles"),
        ];
        let named: Vec<_> = parts
            .iter()
            .filter(|part| part.0)
            .map(|part| part.1)
            .collect();
        f.write_str(&named.join(", "))
    }
}

fn has_extension(path: &Path, of: &[&str]) -> bool {
    let extension = path.extension().and_then(|extension| extension.to_str());
    extension.is_some_and(|extension| of.contains(&extension))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn meaning(path: &str, came_or_went: bool, failed: bool) -> Meaning {
        let inputs = ["/p/src/a.ts", "/q/shared.ts", "/p/node_modules/x/i.js"];
        let command = [PathBuf::from("/p/templates")];
        let known = Known {
            config: Some("/p/other.json".as_ref()),
            inputs: &inputs.map(PathBuf::from).into(),
            configs: &[PathBuf::from("/q/base.json")].into(),
            failed,
            awaited: &Awaited {
                packages: [PathBuf::from("/p/node_modules/late")].into(),
                ..Awaited::default()
            },
            assets: Some("/p/public".as_ref()),
            command: &command,
            state: Some("/p/state".as_ref()),
        };
        let path = path.into();
        let change = Change { path, came_or_went };
        Meaning::of(&[change].into(), &known)
    }

    #[test]
    fn each_file_means_what_it_is_used_for() {
        let nothing = Meaning::default();
        let code = Meaning {
            code: true,
            ..nothing.clone()
        };
        let afresh = Meaning {
            afresh: true,
            ..code.clone()
        };
        let pages = Meaning {
            pages: true,
            ..nothing.clone()
        };
        let styles = Meaning {
            styles: true,
            ..nothing.clone()
        };
        let command = Meaning {
            command: true,
            ..nothing.clone()
        };
        let configuration = Meaning {
            configuration: true,
            ..nothing.clone()
        };
        for (path, expected) in [
            ("/p/src/a.ts", &code),
            ("/q/shared.ts", &code),
            ("/p/node_modules/x/i.js", &code),
            ("/p/node_modules/other/i.js", &nothing),
            ("/p/node_modules/late", &code),
            ("/p/node_modules/late/dist/i.js", &code),
            ("/p/src/unused.ts", &nothing),
            ("/p/.git/index", &nothing),
            ("/p/public/index.html", &pages),
            ("/p/public/a.css", &styles),
            ("/p/public/.index.html.swp", &nothing),
            ("/p/templates/a.tpl", &command),
            ("/p/partykit.json", &configuration),
            ("/p/.env.local", &configuration),
            ("/p/other.json", &configuration),
            ("/p/state/db", &nothing),
            ("/q/base.json", &afresh),
            ("/p/test/tsconfig.json", &nothing),
        ] {
            assert_eq!(meaning(path, false, false), *expected, "{path}");
        }
    }

    #[test]
    fn a_new_file_may_be_what_an_import_finds_and_any_code_may_mend_a_broken_build() {
        assert!(meaning("/p/src/new.ts", true, false).code);
        assert!(meaning("/p/src/tsconfig.json", true, false).afresh);
        assert!(!meaning("/p/notes.pdf", true, false).code);
        assert!(meaning("/p/src/unused.ts", false, true).code);
        assert!(!meaning("/p/src/.unused.ts.swp", true, true).code);
        assert!(!meaning("/p/dev.log", false, true).code);
        assert!(!meaning("/p/state/db.json", true, true).code);
    }
}

//! The client that `serve.build` describes: which options esbuild gets for it, and where its files
//! are served. They stay in memory: a project's folder holds only what somebody wrote.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::builds::Recipe;
use crate::plan::Plan;
use crate::project::ClientBuild;
use crate::service::Built;

/// Where in the folder of static files it goes unless the project says otherwise.
const OUTDIR: &str = "dist";

/// What is built for browsers, and how.
#[derive(Debug)]
pub(crate) struct ClientCode {
    root: PathBuf,
    /// The folder of static files.
    served: PathBuf,
    outdir: PathBuf,
    build: ClientBuild,
    /// Constants of the whole project.
    define: BTreeMap<String, String>,
}

/// One build.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct ClientBundle {
    /// By their path below the folder of static files.
    pub(crate) files: BTreeMap<String, Vec<u8>>,
    /// The files it was made from.
    pub(crate) inputs: BTreeSet<PathBuf>,
    /// Files of the build that lie outside of what is served.
    pub(crate) unserved: Vec<PathBuf>,
}

impl ClientCode {
    /// The client of `plan`, if it has one and a folder to serve it from.
    pub(crate) fn new(plan: &Plan) -> Option<Self> {
        let served = plan.serve.path.clone()?;
        let build = plan.serve.build.clone();
        let build = build.filter(|build| !build.entries.is_empty())?;
        let outdir = build.outdir.clone();
        Some(Self {
            root: plan.root.clone(),
            outdir: outdir.unwrap_or_else(|| served.join(OUTDIR)),
            served,
            build,
            define: plan.define.clone(),
        })
    }

    /// How it is built for a host that clients reach at `host`.
    pub(crate) fn recipe(&self, host: &str) -> Recipe {
        Recipe {
            root: self.root.clone(),
            entries: self.build.entries.clone(),
            flags: self.options(host),
        }
    }

    /// What came of it.
    pub(crate) fn read(&self, built: Built) -> ClientBundle {
        let mut bundle = ClientBundle {
            files: BTreeMap::new(),
            inputs: built.inputs,
            unserved: Vec::new(),
        };
        for file in built.files {
            match address(&file.path, &self.served) {
                Some(address) => {
                    bundle.files.insert(address, file.contents);
                }
                None => bundle.unserved.push(file.path),
            }
        }
        bundle
    }

    fn options(&self, host: &str) -> Vec<String> {
        let build = &self.build;
        let format = build.format.as_deref().unwrap_or("esm");
        let bundle = build.bundle.unwrap_or(true);
        let mut options = vec![
            format!("--outdir={}", self.outdir.display()),
            format!("--format={format}"),
            "--log-level=silent".to_owned(),
            "--metafile".to_owned(),
        ];
        // esbuild splits ES modules only, and only what it bundles.
        let splitting = build.splitting.unwrap_or(format == "esm" && bundle);
        let switches = [
            (bundle, "--bundle"),
            (splitting, "--splitting"),
            (build.minify.unwrap_or(false), "--minify"),
            (build.sourcemap.unwrap_or(true), "--sourcemap"),
        ];
        let on = switches.into_iter().filter(|(on, _)| *on);
        options.extend(on.map(|(_, option)| option.to_owned()));
        options.extend(
            build
                .external
                .iter()
                .map(|name| format!("--external:{name}")),
        );
        options.extend(pairs("alias", &build.alias));
        options.extend(pairs("loader", &build.loader));
        let mut define =
            BTreeMap::from([("PARTYKIT_HOST".to_owned(), Value::from(host).to_string())]);
        define.extend(self.define.clone());
        define.extend(build.define.clone());
        options.extend(pairs("define", &define));
        options
    }
}

fn pairs(option: &str, map: &BTreeMap<String, String>) -> impl Iterator<Item = String> {
    map.iter()
        .map(move |(name, value)| format!("--{option}:{name}={value}"))
}

/// The path below `served` as addresses have it.
fn address(path: &Path, served: &Path) -> Option<String> {
    let inside = path.strip_prefix(served).ok()?;
    let parts: Option<Vec<&str>> = inside.iter().map(|part| part.to_str()).collect();
    Some(parts?.join("/"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::service::OutputFile;

    fn code(build: ClientBuild) -> ClientCode {
        let define = BTreeMap::from([
            ("A".to_owned(), "1".to_owned()),
            ("B".to_owned(), "1".to_owned()),
        ]);
        ClientCode {
            root: "/p".into(),
            served: "/p/public".into(),
            outdir: "/p/public/dist".into(),
            build,
            define,
        }
    }

    #[test]
    fn what_the_project_leaves_open_is_chosen_as_partykit_chooses() {
        let options = code(ClientBuild::default()).options("127.0.0.1:1");
        let expected = [
            "--outdir=/p/public/dist",
            "--format=esm",
            "--log-level=silent",
            "--metafile",
            "--bundle",
            "--splitting",
            "--sourcemap",
            "--define:A=1",
            "--define:B=1",
            "--define:PARTYKIT_HOST=\"127.0.0.1:1\"",
        ];
        assert_eq!(options, expected);
    }

    #[test]
    fn what_the_project_says_is_passed_on_and_wins_over_the_whole_projects_constants() {
        let map = |name: &str, value: &str| BTreeMap::from([(name.to_owned(), value.to_owned())]);
        let options = code(ClientBuild {
            bundle: Some(true),
            splitting: None,
            minify: Some(true),
            sourcemap: Some(false),
            format: Some("iife".to_owned()),
            external: vec!["react".to_owned()],
            alias: map("a", "b"),
            define: map("B", "2"),
            loader: map(".svg", "dataurl"),
            ..ClientBuild::default()
        })
        .options("h");
        for option in [
            "--minify",
            "--external:react",
            "--alias:a=b",
            "--loader:.svg=dataurl",
            "--define:B=2",
        ] {
            assert!(
                options.contains(&option.to_owned()),
                "{option}: {options:?}"
            );
        }
        for option in ["--splitting", "--sourcemap", "--define:B=1"] {
            assert!(
                !options.contains(&option.to_owned()),
                "{option}: {options:?}"
            );
        }
    }

    #[test]
    fn files_are_served_by_their_place_below_the_folder() {
        let file = |path: &str| OutputFile {
            path: path.into(),
            contents: b"x".to_vec(),
        };
        let bundle = code(ClientBuild::default()).read(Built {
            files: vec![file("/p/public/dist/a.js"), file("/p/out/b.js")],
            ..Built::default()
        });
        assert_eq!(bundle.files.keys().collect::<Vec<_>>(), ["dist/a.js"]);
        assert_eq!(bundle.unserved, [PathBuf::from("/p/out/b.js")]);
    }
}

//! The key `serve`: a folder of static files, or an object that also says how a client is built.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use super::error::ConfigError;
use super::node::{Entry, Node};

pub(super) const KEYS: &[&str] = &[
    "path",
    "build",
    "include",
    "exclude",
    "browserTTL",
    "edgeTTL",
    "singlePageApp",
];

const BUILD_KEYS: &[&str] = &[
    "entry",
    "bundle",
    "splitting",
    "external",
    "outdir",
    "minify",
    "alias",
    "format",
    "live",
    "sourcemap",
    "define",
    "loader",
];

const FORMATS: &[&str] = &["esm", "cjs", "iife"];

const LOADERS: &[&str] = &[
    "base64",
    "binary",
    "copy",
    "css",
    "dataurl",
    "default",
    "empty",
    "file",
    "js",
    "json",
    "jsx",
    "local-css",
    "text",
    "ts",
    "tsx",
];

/// What is served besides rooms.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub(crate) struct Serve {
    /// The folder of static files, absolute.
    pub(crate) path: Option<PathBuf>,
    pub(crate) build: Option<ClientBuild>,
    /// Whether addresses that a browser goes to and that are no files show index.html.
    pub(crate) single_page_app: bool,
}

/// How the client is built. What is not given is the client build's to choose.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub(crate) struct ClientBuild {
    /// Absolute.
    pub(crate) entries: Vec<PathBuf>,
    /// Absolute.
    pub(crate) outdir: Option<PathBuf>,
    pub(crate) bundle: Option<bool>,
    pub(crate) splitting: Option<bool>,
    pub(crate) minify: Option<bool>,
    pub(crate) sourcemap: Option<bool>,
    /// Whether pages are loaded again when it changes.
    pub(crate) live: Option<bool>,
    pub(crate) format: Option<String>,
    pub(crate) external: Vec<String>,
    pub(crate) alias: BTreeMap<String, String>,
    pub(crate) define: BTreeMap<String, String>,
    pub(crate) loader: BTreeMap<String, String>,
}

/// Reads `serve`; paths are relative to `root`.
pub(super) fn read(node: &Node<'_>, root: &Path) -> Result<Serve, ConfigError> {
    if node.is_string() {
        return Ok(Serve {
            path: Some(root.join(node.string()?)),
            ..Serve::default()
        });
    }
    if !node.is_object() {
        return Err(node.wrong("a string or an object"));
    }
    let mut serve = Serve::default();
    for entry in node.strict(KEYS)? {
        match entry.key {
            "path" => serve.path = Some(root.join(entry.node.string()?)),
            "build" => serve.build = Some(build(&entry.node, root)?),
            "singlePageApp" => serve.single_page_app = entry.node.boolean()?,
            "include" | "exclude" => {
                entry.node.strings()?;
                let message = format!("Not implemented keys in config.serve: {}", entry.key);
                return Err(entry.error(message));
            }
            // The two TTLs, which only a platform's cache would read.
            _ => {
                if !entry.node.is_null() {
                    entry.node.number()?;
                }
            }
        }
    }
    Ok(serve)
}

fn build(node: &Node<'_>, root: &Path) -> Result<ClientBuild, ConfigError> {
    let mut build = ClientBuild::default();
    if node.is_string() {
        build.entries = vec![client_entry(node, node.string()?, root)?];
        return Ok(build);
    }
    if !node.is_object() {
        return Err(node.wrong("a string or an object"));
    }
    for entry in node.strict(BUILD_KEYS)? {
        build.set(&entry, root)?;
    }
    Ok(build)
}

fn client_entry(node: &Node<'_>, path: &str, root: &Path) -> Result<PathBuf, ConfigError> {
    let found = root.join(path);
    if found.is_file() {
        return Ok(found);
    }
    Err(node
        .error(format!("Could not find entry of serve.build: {path}"))
        .with_hint("the path is relative to the configuration file"))
}

impl ClientBuild {
    fn set(&mut self, entry: &Entry<'_>, root: &Path) -> Result<(), ConfigError> {
        let node = &entry.node;
        match entry.key {
            "entry" => {
                let paths = if node.is_string() {
                    vec![node.string()?]
                } else {
                    node.strings()?
                };
                let found = paths.iter().map(|path| client_entry(node, path, root));
                self.entries = found.collect::<Result<_, _>>()?;
            }
            "external" => self.external = owned(node.strings()?),
            "outdir" => self.outdir = Some(root.join(node.string()?)),
            "alias" => self.alias = node.string_map()?,
            "define" => self.define = node.string_map()?,
            "format" => {
                let format = node.string()?;
                one_of(node, format, FORMATS)?;
                self.format = Some(format.to_owned());
            }
            "loader" => {
                for (extension, loader) in node.string_record()? {
                    one_of(&extension.node, loader, LOADERS)?;
                }
                self.loader = node.string_map()?;
            }
            "bundle" => self.bundle = Some(node.boolean()?),
            "splitting" => self.splitting = Some(node.boolean()?),
            "minify" => self.minify = Some(node.boolean()?),
            "sourcemap" => self.sourcemap = Some(node.boolean()?),
            // "live"; every key was checked before.
            _ => self.live = Some(node.boolean()?),
        }
        Ok(())
    }
}

fn owned(texts: Vec<&str>) -> Vec<String> {
    texts.into_iter().map(str::to_owned).collect()
}

fn one_of(node: &Node<'_>, value: &str, known: &[&str]) -> Result<(), ConfigError> {
    if known.contains(&value) {
        return Ok(());
    }
    let message = format!("\"{value}\" is not known here");
    Err(node
        .error(message)
        .with_hint(format!("it can be {}", known.join(", "))))
}

//! The key `serve`: a folder of static files, or an object that also says how a client is built.

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
pub(super) struct Serve {
    /// The folder of static files, absolute.
    pub(super) path: Option<PathBuf>,
    /// Keys that were given and change nothing yet, with their full names.
    pub(super) idle: Vec<&'static str>,
}

/// Reads `serve`; paths are relative to `root`.
pub(super) fn read(node: &Node<'_>, root: &Path) -> Result<Serve, ConfigError> {
    if node.is_string() {
        return Ok(Serve {
            path: Some(root.join(node.string()?)),
            idle: Vec::new(),
        });
    }
    if !node.is_object() {
        return Err(node.wrong("a string or an object"));
    }
    let mut serve = Serve::default();
    for entry in node.strict(KEYS)? {
        match entry.key {
            "path" => serve.path = Some(root.join(entry.node.string()?)),
            "build" => {
                build(&entry.node)?;
                serve.idle.push("serve.build");
            }
            "singlePageApp" => {
                if entry.node.boolean()? {
                    serve.idle.push("serve.singlePageApp");
                }
            }
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

fn build(node: &Node<'_>) -> Result<(), ConfigError> {
    if node.is_string() {
        return Ok(());
    }
    if !node.is_object() {
        return Err(node.wrong("a string or an object"));
    }
    node.strict(BUILD_KEYS)?.iter().try_for_each(build_key)
}

fn build_key(entry: &Entry<'_>) -> Result<(), ConfigError> {
    let node = &entry.node;
    match entry.key {
        "entry" if node.is_string() => {}
        "entry" | "external" => node.strings().map(drop)?,
        "outdir" => node.string().map(drop)?,
        "alias" | "define" => node.string_record().map(drop)?,
        "format" => one_of(node, node.string()?, FORMATS)?,
        "loader" => {
            for (extension, loader) in node.string_record()? {
                one_of(&extension.node, loader, LOADERS)?;
            }
        }
        _ => node.boolean().map(drop)?,
    }
    Ok(())
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

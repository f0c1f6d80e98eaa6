//! What a configuration may say, strictly: an unknown key is an error, because a misspelt one
//! would otherwise be a setting that silently does nothing.
//!
//! Reads keys into a [`Project`]. Does not merge them with the command line (`plan` does).

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use jsonc_parser::ast::Value;
use partykit_core::{PartyName, ProjectName};

use super::document::Document;
use super::error::ConfigError;
use super::locate::Source;
use super::node::{Entry, Node};
use super::platform;
use super::repeated::repeated;
use super::serve::{self, Serve};

const KEYS: &[&str] = &[
    "$schema",
    "name",
    "main",
    "port",
    "parties",
    "serve",
    "persist",
    "vars",
    "define",
    "build",
    "compatibilityDate",
    "compatibilityFlags",
    "minify",
    "crons",
    "team",
    "preview",
    "ai",
    "vectorize",
    "bindings",
    "domain",
    "analytics",
    "logpush",
    "tailConsumers",
    "placement",
    "observability",
];

const BUILD_KEYS: &[&str] = &["command", "cwd", "watch", "alias"];

/// What `build.command` is run again for unless the project says otherwise.
const WATCHED: &str = "src";

/// Keys of the platform that a room would notice the absence of.
const IDLE_KEYS: [&str; 4] = ["crons", "ai", "vectorize", "bindings"];

/// A project as its configuration describes it. Paths are absolute.
#[derive(Debug, Default)]
pub(crate) struct Project {
    /// The folder that paths of the configuration are relative to.
    pub(crate) root: PathBuf,
    /// How people call the file, when there is one.
    pub(crate) file: Option<String>,
    /// The file, absolute.
    pub(crate) path: Option<PathBuf>,
    pub(crate) name: Option<ProjectName>,
    /// The entry, or why it cannot be one: the command line may name another.
    pub(crate) main: Option<Result<PathBuf, ConfigError>>,
    pub(crate) port: Option<u16>,
    pub(crate) serve: Serve,
    pub(crate) persist: Option<Persist>,
    pub(crate) vars: serde_json::Map<String, serde_json::Value>,
    pub(crate) define: BTreeMap<String, String>,
    pub(crate) alias: BTreeMap<String, String>,
    /// A command that is run before the code is bundled.
    pub(crate) command: Option<BuildCommand>,
    pub(crate) minify: bool,
    /// Keys that were given and change nothing yet, for a warning.
    pub(crate) idle: Vec<&'static str>,
    /// What there is to say about keys that were given twice.
    pub(crate) repeated: Vec<String>,
}

/// `build.command`: what a project runs to make its own code.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct BuildCommand {
    /// For the shell.
    pub(crate) command: String,
    /// Where it is run.
    pub(crate) cwd: PathBuf,
    /// What it is run again for: files or folders.
    pub(crate) watch: Vec<PathBuf>,
}

/// Where rooms keep what they store.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Persist {
    /// In memory: gone with the process.
    No,
    /// In the usual folder.
    Yes,
    /// In this folder.
    Folder(PathBuf),
}

impl Project {
    /// What a folder without any configuration is.
    pub(crate) fn bare(cwd: &Path) -> Self {
        Self {
            root: cwd.to_owned(),
            ..Self::default()
        }
    }

    /// Reads the configuration that was located.
    ///
    /// # Errors
    /// The first mistake in it.
    pub(crate) fn read(source: &Source, cwd: &Path) -> Result<Self, ConfigError> {
        match source {
            Source::File(path) => Self::from_document(&Document::read(path, cwd)?),
            Source::Package(path) => {
                let document = Document::read(path, cwd)?;
                let package = document.parse()?;
                match key(&package, "partykit") {
                    Some(value) => Self::from_node(&document, &Node::root(&document, value)),
                    None => Err(ConfigError::new(
                        &document.shown,
                        "it has no key \"partykit\"",
                    )),
                }
            }
        }
    }

    /// Reads a document that is a configuration as a whole.
    pub(super) fn from_document(document: &Document) -> Result<Self, ConfigError> {
        let value = document.parse()?;
        Self::from_node(document, &Node::root(document, &value))
    }

    fn from_node(document: &Document, root: &Node<'_>) -> Result<Self, ConfigError> {
        let folder = document.path.parent().unwrap_or(&document.path);
        let mut project = Self {
            file: Some(document.shown.clone()),
            path: Some(document.path.clone()),
            repeated: repeated(document, root.value()),
            ..Self::bare(folder)
        };
        for entry in root.strict(KEYS).map_err(|error| misplaced(root, error))? {
            project.set(&entry)?;
        }
        Ok(project)
    }

    fn set(&mut self, entry: &Entry<'_>) -> Result<(), ConfigError> {
        let node = &entry.node;
        match entry.key {
            "name" => self.name = Some(name(node)?),
            "main" => {
                let text = node.string()?;
                self.main = Some(existing(&self.root, text).ok_or_else(|| {
                    node.error(format!("Could not find main: {text}"))
                        .with_hint("the path is relative to the configuration file")
                }));
            }
            "port" => self.port = Some(port(node)?),
            "parties" => self.set_parties(node)?,
            "serve" => {
                self.serve = serve::read(node, &self.root)?;
                // Accepted as PartyKit accepts them, which does nothing either.
                if let Some(build) = &self.serve.build {
                    let no_path = self.serve.path.is_none();
                    self.idle
                        .extend(no_path.then_some("serve.build without serve.path"));
                    let no_entry = build.entries.is_empty();
                    self.idle
                        .extend(no_entry.then_some("serve.build without entry"));
                }
            }
            "persist" => self.persist = Some(persist(node, &self.root)?),
            "vars" => {
                for variable in node.record()? {
                    let value = variable.node.json()?;
                    self.vars.insert(variable.key.to_owned(), value);
                }
            }
            "define" => self.define = node.string_map()?,
            "minify" => self.minify = node.boolean()?,
            "build" => self.set_build(node)?,
            key => {
                platform::check(entry)?;
                self.idle
                    .extend(IDLE_KEYS.iter().find(|idle| **idle == key));
            }
        }
        Ok(())
    }

    fn set_parties(&mut self, node: &Node<'_>) -> Result<(), ConfigError> {
        for (entry, path) in node.string_record()? {
            if entry.key == "main" {
                return Err(entry
                    .error("Cannot have a party named \"main\"")
                    .with_hint("the default party is the key \"main\" beside \"parties\""));
            }
            PartyName::parse(entry.key).map_err(|error| entry.error(error.to_string()))?;
            if existing(&self.root, path).is_none() {
                return Err(entry.node.error(format!("Could not find party: {path}")));
            }
            if !self.idle.contains(&"parties") {
                self.idle.push("parties");
            }
        }
        Ok(())
    }

    fn set_build(&mut self, node: &Node<'_>) -> Result<(), ConfigError> {
        let mut command = None;
        let mut cwd = self.root.clone();
        let mut watch = vec![self.root.join(WATCHED)];
        for entry in node.strict(BUILD_KEYS)? {
            let node = &entry.node;
            match entry.key {
                "alias" => self.alias = node.string_map()?,
                "command" => command = Some(node.string()?.to_owned()),
                "cwd" => cwd = folder(node, &self.root)?,
                _ if node.is_string() => watch = vec![self.root.join(node.string()?)],
                _ => {
                    let paths = node.strings()?.into_iter();
                    watch = paths.map(|path| self.root.join(path)).collect();
                }
            }
        }
        self.command = command.map(|command| BuildCommand {
            command,
            cwd,
            watch,
        });
        Ok(())
    }
}

fn folder(node: &Node<'_>, root: &Path) -> Result<PathBuf, ConfigError> {
    let text = node.string()?;
    let path = root.join(text);
    if path.is_dir() {
        return Ok(path);
    }
    Err(node
        .error(format!("Could not find folder: {text}"))
        .with_hint("the path is relative to the configuration file"))
}

fn key<'v, 'd>(object: &'v Value<'d>, name: &str) -> Option<&'v Value<'d>> {
    let object = object.as_object()?;
    // The last one counts, as in JavaScript.
    let mut properties = object.properties.iter().rev();
    properties
        .find(|property| property.name.as_str() == name)
        .map(|property| &property.value)
}

/// A key that is known one level deeper gets that as its hint.
fn misplaced(root: &Node<'_>, error: ConfigError) -> ConfigError {
    let Ok(entries) = root.record() else {
        return error;
    };
    let Some(unknown) = entries.iter().find(|entry| !KEYS.contains(&entry.key)) else {
        return error;
    };
    let parent = if serve::KEYS.contains(&unknown.key) {
        "serve"
    } else if BUILD_KEYS.contains(&unknown.key) {
        "build"
    } else {
        return error;
    };
    error.with_hint(format!("\"{}\" belongs into \"{parent}\"", unknown.key))
}

fn name(node: &Node<'_>) -> Result<ProjectName, ConfigError> {
    ProjectName::parse(node.string()?).map_err(|error| node.error(error.to_string()))
}

fn port(node: &Node<'_>) -> Result<u16, ConfigError> {
    let number = node.number()?;
    let in_range = number.fract() == 0.0 && (0.0..=f64::from(u16::MAX)).contains(&number);
    if !in_range {
        return Err(node.error("\"port\" must be a whole number from 0 to 65535"));
    }
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "checked above"
    )]
    Ok(number as u16)
}

fn persist(node: &Node<'_>, root: &Path) -> Result<Persist, ConfigError> {
    if node.is_boolean() {
        return Ok(if node.boolean()? {
            Persist::Yes
        } else {
            Persist::No
        });
    }
    if node.is_string() {
        return Ok(Persist::Folder(root.join(node.string()?)));
    }
    Err(node.wrong("true, false or a folder"))
}

/// The file `path` below `root`, if it is one.
fn existing(root: &Path, path: &str) -> Option<PathBuf> {
    let path = root.join(path);
    path.is_file().then_some(path)
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    fn read(file: &str, text: &str) -> (tempfile::TempDir, Result<Project, ConfigError>) {
        let root = tempfile::tempdir().unwrap();
        fs::create_dir(root.path().join("src")).unwrap();
        fs::write(root.path().join("src/server.ts"), "").unwrap();
        fs::write(root.path().join("src/client.ts"), "").unwrap();
        let path = root.path().join(file);
        fs::write(&path, text).unwrap();
        let source = if file == "package.json" {
            Source::Package(path)
        } else {
            Source::File(path)
        };
        let project = Project::read(&source, root.path());
        (root, project)
    }

    #[test]
    fn every_key_of_the_schema_is_accepted() {
        let (root, project) = read("partykit.json", include_str!("../../tests/cli/full.json5"));
        let project = project.unwrap();
        assert_eq!(project.name.unwrap().as_str(), "full");
        assert_eq!(project.main, Some(Ok(root.path().join("src/server.ts"))));
        assert_eq!(project.port, Some(3000));
        assert_eq!(project.serve.path, Some(root.path().join("public")));
        assert_eq!(project.persist, Some(Persist::No));
        assert_eq!(
            serde_json::Value::Object(project.vars),
            serde_json::json!({"TEXT": "a", "LIMIT": 16, "NESTED": {"on": [true, null, 0.5]}})
        );
        assert_eq!(project.define["DEBUG"], "true");
        assert_eq!(project.alias["old"], "new");
        assert_eq!(
            project.idle,
            ["parties", "crons", "ai", "vectorize", "bindings"]
        );
    }

    #[test]
    fn json5_is_read_whatever_the_file_is_called() {
        let text = "\u{feff}// note\n{name: 'a-1', port: 0x7cf, /* c */ vars: {x: +.5,},}\n";
        for file in ["partykit.json", "partykit.json5", "partykit.jsonc"] {
            let (_root, project) = read(file, text);
            let project = project.unwrap();
            assert_eq!(project.name.unwrap().as_str(), "a-1");
            assert_eq!(project.port, Some(1999));
            assert_eq!(project.vars["x"], serde_json::json!(0.5));
        }
    }

    #[test]
    fn package_json_gives_its_key_and_its_own_places() {
        let (_root, project) = read("package.json", "{\n  \"partykit\": {\"prot\": 1}\n}");
        let error = project.unwrap_err();
        assert!(
            error
                .to_string()
                .starts_with("package.json:2:16: unknown key \"prot\"\n"),
            "{error}"
        );
        assert_eq!(error.hint(), Some("did you mean \"port\"?"));
    }

    #[test]
    fn the_last_of_two_equal_keys_counts_and_is_remarked_on() {
        let (_root, project) = read("partykit.json", r#"{"port": 1, "port": 2}"#);
        let project = project.unwrap();
        assert_eq!(project.port, Some(2));
        assert_eq!(project.repeated.len(), 1, "{:?}", project.repeated);
    }

    #[test]
    fn a_missing_main_is_kept_because_the_command_line_may_name_another() {
        let (_root, project) = read("partykit.json", r#"{"main": "src/none.ts"}"#);
        let error = project.unwrap().main.unwrap().unwrap_err();
        assert!(
            error
                .to_string()
                .starts_with("partykit.json:1:10: Could not find main: src/none.ts\n"),
            "{error}"
        );
    }

    #[test]
    fn persist_is_a_choice_or_a_folder() {
        for (text, expected) in [("true", Persist::Yes), ("false", Persist::No)] {
            let (_root, project) = read("partykit.json", &format!(r#"{{"persist": {text}}}"#));
            assert_eq!(project.unwrap().persist, Some(expected));
        }
        let (root, project) = read("partykit.json", r#"{"persist": "kept"}"#);
        let folder = Persist::Folder(root.path().join("kept"));
        assert_eq!(project.unwrap().persist, Some(folder));
    }
}

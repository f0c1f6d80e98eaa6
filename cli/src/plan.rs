//! What `dev` is going to do: the configuration, the variable files and the command line merged,
//! each value by its own rule of precedence. Pure, apart from looking whether files exist.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use partykit_core::ProjectName;
use serde_json::{Map, Value};

use crate::args::{Assignment, DevArgs};
use crate::env_file::EnvFile;
use crate::project::{BuildCommand, ConfigError, Persist, Project, Serve};

/// Where `dev` listens unless told otherwise.
pub(crate) const DEFAULT_PORT: u16 = 1999;

/// The usual folder for what rooms store, beside the configuration.
pub(crate) const STATE_FOLDER: &str = ".partykit/state";

/// A project without a name gets this one. Not the folder's name: a moved folder would change
/// every room's internal id.
pub(crate) const DEFAULT_NAME: &str = "unnamed";

/// Why nothing can be started.
#[derive(Debug, thiserror::Error)]
pub(crate) enum PlanError {
    /// The configuration names an entry that cannot be one.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// Neither the configuration nor the command line names an entry.
    #[error("Missing entry point, please specify \"main\" in your config")]
    NoMain {
        /// The configuration that was found.
        config: Option<String>,
    },
    /// The command line names an entry that is not a file.
    #[error("Could not find main: {}", path.display())]
    NoScript {
        /// As typed.
        path: PathBuf,
    },
    /// The default name is not a name: a bug.
    #[error("a project needs a name")]
    Name(#[from] partykit_core::IdError),
}

impl PlanError {
    /// What to try.
    pub(crate) fn hint(&self) -> Option<String> {
        match self {
            Self::Config(error) => error.hint().map(str::to_owned),
            Self::NoMain { config } => {
                let file = config.as_deref().unwrap_or("a new file partykit.json");
                Some(format!(
                    "write {{\"main\": \"src/server.ts\"}} into {file}, or name the file: \
                     partykit dev src/server.ts"
                ))
            }
            Self::NoScript { .. } => {
                Some("the path is relative to the folder you are in".to_owned())
            }
            Self::Name(_) => None,
        }
    }
}

/// The decisions. Paths are absolute.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Plan {
    /// The folder that the project's own paths are relative to.
    pub(crate) root: PathBuf,
    pub(crate) main: PathBuf,
    pub(crate) name: ProjectName,
    pub(crate) port: Port,
    /// What room code reads as `room.env`.
    pub(crate) vars: Map<String, Value>,
    /// Names and JavaScript expressions.
    pub(crate) define: BTreeMap<String, String>,
    pub(crate) alias: BTreeMap<String, String>,
    pub(crate) minify: bool,
    /// Where rooms store; `None` is memory.
    pub(crate) state: Option<PathBuf>,
    /// Files besides rooms, and the client that is built.
    pub(crate) serve: Serve,
    /// Whether pages are loaded again when what they are made of changes.
    pub(crate) live: bool,
    /// What is run before the code is bundled.
    pub(crate) command: Option<BuildCommand>,
    /// The configuration that was read.
    pub(crate) config: Option<PathBuf>,
}

/// Which port, and what to do when it is taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Port {
    /// Somebody asked for it: no other will do.
    Asked(u16),
    /// Nobody did: the next free one will do.
    Any,
}

impl Plan {
    /// Merges. Variables: file < .env < .env.local < `--var`; constants: `--with-env` < file
    /// < `--define`; everything else: file < command line.
    ///
    /// # Errors
    /// There is no usable entry.
    pub(crate) fn new(
        project: Project,
        env_files: &[EnvFile],
        args: &DevArgs,
        cwd: &Path,
    ) -> Result<Self, PlanError> {
        let main = entry(project.main, project.file, args, cwd)?;
        let name = match project.name {
            Some(name) => name,
            None => ProjectName::parse(DEFAULT_NAME)?,
        };
        let mut vars = project.vars;
        let files = env_files.iter().flat_map(|file| &file.variables);
        let files = files.map(|(name, value)| (name.clone(), value.clone()));
        for (name, value) in files.chain(pairs(&args.vars)) {
            vars.insert(name, Value::String(value));
        }
        let mut serve = project.serve;
        if let Some(folder) = &args.serve {
            serve.path = Some(cwd.join(folder));
        }
        let live = serve.build.as_ref().and_then(|build| build.live);
        let define = constants(project.define, env_files, args);
        let persist = match args.persist.as_deref() {
            Some("true") => Persist::Yes,
            Some("false") => Persist::No,
            Some(folder) => Persist::Folder(cwd.join(folder)),
            None => project.persist.unwrap_or(Persist::Yes),
        };
        Ok(Self {
            main,
            name,
            port: args.port.or(project.port).map_or(Port::Any, Port::Asked),
            vars,
            define,
            alias: project.alias,
            state: match persist {
                Persist::No => None,
                Persist::Yes => Some(project.root.join(STATE_FOLDER)),
                Persist::Folder(folder) => Some(folder),
            },
            minify: args.minify || project.minify,
            live: args.live || live.unwrap_or(true),
            serve,
            command: project.command,
            config: project.path,
            root: project.root,
        })
    }
}

/// What `--with-env` makes of variables < the file < `--define`.
fn constants(
    configured: BTreeMap<String, String>,
    env_files: &[EnvFile],
    args: &DevArgs,
) -> BTreeMap<String, String> {
    let files = env_files.iter().filter(|_| args.with_env);
    let variables = files.flat_map(|file| &file.variables);
    let mut define: BTreeMap<_, _> = variables
        // esbuild takes identifiers only; dotenv takes more.
        .filter(|(name, _)| is_identifier(name))
        .map(|(name, value)| (name.clone(), Value::from(value.as_str()).to_string()))
        .collect();
    define.extend(configured);
    define.extend(pairs(&args.define));
    define
}

/// Names with dots, as `process.env.X`, are as good.
fn is_identifier(name: &str) -> bool {
    let is_part = |part: &str| {
        let rest = |c: char| c.is_ascii_alphanumeric() || c == '_';
        part.chars().all(rest) && part.starts_with(|c: char| !c.is_ascii_digit())
    };
    name.split('.').all(is_part)
}

fn entry(
    configured: Option<Result<PathBuf, ConfigError>>,
    config: Option<String>,
    args: &DevArgs,
    cwd: &Path,
) -> Result<PathBuf, PlanError> {
    let Some(script) = &args.script else {
        return Ok(configured.ok_or(PlanError::NoMain { config })??);
    };
    let path = cwd.join(script);
    if path.is_file() {
        return Ok(path);
    }
    Err(PlanError::NoScript {
        path: script.clone(),
    })
}

fn pairs(assignments: &[Assignment]) -> impl Iterator<Item = (String, String)> {
    assignments
        .iter()
        .map(|assignment| (assignment.name.clone(), assignment.value.clone()))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn assign(name: &str, value: &str) -> Assignment {
        Assignment {
            name: name.to_owned(),
            value: value.to_owned(),
        }
    }

    fn project() -> Project {
        Project {
            main: Some(Ok("/p/src/server.ts".into())),
            ..Project::bare("/p".as_ref())
        }
    }

    fn plan(project: Project, args: &DevArgs) -> Plan {
        Plan::new(project, &[], args, "/elsewhere".as_ref()).unwrap()
    }

    #[test]
    fn a_later_source_of_a_variable_wins() {
        let mut project = project();
        for name in ["A", "B", "C", "D"] {
            project.vars.insert(name.to_owned(), json!(["file"]));
        }
        let file = |name: &str, names: &[&str]| EnvFile {
            path: name.into(),
            variables: names
                .iter()
                .map(|n| ((*n).to_owned(), name.to_owned()))
                .collect(),
        };
        let files = [
            file(".env", &["B", "C", "D"]),
            file(".env.local", &["C", "D"]),
        ];
        let args = DevArgs {
            vars: vec![assign("D", "line")],
            ..DevArgs::default()
        };
        let plan = Plan::new(project, &files, &args, "/".as_ref()).unwrap();
        assert_eq!(
            Value::Object(plan.vars),
            json!({"A": ["file"], "B": ".env", "C": ".env.local", "D": "line"})
        );
    }

    #[test]
    fn the_command_line_wins_over_the_file() {
        let mut project = project();
        project.port = Some(3000);
        project.persist = Some(Persist::No);
        project.define.insert("X".to_owned(), "1".to_owned());
        let args = DevArgs {
            port: Some(4000),
            persist: Some("kept".to_owned()),
            define: vec![assign("X", "2")],
            ..DevArgs::default()
        };
        let plan = plan(project, &args);
        assert_eq!(plan.port, Port::Asked(4000));
        assert_eq!(plan.state, Some("/elsewhere/kept".into()));
        assert_eq!(plan.define["X"], "2");
    }

    #[test]
    fn the_file_decides_on_storage_when_the_command_line_is_silent() {
        let mut memory = project();
        memory.persist = Some(Persist::No);
        assert_eq!(plan(memory, &DevArgs::default()).state, None);
        let usual = plan(project(), &DevArgs::default());
        assert_eq!(usual.state, Some("/p/.partykit/state".into()));
        assert_eq!(usual.port, Port::Any);
    }

    #[test]
    fn variables_become_constants_only_when_asked_and_yield_to_others() {
        let mut project = project();
        project.define.insert("B".to_owned(), "file".to_owned());
        let variables = ["A", "B", "C", "not-a-name"];
        let files = [EnvFile {
            path: ".env".into(),
            variables: variables
                .map(|name| (name.to_owned(), "it's \"x\"".to_owned()))
                .into(),
        }];
        let args = DevArgs {
            with_env: true,
            define: vec![assign("C", "line")],
            ..DevArgs::default()
        };
        let plan = Plan::new(project, &files, &args, "/".as_ref()).unwrap();
        let define: Vec<_> = plan.define.iter().map(|(n, e)| (&**n, &**e)).collect();
        let quoted = r#""it's \"x\"""#;
        assert_eq!(define, [("A", quoted), ("B", "file"), ("C", "line")]);
    }

    #[test]
    fn a_script_on_the_command_line_makes_main_unnecessary() {
        let script = PathBuf::from(file!()).file_name().map(PathBuf::from);
        let cwd = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
        let args = DevArgs {
            script: script.clone(),
            ..DevArgs::default()
        };
        let plan = Plan::new(Project::bare(&cwd), &[], &args, &cwd).unwrap();
        assert_eq!(plan.main, cwd.join(script.unwrap()));
    }

    #[test]
    fn without_any_entry_the_hint_says_where_to_write_it() {
        let bare = Project::bare("/p".as_ref());
        let error = Plan::new(bare, &[], &DevArgs::default(), "/p".as_ref()).unwrap_err();
        assert!(error.hint().unwrap().contains("a new file partykit.json"));
    }
}

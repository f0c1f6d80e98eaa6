//! A project's code made into one ES module by esbuild, run as a child process.
//!
//! Owns which options it gets. Does not find esbuild (`esbuild` does), and keeps nothing on disk:
//! what esbuild writes goes through a private folder that lives as long as one build.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::io;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::{Duration, Instant};

use serde_json::{Map, Value};
use tokio::process::Command;

use crate::esbuild::Esbuild;
use crate::stack_map::StackMap;

/// A large project takes seconds; what takes longer hangs.
const BUILD_LIMIT: Duration = Duration::from_secs(60);

/// Resolved by the guest and not by esbuild. What of it does not exist there is reported when
/// the code is loaded.
const EXTERNAL: [&str; 3] = ["partykit/server", "node:*", "cloudflare:*"];

/// Node's modules that are also imported without `node:`. Renamed, so that a guest has to know
/// one name of each, and so that an npm package of the same name does not shadow it, as on the
/// original.
const NODE_MODULES: &[&str] = &[
    "assert",
    "async_hooks",
    "buffer",
    "child_process",
    "cluster",
    "console",
    "constants",
    "crypto",
    "dgram",
    "diagnostics_channel",
    "dns",
    "domain",
    "events",
    "fs",
    "http",
    "http2",
    "https",
    "inspector",
    "module",
    "net",
    "os",
    "path",
    "perf_hooks",
    "process",
    "punycode",
    "querystring",
    "readline",
    "repl",
    "stream",
    "string_decoder",
    "sys",
    "timers",
    "tls",
    "tty",
    "url",
    "util",
    "v8",
    "vm",
    "wasi",
    "worker_threads",
    "zlib",
];

/// Why there is no bundle.
#[derive(Debug, thiserror::Error)]
pub(crate) enum BundleError {
    /// The code is wrong. The report names file and line and shows the line.
    #[error("the code could not be bundled\n\n{report}")]
    Rejected {
        /// What esbuild says.
        report: String,
    },
    /// esbuild cannot be started.
    #[error("{} cannot be started", program.display())]
    Start {
        /// Which one.
        program: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// esbuild did not end.
    #[error("esbuild did not finish within {} s", BUILD_LIMIT.as_secs())]
    Slow,
    /// The folder for its output.
    #[error("the bundle cannot be passed on through a temporary folder")]
    Folder(#[from] io::Error),
}

/// What is bundled, and how. Made once; building is repeated.
#[derive(Debug)]
pub(crate) struct Bundler {
    pub(crate) esbuild: Esbuild,
    /// Paths in messages are relative to it.
    pub(crate) root: PathBuf,
    pub(crate) main: PathBuf,
    pub(crate) define: BTreeMap<String, String>,
    pub(crate) alias: BTreeMap<String, String>,
    pub(crate) vars: Map<String, Value>,
    /// Whether esbuild may colour its messages.
    pub(crate) color: bool,
}

/// One build.
#[derive(Debug)]
pub(crate) struct Bundle {
    pub(crate) code: String,
    /// From places in the bundle back to places in the source.
    pub(crate) stack_map: Option<StackMap>,
    pub(crate) took: Duration,
    /// What esbuild remarked on.
    pub(crate) warnings: Option<String>,
}

impl Bundler {
    /// Builds for a host that clients reach at `host`. Dropping the future ends esbuild.
    ///
    /// # Errors
    /// See [`BundleError`].
    pub(crate) async fn build(&self, host: &str) -> Result<Bundle, BundleError> {
        let begun = Instant::now();
        let folder = tempfile::Builder::new().prefix("partykit-").tempdir()?;
        let environment = folder.path().join("process-env.js");
        std::fs::write(&environment, process_env(&self.vars))?;
        let output = folder.path().join("bundle.js");

        let mut command = Command::new(&self.esbuild.program);
        command
            .current_dir(&self.root)
            .args(self.options(host))
            .arg(prefixed("--inject:", &environment))
            .arg(prefixed("--outfile=", &output))
            .arg(&self.main)
            .stdin(Stdio::null())
            .kill_on_drop(true);
        let ended = tokio::time::timeout(BUILD_LIMIT, command.output())
            .await
            .map_err(|_| BundleError::Slow)?
            .map_err(|source| BundleError::Start {
                program: self.esbuild.program.clone(),
                source,
            })?;
        let report = String::from_utf8_lossy(&ended.stderr).trim_end().to_owned();
        if !ended.status.success() {
            return Err(BundleError::Rejected { report });
        }
        let map = std::fs::read(output.with_extension("js.map"))?;
        Ok(Bundle {
            code: std::fs::read_to_string(&output)?,
            stack_map: StackMap::parse(&map, folder.path(), &self.root),
            took: begun.elapsed(),
            warnings: (!report.is_empty()).then_some(report),
        })
    }

    fn options(&self, host: &str) -> Vec<String> {
        let mut options: Vec<String> = [
            "--bundle",
            "--format=esm",
            "--target=esnext",
            "--conditions=partykit,workerd,worker",
            "--sourcemap=external",
            "--log-level=warning",
        ]
        .map(str::to_owned)
        .into();
        options.push(format!("--color={}", self.color));
        options.extend(EXTERNAL.map(|name| format!("--external:{name}")));
        for name in NODE_MODULES {
            if !self.alias.contains_key(*name) {
                options.push(format!("--alias:{name}=node:{name}"));
            }
        }
        for (name, target) in &self.alias {
            options.push(format!("--alias:{name}={target}"));
        }
        let own = [
            ("PARTYKIT_HOST", Value::from(host).to_string()),
            ("process.env.NODE_ENV", "\"development\"".to_owned()),
        ];
        for (name, expression) in own {
            if !self.define.contains_key(name) {
                options.push(format!("--define:{name}={expression}"));
            }
        }
        for (name, expression) in &self.define {
            options.push(format!("--define:{name}={expression}"));
        }
        options
    }
}

/// A module that esbuild puts in place of `process.env`, and leaves out where nobody reads it.
///
/// A file and not an option: the arguments of a process can be read by every user of a machine.
fn process_env(vars: &Map<String, Value>) -> String {
    let strings: Map<String, Value> = vars
        .iter()
        .map(|(name, value)| {
            let text = match value {
                Value::String(text) => text.clone(),
                other => other.to_string(),
            };
            (name.clone(), Value::String(text))
        })
        .collect();
    let mut module = String::new();
    // JSON.parse, because in an object literal the name `__proto__` would be the prototype.
    let json = Value::String(Value::Object(strings).to_string());
    let _ = writeln!(module, "const env = /* @__PURE__ */ JSON.parse({json});");
    module.push_str("export { env as \"process.env\", env as PARTYKIT_PROCESS_ENV };\n");
    module
}

/// An option whose value is a path, which need not be UTF-8.
fn prefixed(option: &str, path: &Path) -> std::ffi::OsString {
    let mut argument = std::ffi::OsString::from(option);
    argument.push(path);
    argument
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn bundler() -> Bundler {
        Bundler {
            esbuild: Esbuild {
                program: "esbuild".into(),
            },
            root: "/p".into(),
            main: "/p/main.ts".into(),
            define: BTreeMap::new(),
            alias: BTreeMap::new(),
            vars: Map::new(),
            color: false,
        }
    }

    #[test]
    fn a_project_may_redefine_what_is_defined_for_it() {
        let mut bundler = bundler();
        let options = bundler.options("127.0.0.1:1999");
        let host = "--define:PARTYKIT_HOST=\"127.0.0.1:1999\"".to_owned();
        assert!(options.contains(&host), "{options:?}");

        let name = "PARTYKIT_HOST".to_owned();
        bundler.define.insert(name, "location.host".to_owned());
        let options = bundler.options("127.0.0.1:1999");
        assert!(!options.contains(&host), "{options:?}");
        assert!(options.contains(&"--define:PARTYKIT_HOST=location.host".to_owned()));
    }

    #[test]
    fn an_alias_of_the_project_wins_over_node_modules() {
        let mut bundler = bundler();
        let name = "events".to_owned();
        bundler.alias.insert(name, "./my-events.js".to_owned());
        let options = bundler.options("h");
        let of_events: Vec<_> = options
            .iter()
            .filter(|option| option.starts_with("--alias:events="))
            .collect();
        assert_eq!(of_events, ["--alias:events=./my-events.js"]);
        assert!(options.contains(&"--alias:fs=node:fs".to_owned()));
    }

    #[test]
    fn process_env_holds_strings_only() {
        let vars = json!({"A": "x", "N": 1, "O": {"k": "\u{2028}"}, "__proto__": "p"});
        let module = process_env(vars.as_object().unwrap());
        let start = module.find("JSON.parse(").unwrap() + "JSON.parse(".len();
        let end = module.find(");").unwrap();
        let inner: String = serde_json::from_str(&module[start..end]).unwrap();
        let parsed: Value = serde_json::from_str(&inner).unwrap();
        let expected = json!({"A": "x", "N": "1", "O": "{\"k\":\"\u{2028}\"}", "__proto__": "p"});
        assert_eq!(parsed, expected);
    }
}

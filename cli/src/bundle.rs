//! A project's server code made into one ES module: which options esbuild gets for it, and what is
//! taken from the build.
//!
//! Does not run esbuild (`builds` does) and does not find it (`esbuild` does).

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::io;
use std::path::PathBuf;

use serde_json::{Map, Value};
use tempfile::TempDir;

use crate::builds::Recipe;
use crate::plan::Plan;
use crate::service::Built;
use crate::stack_map::StackMap;

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

/// What is bundled, and how.
#[derive(Debug)]
pub(crate) struct ServerCode {
    /// Where the module with the variables lies, and where the bundle would.
    folder: TempDir,
    root: PathBuf,
    main: PathBuf,
    define: BTreeMap<String, String>,
    alias: BTreeMap<String, String>,
    minify: bool,
}

/// One build.
#[derive(Debug)]
pub(crate) struct Bundle {
    pub(crate) code: String,
    /// From places in the bundle back to places in the source.
    pub(crate) stack_map: Option<StackMap>,
    /// The files it was made from.
    pub(crate) inputs: BTreeSet<PathBuf>,
}

impl ServerCode {
    /// The server of `plan`.
    ///
    /// # Errors
    /// There is no temporary folder.
    pub(crate) fn new(plan: &Plan) -> io::Result<Self> {
        let code = Self {
            folder: tempfile::Builder::new().prefix("partykit-").tempdir()?,
            root: plan.root.clone(),
            main: plan.main.clone(),
            define: plan.define.clone(),
            alias: plan.alias.clone(),
            minify: plan.minify,
        };
        std::fs::write(code.environment(), process_env(&plan.vars))?;
        Ok(code)
    }

    fn environment(&self) -> PathBuf {
        self.folder.path().join("process-env.js")
    }

    /// How it is built for a host that clients reach at `host`.
    pub(crate) fn recipe(&self, host: &str) -> Recipe {
        let mut flags = self.options(host);
        flags.push(format!("--inject:{}", self.environment().display()));
        let output = self.folder.path().join("bundle.js");
        flags.push(format!("--outfile={}", output.display()));
        Recipe {
            root: self.root.clone(),
            entries: vec![self.main.clone()],
            flags,
        }
    }

    /// What came of it.
    pub(crate) fn read(&self, built: Built) -> Bundle {
        let mut bundle = Bundle {
            code: String::new(),
            stack_map: None,
            inputs: built.inputs,
        };
        for file in built.files {
            if file
                .path
                .extension()
                .is_some_and(|extension| extension == "map")
            {
                let folder = self.folder.path();
                bundle.stack_map = StackMap::parse(&file.contents, folder, &self.root);
            } else if file
                .path
                .extension()
                .is_some_and(|extension| extension == "js")
            {
                bundle.code = String::from_utf8_lossy(&file.contents).into_owned();
            }
        }
        bundle
    }

    fn options(&self, host: &str) -> Vec<String> {
        let mut options: Vec<String> = [
            "--bundle",
            "--format=esm",
            "--target=esnext",
            "--conditions=partykit,workerd,worker",
            "--sourcemap=external",
            "--log-level=silent",
            "--metafile",
            // An import of one is an ArrayBuffer; see `service`.
            "--loader:.bin=binary",
        ]
        .map(str::to_owned)
        .into();
        options.extend(self.minify.then(|| "--minify".to_owned()));
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

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn bundler() -> ServerCode {
        ServerCode {
            folder: tempfile::tempdir().unwrap(),
            root: "/p".into(),
            main: "/p/main.ts".into(),
            define: BTreeMap::new(),
            alias: BTreeMap::new(),
            minify: false,
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

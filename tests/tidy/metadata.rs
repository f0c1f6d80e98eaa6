//! What cargo and npm say about the packages of this repository, as plain values. The only file
//! here that runs a program.

use std::collections::BTreeSet;
use std::process::Command;

use serde_json::Value;

use crate::sources;

/// The guest is a workspace of its own, compiled for another target.
pub(crate) const GUEST: &str = "guest-sdk/quickjs/Cargo.toml";

/// What is built to be fuzzed is one as well.
const FUZZ: &str = "tests/fuzz/Cargo.toml";

/// How a crate depends on another.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Kind {
    Normal,
    Build,
    Dev,
}

/// A package of the workspace and what it names directly.
pub(crate) struct Crate {
    pub(crate) name: String,
    pub(crate) dependencies: BTreeSet<(String, Kind)>,
}

/// The whole answer of `cargo metadata` for one manifest, for one target.
pub(crate) fn cargo(manifest: &str, target: &str) -> Value {
    let output = Command::new(env!("CARGO"))
        .args([
            "metadata",
            "--format-version=1",
            "--locked",
            "--filter-platform",
            target,
        ])
        .arg("--manifest-path")
        .arg(sources::root().join(manifest))
        .output()
        .unwrap();
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(
        output.status.success(),
        "cargo metadata for {manifest}: {errors}"
    );
    serde_json::from_slice(&output.stdout).unwrap()
}

/// The members of the root workspace.
pub(crate) fn workspace() -> Vec<Crate> {
    members(&cargo("Cargo.toml", "x86_64-unknown-linux-gnu"))
}

fn members(metadata: &Value) -> Vec<Crate> {
    let members = metadata["workspace_members"].as_array().unwrap();
    let packages = metadata["packages"].as_array().unwrap();
    packages
        .iter()
        .filter(|package| members.contains(&package["id"]))
        .map(member)
        .collect()
}

fn member(package: &Value) -> Crate {
    let dependencies = package["dependencies"].as_array().unwrap();
    let dependencies = dependencies.iter().map(|dependency| {
        let kind = match dependency["kind"].as_str() {
            Some("dev") => Kind::Dev,
            Some("build") => Kind::Build,
            _ => Kind::Normal,
        };
        (dependency["name"].as_str().unwrap().to_owned(), kind)
    });
    let name = package["name"].as_str().unwrap().to_owned();
    Crate {
        name,
        dependencies: dependencies.collect(),
    }
}

/// Every package from a registry that some manifest of ours names, of cargo and of npm.
pub(crate) fn direct_dependencies() -> BTreeSet<String> {
    let mut names = BTreeSet::new();
    let mut crates = workspace();
    crates.extend(members(&cargo(GUEST, "wasm32-unknown-unknown")));
    crates.extend(members(&cargo(FUZZ, "x86_64-unknown-linux-gnu")));
    for member in &crates {
        names.extend(member.dependencies.iter().map(|(name, _)| name.clone()));
    }
    names.retain(|name| !crates.iter().any(|member| member.name == *name));
    for source in sources::read() {
        if source.path.ends_with("package.json") && !source.path.contains("fixtures/") {
            let package: Value = serde_json::from_str(&source.text).unwrap();
            for list in ["dependencies", "devDependencies"] {
                let Some(list) = package[list].as_object() else {
                    continue;
                };
                names.extend(list.keys().cloned());
            }
        }
    }
    names
}

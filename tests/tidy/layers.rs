//! The layers of docs/architecture.md: who may depend on whom, and which crate alone may name a
//! heavy dependency.

use std::collections::BTreeSet;

use crate::metadata::{Crate, Kind};
use crate::sources::Source;

/// A crate and the crates of ours that it may name. What is not listed here fails, so that a new
/// crate finds its layer first.
const MAY_NAME: &[(&str, &[&str])] = &[
    ("partykit-core", &[]),
    ("partykit-value", &[]),
    ("partykit-storage", &["partykit-core"]),
    ("partykit-quickjs-artifact", &[]),
    ("partykit-rooms", &["partykit-core"]),
    (
        "partykit-engine",
        &["partykit-core", "partykit-quickjs-artifact"],
    ),
    (
        "partykit-host",
        &[
            "partykit-core",
            "partykit-storage",
            "partykit-quickjs-artifact",
            "partykit-rooms",
            "partykit-engine",
        ],
    ),
    (
        "partykit",
        &["partykit-core", "partykit-value", "partykit-host"],
    ),
];

/// These look at everything, and nothing depends on them.
const BESIDE_THE_LAYERS: &[&str] = &["partykit-tests", "partykit-bench", "roomload"];

/// The crates that a heavy dependency must not pass. A name that ends in `*` is a family.
const OWNERS: &[(&str, &[&str])] = &[
    ("axum*", &["partykit-host"]),
    ("clap*", &["partykit"]),
    ("fastwebsockets", &["partykit-host"]),
    ("hyper*", &["partykit-host"]),
    ("notify*", &["partykit"]),
    ("rcgen", &["partykit"]),
    ("rquickjs*", &[]),
    ("rusqlite", &["partykit-storage"]),
    ("rustls*", &["partykit-host"]),
    ("sled", &["partykit-storage"]),
    ("tokio*", &["partykit-host", "partykit"]),
    ("tower-http", &["partykit-host"]),
    ("wasmtime*", &["partykit-engine"]),
    ("wit-component", &["partykit-quickjs-artifact"]),
];

const CRATES_UNDER_HOST: usize = 4;

/// Dependencies between our crates point down. In tests a crate may also name what lies below it
/// in the table without being its business, never what lies above.
pub(crate) fn directions(crates: &[Crate]) -> Vec<String> {
    let mut complaints = Vec::new();
    for member in crates {
        let name = member.name.as_str();
        if BESIDE_THE_LAYERS.contains(&name) {
            continue;
        }
        let Some(position) = MAY_NAME.iter().position(|(known, _)| *known == name) else {
            complaints.push(format!("{name}: has no layer in tests/tidy/layers.rs"));
            continue;
        };
        for (other, kind) in &member.dependencies {
            let ours = crates.iter().any(|member| member.name == *other);
            let allowed = MAY_NAME[position].1.contains(&other.as_str());
            let below = MAY_NAME[..position].iter().any(|(known, _)| known == other);
            // A crate names itself in its dev-dependencies to switch its testing feature on.
            let in_tests = *kind == Kind::Dev && (below || other == name);
            if ours && !allowed && !in_tests {
                complaints.push(format!("{name} may not depend on {other} ({kind:?})"));
            }
        }
    }
    complaints
}

/// Heavy dependencies stop at the border of the crate that owns them; tests may go around it.
pub(crate) fn heavy(crates: &[Crate]) -> Vec<String> {
    let mut complaints = Vec::new();
    for member in crates
        .iter()
        .filter(|m| !BESIDE_THE_LAYERS.contains(&m.name.as_str()))
    {
        let linked = member
            .dependencies
            .iter()
            .filter(|(_, kind)| *kind != Kind::Dev);
        for (dependency, _) in linked {
            let owners = OWNERS
                .iter()
                .filter(|(pattern, _)| matches(pattern, dependency));
            for (_, owners) in owners {
                if !owners.contains(&member.name.as_str()) {
                    let name = &member.name;
                    complaints.push(format!(
                        "{name} may not name {dependency}: {owners:?} own it"
                    ));
                }
            }
        }
    }
    complaints
}

fn matches(pattern: &str, name: &str) -> bool {
    match pattern.strip_suffix('*') {
        Some(family) => name == family || name.starts_with(&format!("{family}-")),
        None => name == pattern,
    }
}

/// Another crate under host/ needs a decision record first.
pub(crate) fn host_crates(sources: &[Source]) -> Vec<String> {
    let manifests: BTreeSet<&str> = sources
        .iter()
        .filter(|s| s.path.starts_with("host/crates/") && s.path.ends_with("/Cargo.toml"))
        .map(|s| s.path.as_str())
        .collect();
    if manifests.len() == CRATES_UNDER_HOST {
        return Vec::new();
    }
    vec![format!(
        "host/crates has {} crates, not {CRATES_UNDER_HOST}",
        manifests.len()
    )]
}

mod planted {
    use super::*;

    fn named(name: &str, dependencies: &[(&str, Kind)]) -> Crate {
        let dependencies = dependencies
            .iter()
            .map(|(name, kind)| ((*name).into(), *kind));
        Crate {
            name: name.into(),
            dependencies: dependencies.collect(),
        }
    }

    fn with(member: Crate) -> Vec<Crate> {
        let mut crates: Vec<Crate> = MAY_NAME.iter().map(|(name, _)| named(name, &[])).collect();
        crates.retain(|other| other.name != member.name);
        crates.push(member);
        crates
    }

    #[test]
    fn an_arrow_that_points_up_or_sideways_is_seen() {
        for (from, to) in [
            ("partykit-core", "partykit-storage"),
            ("partykit-rooms", "partykit-engine"),
            ("partykit-engine", "partykit-rooms"),
            ("partykit", "partykit-rooms"),
        ] {
            let crates = with(named(from, &[(to, Kind::Normal)]));
            assert_eq!(directions(&crates).len(), 1, "{from} -> {to}");
        }
    }

    #[test]
    fn tests_may_look_down_but_not_up() {
        let down = with(named("partykit-engine", &[("partykit-storage", Kind::Dev)]));
        assert!(directions(&down).is_empty());
        let up = with(named("partykit-rooms", &[("partykit-host", Kind::Dev)]));
        assert_eq!(directions(&up).len(), 1);
    }

    #[test]
    fn a_crate_without_a_layer_is_seen() {
        assert_eq!(directions(&with(named("partykit-sixth", &[]))).len(), 1);
    }

    #[test]
    fn a_heavy_dependency_in_the_wrong_crate_is_seen() {
        for (name, dependency) in [
            ("partykit-rooms", "tokio"),
            ("partykit-host", "wasmtime"),
            ("partykit-host", "wasmtime-wasi"),
            ("partykit-engine", "sled"),
            ("partykit", "hyper-util"),
        ] {
            let crates = [named(name, &[(dependency, Kind::Normal)])];
            assert_eq!(heavy(&crates).len(), 1, "{name} -> {dependency}");
        }
        let own = [named("partykit-engine", &[("wasmtime", Kind::Normal)])];
        assert!(heavy(&own).is_empty());
        let in_a_test = [named("partykit-storage", &[("tokio", Kind::Dev)])];
        assert!(heavy(&in_a_test).is_empty());
    }

    #[test]
    fn a_sixth_crate_under_host_is_seen() {
        let manifest = |name: &str| Source::planted(&format!("host/crates/{name}/Cargo.toml"), "");
        let five: Vec<Source> = ["a", "b", "c", "d", "e"].map(manifest).into();
        assert_eq!(host_crates(&five).len(), 1);
        assert!(host_crates(&five[..4]).is_empty());
    }
}

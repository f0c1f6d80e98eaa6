//! THIRD_PARTY.md: everything by others that is linked into the binary, with its licence and its
//! copyright lines, made from the lock files. Written by `make third-party`, checked by the tidy
//! test.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::path::Path;

use serde_json::Value;

use crate::licences;
use crate::metadata::{self, GUEST};
use crate::sources;

const PAGE: &str = "THIRD_PARTY.md";

/// Sources that crates carry inside them, which cargo knows nothing of.
const CARRIED: &str = "\
## QuickJS-ng

Inside rquickjs-sys. MIT · https://github.com/quickjs-ng/quickjs

    Copyright (c) 2017-2024 Fabrice Bellard
    Copyright (c) 2017-2024 Charlie Gordon
    Copyright (c) 2023-2025 Ben Noordhuis
    Copyright (c) 2023-2025 Saúl Ibarra Corretgé

## wasi-libc

Inside rquickjs-sys, for wasm. Apache-2.0 WITH LLVM-exception, Apache-2.0, MIT, BSD-2-Clause ·
https://github.com/WebAssembly/wasi-libc

    Copyright © 2005-2020 Rich Felker, et al. (musl)
";

/// A package that ends in the binary.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
struct Package {
    name: String,
    version: String,
    licence: String,
    repository: String,
    copyright: BTreeSet<String>,
}

/// Compares the page with what it should be; with `PARTYKIT_WRITE_THIRD_PARTY` writes it.
pub(crate) fn check_or_write() {
    // What the guest is made of is linked in as well: the binary carries it.
    let mut packages = linked("Cargo.toml", "partykit", "x86_64-unknown-linux-gnu");
    packages.extend(linked(GUEST, "partykit-quickjs", "wasm32-unknown-unknown"));
    let allowed = licences::allowed(&sources::text_of("deny.toml"));
    crate::assert_none(&refused(&packages, &allowed));
    let wanted = page(&packages);
    if std::env::var_os("PARTYKIT_WRITE_THIRD_PARTY").is_some() {
        std::fs::write(sources::root().join(PAGE), &wanted).unwrap();
    }
    assert!(
        sources::text_of(PAGE) == wanted,
        "{PAGE} is outdated; run: make third-party"
    );
}

fn refused(packages: &BTreeSet<Package>, allowed: &[String]) -> Vec<String> {
    let refused = packages
        .iter()
        .filter(|p| !licences::is_allowed(&p.licence, allowed));
    refused
        .map(|p| format!("{} {}: licence {:?}", p.name, p.version, p.licence))
        .collect()
}

/// Everything that a package needs to run, itself and our own crates left out.
fn linked(manifest: &str, root: &str, target: &str) -> BTreeSet<Package> {
    let metadata = metadata::cargo(manifest, target);
    let list = |value: &Value| value.as_array().unwrap().clone();
    let packages: BTreeMap<String, Value> = list(&metadata["packages"])
        .into_iter()
        .map(|p| (text(&p["id"]), p))
        .collect();
    let nodes: BTreeMap<String, Value> = list(&metadata["resolve"]["nodes"])
        .into_iter()
        .map(|n| (text(&n["id"]), n))
        .collect();
    let first = packages.iter().find(|(_, package)| package["name"] == root);
    let mut waiting = vec![
        first
            .unwrap_or_else(|| panic!("{manifest} has no {root}"))
            .0
            .clone(),
    ];
    let mut seen = BTreeSet::new();
    while let Some(id) = waiting.pop() {
        if seen.insert(id.clone()) {
            for dependency in list(&nodes[&id]["deps"]) {
                let normal = list(&dependency["dep_kinds"])
                    .iter()
                    .any(|k| k["kind"].is_null());
                if normal {
                    waiting.push(text(&dependency["pkg"]));
                }
            }
        }
    }
    let foreign = seen
        .iter()
        .map(|id| &packages[id])
        .filter(|package| !package["source"].is_null());
    foreign.map(package).collect()
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}

fn package(package: &Value) -> Package {
    let manifest = text(&package["manifest_path"]);
    Package {
        name: text(&package["name"]),
        version: text(&package["version"]),
        licence: text(&package["license"]),
        repository: text(&package["repository"]),
        copyright: copyright(Path::new(&manifest).parent().unwrap()),
    }
}

/// The lines of a package's licence files that say whose it is.
fn copyright(folder: &Path) -> BTreeSet<String> {
    let mut lines = BTreeSet::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_string_lossy().to_uppercase();
        let is_licence = ["LICENSE", "LICENCE", "COPYING", "COPYRIGHT", "NOTICE"]
            .iter()
            .any(|word| name.starts_with(word));
        if is_licence && path.is_file() {
            let text = std::fs::read(&path).unwrap();
            lines.extend(copyright_lines(&String::from_utf8_lossy(&text)));
        }
    }
    lines
}

/// The text of the Apache licence has a line of that kind with blanks to fill in: it names nobody.
fn copyright_lines(text: &str) -> impl Iterator<Item = String> {
    let names_someone = |line: &&str| {
        line.starts_with("Copyright") && line.contains(|c: char| c.is_ascii_digit() || c == '©')
            || line.starts_with("Copyright (c) ") && !line.contains('[')
    };
    text.lines()
        .map(str::trim)
        .filter(names_someone)
        .map(str::to_owned)
}

fn page(packages: &BTreeSet<Package>) -> String {
    let mut page = String::from(
        "# What others made and the binary contains\n\n\
         Made by `make third-party` from the lock files; the tidy test compares. Names, licences\n\
         and copyright lines are those of the packages themselves, as built for Linux.\n\n",
    );
    for p in packages {
        let _ = write!(
            page,
            "## {} {}\n\n{} · {}\n",
            p.name, p.version, p.licence, p.repository
        );
        if !p.copyright.is_empty() {
            page.push('\n');
        }
        for line in &p.copyright {
            let _ = writeln!(page, "    {line}");
        }
        page.push('\n');
    }
    page.push_str(CARRIED);
    page
}

mod planted {
    use super::*;

    #[test]
    fn a_package_under_another_licence_is_seen_and_one_more_package_changes_the_page() {
        let lines = "  Copyright (c) 2020 Ada\nCopyright [yyyy] [name]";
        let package = |name: &str, licence: &str| Package {
            name: name.into(),
            version: "1.0.0".into(),
            licence: licence.into(),
            repository: "https://example.org".into(),
            copyright: copyright_lines(lines).collect(),
        };
        let good = BTreeSet::from([package("a", "MIT")]);
        let more = BTreeSet::from([package("a", "MIT"), package("b", "GPL-3.0-only")]);
        let allowed = ["MIT".to_owned()];
        assert!(refused(&good, &allowed).is_empty());
        assert_eq!(refused(&more, &allowed).len(), 1);
        assert_ne!(page(&good), page(&more));
        assert!(page(&good).contains("    Copyright (c) 2020 Ada\n"));
        assert!(!page(&good).contains("[yyyy]"));
    }
}

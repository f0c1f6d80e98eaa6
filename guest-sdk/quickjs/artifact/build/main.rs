//! Builds the guest: compile guest-sdk/quickjs for wasm32, wrap it as a component, leave it in
//! OUT_DIR. What it needs of the machine is found by `toolchain` and `clang`; how cargo is called
//! stands in `nested`. Whatever is missing ends the build with one line that says what to run.

#![allow(clippy::print_stdout, reason = "how a build script talks to cargo")]

mod clang;
mod nested;
mod search;
mod toolchain;

use std::path::{Path, PathBuf};
use std::{env, fs, process};

use wit_component::ComponentEncoder;

/// Names a component to use instead of building one.
const PREBUILT: &str = "PARTYKIT_GUEST_WASM";

fn main() {
    if let Err(reason) = run() {
        println!("cargo::error={}", reason.replace('\n', " "));
        process::exit(1);
    }
}

fn run() -> Result<(), String> {
    let out = directory("OUT_DIR")?.join("guest.component.wasm");
    println!("cargo::rerun-if-env-changed={PREBUILT}");
    if let Some(prebuilt) = env::var_os(PREBUILT).filter(|path| !path.is_empty()) {
        let prebuilt = PathBuf::from(prebuilt);
        println!("cargo::rerun-if-changed={}", prebuilt.display());
        return fs::copy(&prebuilt, &out).map(drop).map_err(|error| {
            format!(
                "{PREBUILT} names {}, which cannot be read: {error}",
                prebuilt.display()
            )
        });
    }
    let guest = directory("CARGO_MANIFEST_DIR")?
        .parent()
        .map(Path::to_path_buf)
        .ok_or("the artifact crate has no parent directory")?;
    rerun_rules(&guest);
    let toolchain = toolchain::find()?;
    let clang = clang::find(&toolchain)?;
    let module = nested::build(&guest, &toolchain, &clang)?;
    let component = encode(&module)?;
    fs::write(&out, component).map_err(|error| format!("cannot write {}: {error}", out.display()))
}

/// Everything the guest is made of, and nothing else: editing the host never rebuilds it.
fn rerun_rules(guest: &Path) {
    let sdk = guest.join("../js");
    let sources = [
        "src",
        "Cargo.toml",
        "Cargo.lock",
        "frame.h",
        "../../wit",
        "artifact/build",
    ];
    for path in sources {
        println!("cargo::rerun-if-changed={}", guest.join(path).display());
    }
    for folder in ["internal", "party", "web", "bootstrap.js"] {
        println!("cargo::rerun-if-changed={}", sdk.join(folder).display());
    }
}

fn encode(module: &Path) -> Result<Vec<u8>, String> {
    let bytes = fs::read(module)
        .map_err(|error| format!("cannot read the built guest {}: {error}", module.display()))?;
    ComponentEncoder::default()
        .validate(true)
        .module(&bytes)
        .and_then(|mut encoder| encoder.encode())
        .map_err(|error| format!("the guest is no component of the contract: {error:#}"))
}

fn directory(variable: &str) -> Result<PathBuf, String> {
    env::var_os(variable)
        .map(PathBuf::from)
        .ok_or_else(|| format!("{variable} is not set: run this through cargo"))
}

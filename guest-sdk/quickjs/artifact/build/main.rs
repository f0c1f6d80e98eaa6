//! Builds the guest: compile guest-sdk/quickjs for wasm32, take what its memory begins with out of
//! the module, wrap the rest as a component, leave both in OUT_DIR. What it needs of the machine is
//! found by `toolchain` and `clang`; how cargo is called stands in `nested`, how the module is
//! taken apart in `split`. Whatever is missing ends the build with one line that says what to run.

#![allow(clippy::print_stdout, reason = "how a build script talks to cargo")]

mod clang;
mod first;
mod nested;
mod patch;
mod search;
mod split;
mod toolchain;

use std::path::{Path, PathBuf};
use std::{env, fs, process};

use wit_component::ComponentEncoder;

/// Names a core module to use instead of building one.
const PREBUILT: &str = "PARTYKIT_GUEST_WASM";

fn main() {
    patch::compile_if_asked();
    if let Err(reason) = run() {
        println!("cargo::error={}", reason.replace('\n', " "));
        process::exit(1);
    }
}

fn run() -> Result<(), String> {
    println!("cargo::rerun-if-env-changed={PREBUILT}");
    let (name, module) = match env::var_os(PREBUILT).filter(|path| !path.is_empty()) {
        Some(prebuilt) => {
            let prebuilt = PathBuf::from(prebuilt);
            println!("cargo::rerun-if-changed={}", prebuilt.display());
            (format!("{PREBUILT} names"), prebuilt)
        }
        None => ("the built guest is".to_owned(), build()?),
    };
    let what = |error: String| format!("{name} {}: {error}", module.display());
    let bytes = fs::read(&module).map_err(|error| what(format!("cannot be read: {error}")))?;
    let split = split::split(&bytes)
        .map_err(|error| what(format!("no images can be made of it: {error}")))?;
    let component = encode(&split.module)?;
    let out = directory("OUT_DIR")?;
    write(&out.join("guest.component.wasm"), &component)?;
    write(&out.join("guest.whole.component.wasm"), &encode(&bytes)?)?;
    write(&out.join("guest.memory"), &split.memory)?;
    let offset = format!("{}\n", split.offset);
    write(&out.join("guest.memory.offset"), offset.as_bytes())
}

fn build() -> Result<PathBuf, String> {
    let guest = directory("CARGO_MANIFEST_DIR")?
        .parent()
        .map(Path::to_path_buf)
        .ok_or("the artifact crate has no parent directory")?;
    rerun_rules(&guest);
    let toolchain = toolchain::find()?;
    let clang = clang::find(&toolchain)?;
    nested::build(&guest, &toolchain, &clang)
}

fn write(path: &Path, bytes: &[u8]) -> Result<(), String> {
    fs::write(path, bytes).map_err(|error| format!("cannot write {}: {error}", path.display()))
}

/// Everything the guest is made of, and nothing else: editing the host never rebuilds it.
fn rerun_rules(guest: &Path) {
    let sdk = guest.join("../js");
    let sources = [
        "src",
        "Cargo.toml",
        "Cargo.lock",
        "c",
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

fn encode(module: &[u8]) -> Result<Vec<u8>, String> {
    ComponentEncoder::default()
        .validate(true)
        .module(module)
        .and_then(|mut encoder| encoder.encode())
        .map_err(|error| format!("the guest is no component of the contract: {error:#}"))
}

fn directory(variable: &str) -> Result<PathBuf, String> {
    env::var_os(variable)
        .map(PathBuf::from)
        .ok_or_else(|| format!("{variable} is not set: run this through cargo"))
}

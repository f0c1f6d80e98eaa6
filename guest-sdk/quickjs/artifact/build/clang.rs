//! Finds the C side: a clang that knows wasm32 (QuickJS is C), llvm-ar, and a linker.

use std::path::{Path, PathBuf};

use crate::search;
use crate::toolchain::Toolchain;

/// The programs that compile, archive and link the guest.
pub(crate) struct Clang {
    pub(crate) clang: PathBuf,
    pub(crate) archiver: PathBuf,
    /// None: the Rust toolchain brings its own linker.
    pub(crate) linker: Option<PathBuf>,
}

/// The newest clang that knows wasm32, and what goes with it.
pub(crate) fn find(toolchain: &Toolchain) -> Result<Clang, String> {
    let bin_folders = llvm_bin_folders();
    let candidates = |base: &str| -> Vec<PathBuf> {
        let mut all: Vec<PathBuf> = bin_folders
            .iter()
            .flat_map(|folder| search::in_folder(folder, |name| search::is_version_of(name, base)))
            .collect();
        all.extend(search::on_path(|name| search::is_version_of(name, base)));
        all
    };
    let clang = candidates("clang")
        .into_iter()
        .filter_map(|path| Some((version_of_capable(&path)?, path)))
        .max_by(|a, b| a.0.cmp(&b.0))
        .map(|(_, path)| path);
    let archiver = clang
        .as_deref()
        .and_then(|clang| pick(candidates("llvm-ar"), clang));
    let linker = clang
        .as_deref()
        .and_then(|clang| pick(candidates("wasm-ld"), clang));
    let linker_missing = linker.is_none() && !has_own_linker(toolchain);
    match (clang, archiver) {
        (Some(clang), Some(archiver)) if !linker_missing => Ok(Clang {
            clang,
            archiver,
            linker,
        }),
        (clang, archiver) => Err(missing(clang.is_none(), archiver.is_none(), linker_missing)),
    }
}

/// Where the LLVMs of this machine keep their programs: what every llvm-config says.
fn llvm_bin_folders() -> Vec<PathBuf> {
    search::on_path(|name| search::is_version_of(name, "llvm-config"))
        .iter()
        .filter_map(|config| search::output(config, &["--bindir"]))
        .map(PathBuf::from)
        .collect()
}

/// The version of a clang that can compile for wasm32; None for all others, Apple's among them.
fn version_of_capable(clang: &Path) -> Option<Vec<u32>> {
    let targets = search::output(clang, &["--print-targets"])?;
    if !targets
        .lines()
        .any(|line| line.trim_start().starts_with("wasm32 "))
    {
        return None;
    }
    let version = search::output(clang, &["-dumpversion"])?;
    Some(
        version
            .split('.')
            .filter_map(|part| part.parse().ok())
            .collect(),
    )
}

/// The one in clang's own directory if there is one, else the first.
fn pick(candidates: Vec<PathBuf>, clang: &Path) -> Option<PathBuf> {
    let beside = candidates
        .iter()
        .position(|path| path.parent() == clang.parent());
    candidates.into_iter().nth(beside.unwrap_or(0))
}

/// rustup's toolchains carry rust-lld for wasm targets; distributions' do not.
fn has_own_linker(toolchain: &Toolchain) -> bool {
    let Some(sysroot) = search::output(&toolchain.rustc, &["--print", "sysroot"]) else {
        return false;
    };
    let hosts = Path::new(&sysroot).join("lib/rustlib");
    std::fs::read_dir(hosts)
        .into_iter()
        .flatten()
        .flatten()
        .any(|host| host.path().join("bin/rust-lld").is_file())
}

fn missing(clang: bool, archiver: bool, linker: bool) -> String {
    let what: Vec<&str> = [
        (clang, "a clang that can compile for wasm32"),
        (archiver, "llvm-ar"),
        (linker, "wasm-ld"),
    ]
    .iter()
    .filter_map(|(missing, name)| missing.then_some(*name))
    .collect();
    format!(
        "the JavaScript guest cannot be built without {}: run `make setup`, or install LLVM \
         (Debian: clang lld llvm; macOS: brew install llvm lld)",
        what.join(", ")
    )
}

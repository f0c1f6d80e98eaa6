//! Finds a Rust toolchain that can compile for wasm32-unknown-unknown: one that has the target, or
//! one that has the source of the standard library, from which it is then built.

use std::env;
use std::path::{Path, PathBuf};

use crate::search;

/// The target of the guest: no operating system, no imports but ours.
pub(crate) const TARGET: &str = "wasm32-unknown-unknown";

/// A compiler, the cargo that goes with it, and where its standard library comes from.
pub(crate) struct Toolchain {
    pub(crate) rustc: PathBuf,
    pub(crate) cargo: PathBuf,
    /// The standard library is compiled from the toolchain's own source.
    pub(crate) build_std: bool,
    /// It is the one that runs this build, so that its environment may stay.
    pub(crate) ambient: bool,
}

/// The best toolchain there is: the ambient one when it has the target, then any that has it, then
/// any with the library's source.
pub(crate) fn find() -> Result<Toolchain, String> {
    let ambient = PathBuf::from(env::var_os("RUSTC").unwrap_or_else(|| "rustc".into()));
    if has_target(&ambient) {
        let cargo = PathBuf::from(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
        return Ok(Toolchain {
            rustc: ambient,
            cargo,
            build_std: false,
            ambient: true,
        });
    }
    let others: Vec<(PathBuf, PathBuf)> = search::on_path(|name| name == "rustc")
        .into_iter()
        .filter_map(|rustc| cargo_beside(&rustc).map(|cargo| (rustc, cargo)))
        .collect();
    let with = |check: fn(&Path) -> bool, build_std| {
        others
            .iter()
            .find(|(rustc, _)| check(rustc))
            .map(|(rustc, cargo)| Toolchain {
                rustc: rustc.clone(),
                cargo: cargo.clone(),
                build_std,
                ambient: false,
            })
    };
    with(has_target, false)
        .or_else(|| with(has_library_source, true))
        .ok_or_else(|| {
            format!(
                "no Rust compiler here can build for {TARGET}: run `make setup`, or `rustup target \
             add {TARGET}`, or install rustc with its library source (Debian: rustc-web \
             cargo-web rust-web-src libstd-rust-web-dev)"
            )
        })
}

fn cargo_beside(rustc: &Path) -> Option<PathBuf> {
    let cargo = rustc.with_file_name("cargo");
    cargo.is_file().then_some(cargo)
}

fn has_target(rustc: &Path) -> bool {
    search::output(rustc, &["--print", "target-libdir", "--target", TARGET]).is_some_and(|folder| {
        !search::in_folder(Path::new(&folder), |name| {
            name.starts_with("libstd-") && name.ends_with(".rlib")
        })
        .is_empty()
    })
}

fn has_library_source(rustc: &Path) -> bool {
    search::output(rustc, &["--print", "sysroot"]).is_some_and(|sysroot| {
        Path::new(&sysroot)
            .join("lib/rustlib/src/rust/library/std/Cargo.toml")
            .is_file()
    })
}

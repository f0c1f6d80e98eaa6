//! The cargo inside cargo: compiles the guest's own workspace for wasm32.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::{env, fs};

use crate::clang::Clang;
use crate::patch;
use crate::toolchain::{TARGET, Toolchain};

/// Bytes of the guest's shadow stack: what C and Rust frames may take together. QuickJS's own
/// limit (guest-sdk/quickjs/src/runtime.rs) lies below, so that JavaScript meets a RangeError. The
/// 64 KiB bring the part of it that every turn uses, the data and the heap behind it into the same
/// 2 MiB of a room's memory: as much as one page of page tables describes.
const STACK_BYTES: u32 = (4 << 20) + (64 << 10);

/// Instructions beyond the first version of WebAssembly; every engine of the last years has them.
const RUST_FEATURES: &str = "+bulk-memory,+simd128,+nontrapping-fptoint,+sign-ext";
const C_FEATURES: &str = "-mbulk-memory -msimd128 -mnontrapping-fptoint -msign-ext";

/// Variables of the outer build that the inner one may see although they begin with `CARGO_`.
const KEPT: [&str; 6] = [
    "CARGO_HOME",
    "CARGO_HTTP_",
    "CARGO_NET_",
    "CARGO_REGISTR",
    "CARGO_SOURCE_",
    "CARGO_MAKEFLAGS",
];

/// Compiles the guest and returns the path of its core module.
pub(crate) fn build(guest: &Path, tools: &Toolchain, clang: &Clang) -> Result<PathBuf, String> {
    let target_dir = target_dir()?;
    let mut command = Command::new(&tools.cargo);
    clean_environment(&mut command, tools);
    command
        .current_dir(guest)
        .args([
            "build",
            "--release",
            "--lib",
            "--locked",
            "--target",
            TARGET,
        ])
        .arg("--target-dir")
        .arg(&target_dir)
        .env("RUSTC", &tools.rustc)
        .env("CC_wasm32_unknown_unknown", this_program()?)
        .env(patch::COMPILER, &clang.clang)
        .env(patch::TAIL, guest.join("c/image.c"))
        .env("AR_wasm32_unknown_unknown", &clang.archiver)
        .env("CFLAGS_wasm32_unknown_unknown", c_flags(guest)?)
        // A path in the flags may have blanks.
        .env("CC_SHELL_ESCAPED_FLAGS", "1")
        .env("CARGO_ENCODED_RUSTFLAGS", rust_flags());
    if let Some(linker) = &clang.linker {
        command.env("CARGO_TARGET_WASM32_UNKNOWN_UNKNOWN_LINKER", linker);
    }
    if tools.build_std {
        command
            .arg("-Zbuild-std=std,panic_abort")
            .env("RUSTC_BOOTSTRAP", "1");
    }
    // Cargo shows a build script's output only when it fails, which is when it is wanted.
    let status = command
        .stdin(Stdio::null())
        .status()
        .map_err(|error| format!("cannot run {}: {error}", tools.cargo.display()))?;
    if !status.success() {
        return Err("the JavaScript guest does not compile; its errors stand above".to_owned());
    }
    Ok(target_dir
        .join(TARGET)
        .join("release/partykit_quickjs.wasm"))
}

/// Stands for the C compiler: see `patch`.
fn this_program() -> Result<PathBuf, String> {
    env::current_exe().map_err(|error| format!("this program does not know its own path: {error}"))
}

fn c_flags(guest: &Path) -> Result<String, String> {
    let include = |name: &str| format!("-include '{}'", guest.join("c").join(name).display());
    // cargo compiles QuickJS again when its flags change, and knows nothing of our files.
    let version = format!("-DPARTYKIT_VERSION={}", patch::version(&guest.join("c"))?);
    Ok(format!(
        "{C_FEATURES} {version} {} {}",
        include("frame.h"),
        include("image.h")
    ))
}

fn rust_flags() -> String {
    let stack = format!("link-arg=-zstack-size={STACK_BYTES}");
    let features = format!("target-feature={RUST_FEATURES}");
    // The stack lies first: running over its end traps instead of writing into data.
    [
        "-C",
        &stack,
        "-C",
        "link-arg=--stack-first",
        "-C",
        &features,
    ]
    .join("\u{1f}")
}

/// Takes away what the outer cargo tells its build scripts and the inner one would misread.
fn clean_environment(command: &mut Command, tools: &Toolchain) {
    for (name, _) in env::vars_os() {
        if name.to_str().is_some_and(|name| leaks(name, tools.ambient)) {
            command.env_remove(&name);
        }
    }
    if !tools.ambient {
        // A cargo calls `rustc` by name here and there: it must find its own.
        let own = tools.rustc.parent().map(Path::to_path_buf);
        let old = env::var_os("PATH").unwrap_or_default();
        let folders = own.into_iter().chain(env::split_paths(&old));
        if let Ok(path) = env::join_paths(folders) {
            command.env("PATH", path);
        }
    }
}

fn leaks(name: &str, ambient: bool) -> bool {
    if KEPT.iter().any(|kept| name.starts_with(kept)) {
        return false;
    }
    let outer_build = [
        "RUSTFLAGS",
        "RUSTDOCFLAGS",
        "RUSTC",
        "RUSTC_WRAPPER",
        "RUSTC_WORKSPACE_WRAPPER",
        "RUSTC_LINKER",
        "RUSTDOC",
        "TARGET",
        "HOST",
        "OUT_DIR",
        "NUM_JOBS",
        "OPT_LEVEL",
        "PROFILE",
        "DEBUG",
        "CFLAGS",
        "CC",
        "AR",
        "__CARGO_DEFAULT_LIB_METADATA",
    ];
    let of_other_toolchain = [
        "RUSTUP_TOOLCHAIN",
        "LD_LIBRARY_PATH",
        "DYLD_FALLBACK_LIBRARY_PATH",
    ];
    name.starts_with("CARGO_")
        || name == "CARGO"
        || name.starts_with("DEP_")
        || outer_build.contains(&name)
        || (!ambient && of_other_toolchain.contains(&name))
}

/// `guest` in the outer target directory, so that it outlives a rebuild of this crate.
fn target_dir() -> Result<PathBuf, String> {
    let out = PathBuf::from(env::var_os("OUT_DIR").unwrap_or_else(|| OsString::from(".")));
    // Cargo marks the root of a target directory with this file.
    let root = out
        .ancestors()
        .find(|folder| folder.join("CACHEDIR.TAG").is_file())
        .or_else(|| out.ancestors().nth(4))
        .ok_or("OUT_DIR lies in no target directory")?;
    let folder = root.join("guest");
    fs::create_dir_all(&folder)
        .map_err(|error| format!("cannot create {}: {error}", folder.display()))?;
    Ok(folder)
}

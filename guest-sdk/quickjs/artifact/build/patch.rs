//! Teaches QuickJS about memory images: a few replacements in its source, made when it is compiled.
//!
//! cargo compiles rquickjs-sys, whose build script calls a C compiler; `nested` names this build
//! script's own program as that compiler. Called so, it hands every file through to clang, but for
//! quickjs.c, of which it compiles a changed copy. Each replacement must fit exactly: another
//! version of QuickJS ends the build with a line that says which no longer does.

use std::ffi::OsString;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::path::{Path, PathBuf};
use std::process::{Command, exit};
use std::{env, fs};

/// Names the real compiler, and with that makes this program stand for it.
pub(crate) const COMPILER: &str = "PARTYKIT_GUEST_CLANG";

/// The file with the end of quickjs.c.
pub(crate) const TAIL: &str = "PARTYKIT_GUEST_TAIL";

const SOURCE: &str = "quickjs.c";
const PATCHED: &str = "quickjs.partykit.c";

/// What is replaced, by what, and how often it must be there. Why: c/image.h.
const REPLACEMENTS: &[(&str, &str, usize)] = &[
    // Counts of the image's objects.
    (
        "#define JS_REF_COUNT(p) (js_rc(p)->ref_count)",
        "#define JS_REF_COUNT(p) (*partykit_count(js_rc(p), &js_rc(p)->ref_count))",
        1,
    ),
    // A shape that is not hashed belongs to one object, also in the image: what its own header
    // says is true, and is what a larger copy of it must begin with.
    (
        "assert(JS_REF_COUNT(p->shape) == 1);",
        "assert(js_rc(p->shape)->ref_count == 1);",
        1,
    ),
    (
        "JS_REF_COUNT(sh) = JS_REF_COUNT(old_sh);",
        "js_rc(sh)->ref_count = js_rc(old_sh)->ref_count;",
        2,
    ),
    // Blocks of the image are not freed: their place would be given to an object of the room.
    (
        "static void js_arena_free(JSRuntime *rt, void *ptr)\n{\n    JSMallocBlockHeader *b;\n\n\
         \x20   if (!ptr)\n        return;",
        "static void js_arena_free(JSRuntime *rt, void *ptr)\n{\n    JSMallocBlockHeader *b;\n\n\
         \x20   if (!ptr || partykit_in_image(ptr))\n        return;",
        1,
    ),
    // What dumps would list: every string was linked to the one made before it, which may be one
    // of the image, and carried the eight bytes of that link. Nobody can ask for a dump.
    ("#define ENABLE_DUMPS", "", 1),
    // The one thing that every turn writes to in the context lies where other such things do.
    ("ctx->interrupt_counter", "partykit_interrupts", 2),
    // A small room uses a dozen sizes of blocks: a page for each of them would be most of it. So
    // what it begins with are a few blocks of each size, and what it goes on with is larger.
    (
        "#define JS_ARENA_SIZE              4096",
        "#define JS_ARENA_SIZE              partykit_arena_bytes(\\\n    \
         list_empty(&rt->arena_state.arena_list[block_size_idx]), block_size)",
        1,
    ),
];

/// A number that changes with the replacements and with the files in `folder`.
///
/// # Errors
/// The files cannot be read.
pub(crate) fn version(folder: &Path) -> Result<u64, String> {
    let unreadable = |error| format!("cannot read {}: {error}", folder.display());
    let mut paths = Vec::new();
    for entry in fs::read_dir(folder).map_err(unreadable)? {
        paths.push(entry.map_err(unreadable)?.path());
    }
    paths.sort();
    let mut hash = DefaultHasher::new();
    REPLACEMENTS.hash(&mut hash);
    for path in paths {
        fs::read(path).map_err(unreadable)?.hash(&mut hash);
    }
    Ok(hash.finish())
}

/// Does the compiler's work when this program was called as one.
pub(crate) fn compile_if_asked() {
    let Some(compiler) = env::var_os(COMPILER) else {
        return;
    };
    let arguments: Result<Vec<OsString>, String> = env::args_os().skip(1).map(patched).collect();
    let status = arguments.and_then(|arguments| {
        let mut command = Command::new(&compiler);
        command.args(arguments).env_remove(COMPILER);
        command
            .status()
            .map_err(|error| format!("cannot run {}: {error}", Path::new(&compiler).display()))
    });
    match status {
        Ok(status) => exit(status.code().unwrap_or(1)),
        Err(reason) => {
            // The compiler's place for what is wrong with a source.
            #[allow(clippy::print_stderr, reason = "as a compiler does")]
            {
                eprintln!("error: {reason}");
            }
            exit(1)
        }
    }
}

/// An argument as the compiler gets it.
fn patched(argument: OsString) -> Result<OsString, String> {
    let path = PathBuf::from(&argument);
    if path.file_name().is_none_or(|name| name != SOURCE) {
        return Ok(argument);
    }
    let unreadable = |error| format!("cannot read {}: {error}", path.display());
    let mut source = fs::read_to_string(&path).map_err(unreadable)?;
    for (before, after, times) in REPLACEMENTS {
        let found = source.matches(before).count();
        if found != *times {
            return Err(format!(
                "{} is not the version that artifact/build/patch.rs knows: it contains {found} \
                 times, instead of {times}:\n{before}",
                path.display()
            ));
        }
        source = source.replace(before, after);
    }
    let tail = env::var(TAIL).map_err(|error| format!("{TAIL}: {error}"))?;
    source.push_str(&format!("\n#include \"{tail}\"\n"));
    let copy = path.with_file_name(PATCHED);
    fs::write(&copy, source)
        .map_err(|error| format!("cannot write {}: {error}", copy.display()))?;
    Ok(copy.into_os_string())
}

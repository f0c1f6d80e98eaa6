//! Which of the functions that can be called through a pointer come first.
//!
//! wasmtime describes each of them in 32 bytes of an instance, in the order in which the module
//! first names them, and fills a description in when its function is first called so. There are
//! 700, and a room calls some sixty: named first, those lie in one page of the instance instead of
//! here and there in six, and the others are never touched. A name that is not in the module is
//! only not first; what a room weighs is measured by the engine's tests.

use wasm_encoder::Encode;
use wasmparser::{KnownCustom, Name, Parser, Payload};

/// Of Rust, whose names carry hashes: parts of them.
const PARTS: &[&str] = &[
    "natives6direct",
    "natives6events",
    "natives7storage",
    "natives11connections",
    "natives6timers",
    "natives6bodies",
    "natives8sections",
    "natives5clock",
    "natives3log",
    "natives3url5parse",
    "VTable9call_impl",
    "class3ffi4call",
    "13RustAllocator",
    "5Write9write_str",
];

/// Of QuickJS.
const NAMES: &[&str] = &[
    "js_Date_now",
    "js_array_finalizer",
    "js_array_isArray",
    "js_array_iterator_next",
    "js_array_push",
    "js_async_function_call",
    "js_async_function_resolve_call",
    "js_async_function_resolve_finalizer",
    "js_bytecode_function_finalizer",
    "js_c_function_finalizer",
    "js_call_c_function",
    "js_call_generator_function",
    "js_create_array_iterator",
    "js_error_constructor",
    "js_error_toString",
    "js_generator_finalizer",
    "js_generator_next",
    "js_iterator_proto_iterator",
    "js_json_parse",
    "js_json_stringify",
    "js_map_constructor",
    "js_map_delete",
    "js_map_finalizer",
    "js_map_forEach",
    "js_map_get",
    "js_map_has",
    "js_map_set",
    "js_math_min_max",
    "js_math_trunc",
    "js_number_constructor",
    "js_object_defineProperty",
    "js_object_entries",
    "js_promise_constructor",
    "js_promise_finalizer",
    "js_promise_resolve",
    "js_promise_resolve_func_free_resolved",
    "js_promise_resolve_function_call",
    "js_promise_resolve_function_finalizer",
    "js_promise_then",
    "js_reflect_apply",
    "js_string_concat",
    "js_string_toWellFormed",
    "js_weakref_constructor",
    "js_weakref_finalizer",
    "promise_reaction_job",
];

/// Indices of the functions that come first, in their order in the module.
pub(crate) fn functions(module: &[u8]) -> Vec<u32> {
    let mut first = Vec::new();
    for payload in Parser::new(0).parse_all(module) {
        let Ok(Payload::CustomSection(section)) = payload else {
            continue;
        };
        let KnownCustom::Name(names) = section.as_known() else {
            continue;
        };
        for subsection in names {
            let Ok(Name::Function(functions)) = subsection else {
                continue;
            };
            let named = functions.into_iter().flatten();
            let wanted = named.filter(|function| is_first(function.name));
            first.extend(wanted.map(|function| function.index));
        }
    }
    first
}

fn is_first(name: &str) -> bool {
    NAMES.contains(&name) || PARTS.iter().any(|part| name.contains(part))
}

/// The contents of an element section with a segment before all others that declares `functions`
/// and puts them nowhere. `None` when it is no element section.
pub(crate) fn declared_first(functions: &[u32], section: &[u8]) -> Option<Vec<u8>> {
    let mut reader = wasmparser::BinaryReader::new(section, 0);
    let count = reader.read_var_u32().ok()?;
    let rest = section.get(reader.current_position()..)?;
    let mut contents = Vec::new();
    (count + 1).encode(&mut contents);
    // A declarative segment of function indices.
    contents.extend([0x03, 0x00]);
    functions.encode(&mut contents);
    contents.extend(rest);
    Some(contents)
}

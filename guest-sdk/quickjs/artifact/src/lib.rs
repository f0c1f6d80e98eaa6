//! The JavaScript guest as bytes: one WebAssembly component with the world `js-room` of wit/, and
//! apart from it what its memory begins with.
//!
//! The build script compiles guest-sdk/quickjs for wasm32 with whatever toolchain the machine has
//! (or takes the core module that `PARTYKIT_GUEST_WASM` names), takes its data segments out, and
//! this crate hands out the result. It knows nothing of how a component is run.

/// The component, the same bytes for every room of every project. It has no data segments: it
/// works only on a memory that holds [`MEMORY`].
pub const COMPONENT: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/guest.component.wasm"));

/// The same component with its data segments, for whoever runs it without images.
pub const WHOLE_COMPONENT: &[u8] =
    include_bytes!(concat!(env!("OUT_DIR"), "/guest.whole.component.wasm"));

/// What the memory of a new instance must hold at [`MEMORY_OFFSET`]; it is zero elsewhere.
pub const MEMORY: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/guest.memory"));

/// Where in memory [`MEMORY`] begins.
pub const MEMORY_OFFSET: usize = decimal(include_bytes!(concat!(
    env!("OUT_DIR"),
    "/guest.memory.offset"
)));

/// A number written by the build script, with a line break behind it.
const fn decimal(text: &[u8]) -> usize {
    let mut number = 0;
    let mut at = 0;
    while at + 1 < text.len() {
        number = number * 10 + (text[at] - b'0') as usize;
        at += 1;
    }
    number
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_artifact_is_a_component_and_not_a_core_module() {
        assert_eq!(&COMPONENT[..4], b"\0asm");
        assert_eq!(&COMPONENT[4..8], &[0x0d, 0, 1, 0]);
    }

    #[test]
    fn memory_begins_behind_the_stack() {
        assert_eq!(decimal(b"1048576\n"), 1 << 20);
        // The stack lies first (artifact/build/nested.rs); running over its end must not meet data.
        const { assert!(MEMORY_OFFSET >= 4 << 20) }
        const { assert!(!MEMORY.is_empty()) }
    }
}

//! The JavaScript guest as bytes: one WebAssembly component with the world `js-room` of wit/.
//!
//! The build script compiles guest-sdk/quickjs for wasm32 with whatever toolchain the machine has
//! (or takes the component that `PARTYKIT_GUEST_WASM` names) and this crate hands out the result.
//! It knows nothing of how a component is run.

/// The component, the same bytes for every room of every project.
pub const COMPONENT: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/guest.component.wasm"));

#[cfg(test)]
mod tests {
    use super::COMPONENT;

    #[test]
    fn the_artifact_is_a_component_and_not_a_core_module() {
        assert_eq!(&COMPONENT[..4], b"\0asm");
        assert_eq!(&COMPONENT[4..8], &[0x0d, 0, 1, 0]);
    }
}

// The natives that the Rust side of the guest made, for the platform's modules only.
//
// They arrive on a global that is deleted here, before any code of the user is evaluated; the
// bundle cannot import this module (guest-sdk/quickjs/src/modules.rs).

const holder = /** @type {{ __partykitNative?: unknown }} */ (globalThis);

// Its type stands in native.d.ts.
export const native = holder.__partykitNative;

delete holder.__partykitNative;

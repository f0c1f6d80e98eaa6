//! What is done last before a memory becomes the image that rooms begin with: what nobody needs is
//! collected, and from then on the image is only read, as far as that is in our hands (c/image.h,
//! c/image.c, `memory`). Outside wasm there are no images.

use rquickjs::Ctx;

/// To be called once, when the code is evaluated and its jobs are done.
pub(crate) fn seal(ctx: &Ctx<'_>) {
    ctx.run_gc();
    #[cfg(target_arch = "wasm32")]
    image::seal(ctx);
}

#[cfg(target_arch = "wasm32")]
mod image {
    #![allow(unsafe_code, reason = "a function of ours at the end of quickjs.c")]

    use rquickjs::{Ctx, qjs};

    use crate::memory;

    unsafe extern "C" {
        /// c/image.c.
        fn partykit_seal(runtime: *mut qjs::JSRuntime);
    }

    pub(super) fn seal(ctx: &Ctx<'_>) {
        // SAFETY: the runtime is that of a living context, and nothing of the engine is running.
        unsafe { partykit_seal(qjs::JS_GetRuntime(ctx.as_raw().as_ptr())) }
        memory::seal();
    }
}

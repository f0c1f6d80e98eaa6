//! What is done last before a memory becomes the image that rooms begin with.
//!
//! A room's memory is the image, copied page by page where the room writes. QuickJS's cycle
//! collector writes into the header of every object that is on its list: one collection would
//! copy nearly the whole image for each room. So the objects of the image are taken off that list.
//! They are then never collected, only counted: one that a room lets go of is freed as always, a
//! cycle of them stays. To the collector they are what it calls "referenced from outside", and so
//! is everything they refer to.

#![allow(unsafe_code, reason = "the engine has no function for it")]

use std::ptr::NonNull;

use rquickjs::{Ctx, Exception, Result, qjs};

/// An element of the engine's doubly linked lists, and the head of one (list.h). Every object of
/// the collector's begins with one.
#[repr(C)]
struct Link {
    prev: NonNull<Link>,
    next: NonNull<Link>,
}

/// The head of the collector's list lies in the runtime, within so many bytes of its beginning.
const RUNTIME_BYTES_MAX: usize = 4096;

/// Collects what the image need not hold, and takes the rest off the collector's list. To be
/// called once, when the code is evaluated and its jobs are done.
pub(crate) fn seal(ctx: &Ctx<'_>) -> Result<()> {
    ctx.run_gc();
    set_aside(ctx)
}

fn set_aside(ctx: &Ctx<'_>) -> Result<()> {
    let newest = rquickjs::Object::new(ctx.clone())?;
    // SAFETY: the payload of an object is a pointer to it, and an object begins with its link; the
    // context is alive.
    let (newest, runtime) = unsafe {
        let object = qjs::JS_VALUE_GET_PTR(newest.as_raw()).cast::<Link>();
        (object, qjs::JS_GetRuntime(ctx.as_raw().as_ptr()).addr())
    };
    // SAFETY: the object is alive and on the list, whose elements are all alive. New ones are put
    // at the end, so behind this one comes the head.
    let head = unsafe { (*newest).next };
    let offset = head.addr().get().wrapping_sub(runtime);
    // SAFETY: whatever is linked is a link.
    let closed = unsafe { head.as_ref().prev.as_ptr() == newest };
    if offset >= RUNTIME_BYTES_MAX || !closed {
        return Err(Exception::throw_internal(
            ctx,
            "the collector's list is not where it should be",
        ));
    }
    let aside: NonNull<Link> = NonNull::from(Box::leak(Box::new(Link {
        prev: head,
        next: head,
    })));
    // SAFETY: as above; no collection runs. The list becomes that of `aside`, which lives for
    // ever, and the collector's own is empty. An object that is freed later takes itself off
    // whichever list it is on.
    unsafe {
        let (mut first, mut last) = (head.as_ref().next, head.as_ref().prev);
        *aside.as_ptr() = Link {
            prev: last,
            next: first,
        };
        first.as_mut().prev = aside;
        last.as_mut().next = aside;
        *head.as_ptr() = Link {
            prev: head,
            next: head,
        };
    }
    Ok(())
}

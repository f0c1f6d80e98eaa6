//! The guest's heap: one before there is an image, another one behind it.
//!
//! What a room allocates must lie apart from the image: a block of the image that was free would
//! make a whole page of it private, and c/image.h tells the image's objects by their address. So
//! [`seal`] ends the first heap. Its blocks stay where they are; one that is freed is forgotten,
//! one that grows is copied into the second heap.

#![allow(unsafe_code, reason = "the allocator, and names that C code knows")]

use std::alloc::{GlobalAlloc, Layout};
use std::cell::UnsafeCell;
use std::ptr;

use dlmalloc::Dlmalloc;

/// Of the second heap, made with the image: rooms that need no more never ask the host for memory.
const FIRST_BYTES: usize = 192 << 10;

/// Where the image ends; 0 before there is one. C reads it (c/image.h).
#[unsafe(no_mangle)]
static mut partykit_image_end: usize = 0;

/// The count of every object of the image (c/image.h). Far from 1 and from overflowing.
#[unsafe(no_mangle)]
static mut partykit_image_count: i32 = 1 << 30;

/// Counts down to the engine's next question whether to go on (c/image.h), of which there is none
/// here: the host interrupts. Not zero at first, so that it lies with the other statics that are
/// written to.
#[unsafe(no_mangle)]
static mut partykit_interrupts: i32 = 1;

struct Heaps(UnsafeCell<[Dlmalloc; 2]>);

// SAFETY: there are no threads in a guest.
unsafe impl Sync for Heaps {}

static HEAPS: Heaps = Heaps(UnsafeCell::new([Dlmalloc::new(), Dlmalloc::new()]));

struct Allocator;

#[global_allocator]
static ALLOCATOR: Allocator = Allocator;

/// Where the image ends.
fn image_end() -> usize {
    // SAFETY: a number that is written once, by `seal`, on the only thread.
    unsafe { partykit_image_end }
}

/// The heap that is allocated from.
#[allow(
    clippy::mut_from_ref,
    reason = "one thread, and no call leaves a reference behind"
)]
fn heap() -> &'static mut Dlmalloc {
    let index = usize::from(image_end() != 0);
    // SAFETY: one thread; the callers use the reference for one call of the allocator's, which
    // calls nothing of ours back. The index is 0 or 1.
    unsafe { (*HEAPS.0.get()).get_unchecked_mut(index) }
}

fn in_image(block: *mut u8) -> bool {
    block.addr() < image_end()
}

// SAFETY: Dlmalloc keeps the promises of an allocator; blocks of the first heap are only read once
// the second one is used.
unsafe impl GlobalAlloc for Allocator {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        // SAFETY: as the caller promises.
        unsafe { heap().malloc(layout.size(), layout.align()) }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        // SAFETY: as the caller promises.
        unsafe { heap().calloc(layout.size(), layout.align()) }
    }

    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        if !in_image(block) {
            // SAFETY: as the caller promises, and it came from the heap that is used now.
            unsafe { heap().free(block, layout.size(), layout.align()) }
        }
    }

    unsafe fn realloc(&self, block: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        if !in_image(block) {
            // SAFETY: as the caller promises, and it came from the heap that is used now.
            return unsafe { heap().realloc(block, layout.size(), layout.align(), size) };
        }
        // SAFETY: the new block is as large as what is copied; the old one is left to the image.
        unsafe {
            let copy = heap().malloc(size, layout.align());
            if !copy.is_null() {
                ptr::copy_nonoverlapping(block, copy, layout.size().min(size));
            }
            copy
        }
    }
}

/// From now on everything is allocated behind what there is.
pub(crate) fn seal() {
    let end = core::arch::wasm32::memory_size(0) * (64 << 10);
    // SAFETY: one thread; see `image_end`. The block is freed as it was made.
    unsafe {
        partykit_image_end = end;
        let first = heap().malloc(FIRST_BYTES, 8);
        // Code that has used up its memory leaves none to begin with; that is seen when it is used.
        if !first.is_null() {
            heap().free(first, FIRST_BYTES, 8);
        }
    }
}

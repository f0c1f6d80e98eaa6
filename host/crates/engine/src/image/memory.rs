//! The memory of one guest: a reservation of address space, its beginning filled with an image,
//! the rest made usable as the guest grows.

#![allow(
    unsafe_code,
    reason = "implements wasm memory on the system's mappings"
)]

use std::ffi::c_void;
use std::io;
use std::ptr::NonNull;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use rustix::mm::{MapFlags, MprotectFlags, ProtFlags, mmap_anonymous, mprotect, munmap};
use wasmtime::LinearMemory;

use super::Image;

/// A guest's memory begins where a page of page tables does: what lies together in it is then
/// described by as few of them as can be.
const ALIGNMENT: usize = 2 << 20;

/// Address space that belongs to one guest until it is dropped.
struct Reservation {
    mapped: NonNull<c_void>,
    mapped_bytes: usize,
    /// Within what is mapped, aligned.
    base: NonNull<u8>,
    bytes: usize,
}

// SAFETY: it is a stretch of addresses; who may touch what lies there is decided by its owner.
unsafe impl Send for Reservation {}
// SAFETY: as above.
unsafe impl Sync for Reservation {}

impl Reservation {
    fn new(bytes: usize) -> io::Result<Self> {
        let mapped_bytes = bytes + ALIGNMENT;
        let flags = MapFlags::PRIVATE | MapFlags::NORESERVE;
        let access = ProtFlags::empty();
        // SAFETY: a mapping at an address that the system chooses replaces nothing.
        let mapped = unsafe { mmap_anonymous(std::ptr::null_mut(), mapped_bytes, access, flags)? };
        let mapped = NonNull::new(mapped).ok_or(io::ErrorKind::OutOfMemory)?;
        let skipped = mapped.addr().get().next_multiple_of(ALIGNMENT) - mapped.addr().get();
        // SAFETY: less than ALIGNMENT is skipped, so that all of `bytes` still lie in the mapping.
        let base = unsafe { mapped.cast::<u8>().add(skipped) };
        Ok(Self {
            mapped,
            mapped_bytes,
            base,
            bytes,
        })
    }

    /// Makes everything from `from` to `to` readable and writable.
    fn open(&self, from: usize, to: usize) -> io::Result<()> {
        if from == to {
            return Ok(());
        }
        assert!(from < to && to <= self.bytes, "the stretch is reserved");
        let access = MprotectFlags::READ | MprotectFlags::WRITE;
        // SAFETY: the stretch lies within this reservation, whose users know that it may grow.
        unsafe { mprotect(self.at(from), to - from, access)? };
        Ok(())
    }

    fn at(&self, offset: usize) -> *mut c_void {
        // SAFETY: every caller has checked that the offset is within the reservation.
        unsafe { self.base.as_ptr().add(offset).cast() }
    }
}

impl Drop for Reservation {
    fn drop(&mut self) {
        // SAFETY: the mapping is this reservation's own, and nobody has it any more.
        let _ = unsafe { munmap(self.mapped.as_ptr(), self.mapped_bytes) };
    }
}

/// What wasmtime uses as a guest's memory.
pub(super) struct GuestMemory {
    place: Arc<Place>,
    /// How far the guest may grow without moving.
    capacity: usize,
}

/// Where a memory is and how large.
struct Place {
    reservation: Reservation,
    size: AtomicUsize,
}

impl GuestMemory {
    /// A memory that begins with `image` and is zero up to `minimum`, with `capacity` bytes to
    /// grow into and `guard` bytes behind that nothing can touch.
    ///
    /// # Errors
    /// The system has no address space, memory or mappings left.
    pub(super) fn new(
        image: &Image,
        minimum: usize,
        capacity: usize,
        guard: usize,
    ) -> io::Result<Self> {
        let size = image.len().max(minimum);
        if size > capacity {
            return Err(io::ErrorKind::OutOfMemory.into());
        }
        let reservation = Reservation::new(capacity + guard)?;
        // SAFETY: the reservation is new, and the image fits into it.
        unsafe { image.map(reservation.base)? };
        reservation.open(image.len(), size)?;
        Ok(Self {
            place: Arc::new(Place {
                reservation,
                size: AtomicUsize::new(size),
            }),
            capacity,
        })
    }

    pub(super) fn view(&self) -> MemoryView {
        MemoryView(self.place.clone())
    }
}

// SAFETY: the pages below `byte_size` are mapped for as long as this lives, never move, and are
// nobody else's; those behind it are mapped without access.
unsafe impl LinearMemory for GuestMemory {
    fn byte_size(&self) -> usize {
        self.place.size.load(Ordering::Relaxed)
    }

    fn byte_capacity(&self) -> usize {
        self.capacity
    }

    fn grow_to(&mut self, size: usize) -> wasmtime::Result<()> {
        self.place.reservation.open(self.byte_size(), size)?;
        self.place.size.store(size, Ordering::Relaxed);
        Ok(())
    }

    fn as_ptr(&self) -> *mut u8 {
        self.place.reservation.base.as_ptr()
    }
}

/// A look at a guest's memory from outside, for whoever makes an image of it.
pub(crate) struct MemoryView(Arc<Place>);

impl MemoryView {
    /// Bytes of the memory.
    pub(crate) fn len(&self) -> usize {
        self.0.size.load(Ordering::Relaxed)
    }

    /// Looks at the memory. Whoever calls has the guest's store and does not run it meanwhile,
    /// which is why this wants to see it.
    pub(crate) fn look<S, R>(
        &self,
        _idle: &mut wasmtime::Store<S>,
        look: impl FnOnce(&[u8]) -> R,
    ) -> R {
        let base = self.0.reservation.base.as_ptr();
        // SAFETY: the stretch is mapped and readable for as long as the view lives. Nothing writes
        // to it but the guest and what runs on its behalf, all of which need the store.
        look(unsafe { std::slice::from_raw_parts(base, self.len()) })
    }
}

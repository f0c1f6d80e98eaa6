//! The bytes of an image, and how a guest gets them.
//!
//! On Linux they lie in a sealed file that exists in memory only, and each guest maps it privately:
//! a page is shared by all of them until one writes to it. Everywhere else, and where the system
//! refuses such a file, they are copied into each guest: slower and larger, otherwise the same.

#![allow(
    unsafe_code,
    reason = "maps memory at addresses that this crate reserved"
)]

use std::ffi::c_void;
use std::io;
use std::ptr::NonNull;
#[cfg(target_os = "linux")]
use std::{fs::File, os::unix::fs::FileExt};

#[cfg(target_os = "linux")]
use rustix::fs::{MemfdFlags, SealFlags, fcntl_add_seals, memfd_create};
use rustix::mm::{MapFlags, MprotectFlags, ProtFlags, mmap, mprotect};

/// Pages of a wasm memory: what its size is counted in, and a multiple of every system's own.
const WASM_PAGE_BYTES: usize = 64 << 10;

/// What a memory begins with.
pub(crate) struct Image {
    bytes: Bytes,
    /// Whole wasm pages.
    len: usize,
}

enum Bytes {
    #[cfg(target_os = "linux")]
    Shared(File),
    /// What is behind the end of these is zero.
    Copied(Box<[u8]>),
}

impl Image {
    /// Keeps `bytes` of a memory that holds zeros everywhere before `offset` and behind them.
    /// `copied` forbids sharing, for tests.
    ///
    /// # Errors
    /// The system has no memory for it.
    pub(crate) fn new(offset: usize, bytes: &[u8], copied: bool) -> io::Result<Self> {
        let len = (offset + bytes.len()).next_multiple_of(WASM_PAGE_BYTES);
        #[cfg(target_os = "linux")]
        if !copied {
            match shared(offset, bytes, len) {
                Ok(file) => {
                    return Ok(Self {
                        bytes: Bytes::Shared(file),
                        len,
                    });
                }
                // No such call, or a sandbox that forbids it.
                Err(error) if error.kind() == io::ErrorKind::Unsupported => {}
                Err(error) if error.kind() == io::ErrorKind::PermissionDenied => {}
                Err(error) => return Err(error),
            }
        }
        let _ = copied;
        let mut all = vec![0; offset + bytes.len()];
        all[offset..].copy_from_slice(bytes);
        Ok(Self {
            bytes: Bytes::Copied(all.into()),
            len,
        })
    }

    /// Bytes of memory that it fills.
    pub(crate) fn len(&self) -> usize {
        self.len
    }

    /// Makes the `self.len()` bytes at `base` readable and writable, with the image in them.
    ///
    /// # Errors
    /// The system has no memory or no mappings left.
    ///
    /// # Safety
    /// That stretch is a mapping of the caller's that holds zeros and that nobody uses.
    pub(crate) unsafe fn map(&self, base: NonNull<u8>) -> io::Result<()> {
        if self.len == 0 {
            return Ok(());
        }
        let base: *mut c_void = base.as_ptr().cast();
        match &self.bytes {
            #[cfg(target_os = "linux")]
            Bytes::Shared(file) => {
                let access = ProtFlags::READ | ProtFlags::WRITE;
                let how = MapFlags::PRIVATE | MapFlags::FIXED | MapFlags::NORESERVE;
                // SAFETY: as promised by the caller, whose mapping is replaced.
                unsafe { mmap(base, self.len, access, how, file, 0)? };
            }
            Bytes::Copied(bytes) => {
                let access = MprotectFlags::READ | MprotectFlags::WRITE;
                // SAFETY: as promised by the caller; the stretch is writable when it is copied to.
                unsafe {
                    mprotect(base, self.len, access)?;
                    std::ptr::copy_nonoverlapping(bytes.as_ptr(), base.cast(), bytes.len());
                }
            }
        }
        Ok(())
    }
}

/// A file in memory that nobody can change any more. Pages of zeros take no space in it.
#[cfg(target_os = "linux")]
fn shared(offset: usize, bytes: &[u8], len: usize) -> io::Result<File> {
    let flags = MemfdFlags::CLOEXEC | MemfdFlags::ALLOW_SEALING;
    let file = File::from(memfd_create("partykit-image", flags)?);
    file.set_len(len as u64)?;
    let page = rustix::param::page_size();
    let mut at = 0;
    while at < bytes.len() {
        // Pieces end where pages of the file do.
        let end = (((offset + at) / page + 1) * page - offset).min(bytes.len());
        let piece = &bytes[at..end];
        if piece.iter().any(|byte| *byte != 0) {
            file.write_all_at(piece, (offset + at) as u64)?;
        }
        at = end;
    }
    let seals = SealFlags::WRITE | SealFlags::GROW | SealFlags::SHRINK | SealFlags::SEAL;
    fcntl_add_seals(&file, seals)?;
    Ok(file)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A private copy of what a guest would see, by mapping the image twice and writing to one.
    fn two_views(image: &Image) -> (Vec<u8>, Vec<u8>) {
        let map = || {
            let flags = MapFlags::PRIVATE | MapFlags::NORESERVE;
            // SAFETY: a new mapping, larger than the image.
            let base = unsafe {
                rustix::mm::mmap_anonymous(
                    std::ptr::null_mut(),
                    image.len() + (1 << 20),
                    ProtFlags::empty(),
                    flags,
                )
            };
            let base = NonNull::new(base.unwrap().cast::<u8>()).unwrap();
            // SAFETY: as above.
            unsafe { image.map(base).unwrap() };
            base
        };
        let (one, two) = (map(), map());
        // SAFETY: both are mapped, of that size, and used here alone; they are left to the process.
        unsafe {
            one.as_ptr().write(7);
            let look =
                |base: NonNull<u8>| std::slice::from_raw_parts(base.as_ptr(), image.len()).to_vec();
            (look(one), look(two))
        }
    }

    #[test]
    fn what_is_put_in_comes_out_and_guests_do_not_see_each_other() {
        let bytes: Vec<u8> = (0..100_000u32).map(|n| n as u8 | 1).collect();
        for copied in [false, true] {
            let image = Image::new(70_000, &bytes, copied).unwrap();
            assert_eq!(image.len(), 3 * WASM_PAGE_BYTES);
            let (written, other) = two_views(&image);
            assert_eq!(written[0], 7);
            assert_eq!(other[0], 0);
            for view in [written, other] {
                assert!(view[1..70_000].iter().all(|byte| *byte == 0));
                assert_eq!(view[70_000..170_000], bytes);
                assert!(view[170_000..].iter().all(|byte| *byte == 0));
            }
        }
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn the_file_cannot_be_written_to_and_holds_no_zeros() {
        use std::os::unix::fs::MetadataExt;
        let mut bytes = vec![0; 1 << 20];
        bytes[500_000] = 1;
        let image = Image::new(0, &bytes, false).unwrap();
        let Bytes::Shared(file) = &image.bytes else {
            panic!("not shared")
        };
        assert!(file.write_all_at(b"x", 0).is_err());
        assert!(file.set_len(0).is_err());
        assert!(file.metadata().unwrap().blocks() * 512 <= 64 << 10);
    }
}

//! Sees every write and sync that this process makes through the C library, whoever makes it, and
//! can let a sync fail. No external tool: the test binary defines these functions itself, so the
//! standard library's and sled's calls arrive here, and passes them on to the kernel.
#![allow(
    unsafe_code,
    reason = "the C library's functions can only be replaced by unsafe ones"
)]

use std::ffi::{c_int, c_uint, c_void};
use std::path::{Path, PathBuf};
use std::sync::Mutex;

/// What was called on which file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Call {
    pub(crate) what: What,
    pub(crate) file: PathBuf,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum What {
    Write,
    /// `fdatasync`
    SyncData,
    /// `fsync`
    SyncAll,
    /// `sync_file_range`, which makes nothing durable.
    SyncRange,
}

static CALLS: Mutex<Vec<Call>> = Mutex::new(Vec::new());
static FAILING: Mutex<Vec<PathBuf>> = Mutex::new(Vec::new());

/// Takes the calls on files below a directory since the last time.
pub(crate) fn take(dir: &Path) -> Vec<Call> {
    let dir = dir.canonicalize().unwrap();
    let mut calls = CALLS.lock().unwrap();
    let (ours, others) = calls
        .drain(..)
        .partition(|call| call.file.starts_with(&dir));
    *calls = others;
    ours
}

/// The next `fdatasync` of this file fails with EIO.
pub(crate) fn fail_next_sync(file: &Path) {
    FAILING.lock().unwrap().push(file.canonicalize().unwrap());
}

fn record(fd: c_int, what: What) -> Option<PathBuf> {
    let file = std::fs::read_link(format!("/proc/self/fd/{fd}")).ok()?;
    if let Ok(mut calls) = CALLS.lock() {
        calls.push(Call {
            what,
            file: file.clone(),
        });
    }
    Some(file)
}

fn is_to_fail(file: Option<PathBuf>) -> bool {
    let (Some(file), Ok(mut failing)) = (file, FAILING.lock()) else {
        return false;
    };
    let found = failing.iter().position(|wanted| *wanted == file);
    found.map(|index| failing.swap_remove(index)).is_some()
}

#[unsafe(no_mangle)]
extern "C" fn fdatasync(fd: c_int) -> c_int {
    if is_to_fail(record(fd, What::SyncData)) {
        // SAFETY: the C library returns a valid pointer to this thread's errno.
        unsafe { *libc::__errno_location() = libc::EIO };
        return -1;
    }
    // SAFETY: the kernel checks the descriptor; no memory is involved.
    unsafe { libc::syscall(libc::SYS_fdatasync, fd) as c_int }
}

#[unsafe(no_mangle)]
extern "C" fn fsync(fd: c_int) -> c_int {
    record(fd, What::SyncAll);
    // SAFETY: as above.
    unsafe { libc::syscall(libc::SYS_fsync, fd) as c_int }
}

#[unsafe(no_mangle)]
extern "C" fn sync_file_range(fd: c_int, offset: i64, len: i64, flags: c_uint) -> c_int {
    record(fd, What::SyncRange);
    // SAFETY: as above.
    unsafe { libc::syscall(libc::SYS_sync_file_range, fd, offset, len, flags) as c_int }
}

/// # Safety
/// As of the C library: `from` must point to `len` readable bytes.
#[unsafe(no_mangle)]
unsafe extern "C" fn pwrite64(fd: c_int, from: *const c_void, len: usize, at: i64) -> isize {
    record(fd, What::Write);
    // SAFETY: the caller's promise is passed on with its arguments.
    unsafe { libc::syscall(libc::SYS_pwrite64, fd, from, len, at) as isize }
}

//! Sees what this process does to files through the C library, whoever does it, and can let calls
//! fail. No external tool: the test binary defines these functions itself, so the calls of the
//! standard library, of sled and of SQLite arrive here, and passes them on to the kernel.
//!
//! Two things are kept: the calls alone, for tests that look at their order, and below folders
//! that are watched everything that is needed to rebuild the files (`trace`).
#![allow(
    unsafe_code,
    reason = "the C library's functions can only be replaced by unsafe ones"
)]

use std::ffi::{CStr, OsStr, c_char, c_int, c_uint, c_void};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};

use crate::trace::{self, Change, FileId};

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

impl What {
    pub(crate) fn is_sync(self) -> bool {
        matches!(self, Self::SyncData | Self::SyncAll)
    }
}

/// What is to fail: calls of one kind on files whose path ends in some way.
#[derive(Debug, Clone)]
pub(crate) struct Failure {
    pub(crate) call: Failing,
    pub(crate) file: PathBuf,
    pub(crate) errno: c_int,
    /// How many more times; for ever when none.
    pub(crate) times: Option<u32>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Failing {
    Sync,
    Write,
    /// Opening for writing, and making files and folders.
    OpenToWrite,
}

static CALLS: Mutex<Vec<Call>> = Mutex::new(Vec::new());
static FAILURES: Mutex<Vec<Failure>> = Mutex::new(Vec::new());

/// How many bytes are read below each folder that is counted.
static READS: Mutex<Vec<(PathBuf, u64)>> = Mutex::new(Vec::new());
/// Most tests count nothing, and should not pay for it.
static COUNTING: AtomicBool = AtomicBool::new(false);

/// Counts what is read from files below a folder while it lives.
pub(crate) struct Reads {
    root: PathBuf,
}

impl Reads {
    pub(crate) fn of(root: &Path) -> Self {
        let root = root.canonicalize().unwrap();
        READS.lock().unwrap().push((root.clone(), 0));
        COUNTING.store(true, Ordering::SeqCst);
        Self { root }
    }

    /// Bytes since the last time.
    pub(crate) fn take(&self) -> u64 {
        let mut reads = READS.lock().unwrap();
        let found = reads.iter_mut().find(|(root, _)| *root == self.root);
        std::mem::take(&mut found.unwrap().1)
    }
}

impl Drop for Reads {
    fn drop(&mut self) {
        let mut reads = READS.lock().unwrap();
        reads.retain(|(root, _)| *root != self.root);
        COUNTING.store(!reads.is_empty(), Ordering::SeqCst);
    }
}

fn count_read(fd: c_int, done: isize) -> isize {
    if COUNTING.load(Ordering::SeqCst)
        && let Ok(bytes) = u64::try_from(done)
        && let Some(file) = path_of(fd)
        && let Ok(mut reads) = READS.lock()
        && let Some((_, count)) = reads.iter_mut().find(|(root, _)| file.starts_with(root))
    {
        *count += bytes;
    }
    done
}

/// # Safety
/// As of the C library: `into` must point to `len` writable bytes.
#[unsafe(no_mangle)]
unsafe extern "C" fn read(fd: c_int, into: *mut c_void, len: usize) -> isize {
    // SAFETY: the caller's promise is passed on with its arguments.
    let done = unsafe { libc::syscall(libc::SYS_read, fd, into, len) as isize };
    count_read(fd, done)
}

/// # Safety
/// As of the C library: `into` must point to `len` writable bytes.
#[unsafe(no_mangle)]
unsafe extern "C" fn pread64(fd: c_int, into: *mut c_void, len: usize, at: i64) -> isize {
    // SAFETY: the caller's promise is passed on with its arguments.
    let done = unsafe { libc::syscall(libc::SYS_pread64, fd, into, len, at) as isize };
    count_read(fd, done)
}

/// # Safety
/// As of the C library: `into` must point to `len` writable bytes.
#[unsafe(no_mangle)]
unsafe extern "C" fn pread(fd: c_int, into: *mut c_void, len: usize, at: i64) -> isize {
    // SAFETY: as above.
    unsafe { pread64(fd, into, len, at) }
}

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

/// From now on such calls fail.
pub(crate) fn fail(failure: Failure) {
    FAILURES.lock().unwrap().push(failure);
}

/// Calls on files below this directory succeed again.
pub(crate) fn mend(dir: &Path) {
    let mut failures = FAILURES.lock().unwrap();
    failures.retain(|failure| !failure.file.starts_with(dir));
}

/// The next sync of this file fails with EIO.
pub(crate) fn fail_next_sync(file: &Path) {
    fail(Failure {
        call: Failing::Sync,
        file: file.canonicalize().unwrap(),
        errno: libc::EIO,
        times: Some(1),
    });
}

/// The error that a call is to have: for a file, or for everything below a folder.
fn planned(call: Failing, file: &Path) -> Option<c_int> {
    let mut failures = FAILURES.lock().ok()?;
    let index = failures.iter().position(|failure| {
        failure.call == call && file.starts_with(&failure.file) && failure.times != Some(0)
    })?;
    let failure = failures.get_mut(index)?;
    failure.times = failure.times.map(|times| times - 1);
    Some(failure.errno)
}

fn fails_with(errno: c_int) -> c_int {
    // SAFETY: the C library returns a valid pointer to this thread's errno.
    unsafe { *libc::__errno_location() = errno };
    -1
}

fn path_of(fd: c_int) -> Option<PathBuf> {
    std::fs::read_link(format!("/proc/self/fd/{fd}")).ok()
}

fn record(file: Option<&PathBuf>, what: What) {
    if let (Some(file), Ok(mut calls)) = (file, CALLS.lock()) {
        calls.push(Call {
            what,
            file: file.clone(),
        });
    }
}

/// An absolute path; ours are all given so, and others do not matter.
///
/// # Safety
/// As of the C library: `path` must point to a string that ends.
unsafe fn given<'a>(path: *const c_char) -> &'a Path {
    // SAFETY: the caller's promise is passed on.
    let path = unsafe { CStr::from_ptr(path) };
    Path::new(OsStr::from_bytes(path.to_bytes()))
}

fn sync(fd: c_int, number: i64, what: What) -> c_int {
    let file = path_of(fd);
    record(file.as_ref(), what);
    if let Some(errno) = file
        .as_deref()
        .and_then(|file| planned(Failing::Sync, file))
    {
        return fails_with(errno);
    }
    let begun = file
        .as_deref()
        .and_then(|file| trace::sync_begins(file, fd));
    // SAFETY: the kernel checks the descriptor; no memory is involved.
    let done = unsafe { libc::syscall(number, fd) as c_int };
    if let Some(begun) = begun
        && done == 0
    {
        trace::sync_ends(begun);
    }
    done
}

#[unsafe(no_mangle)]
extern "C" fn fdatasync(fd: c_int) -> c_int {
    sync(fd, libc::SYS_fdatasync, What::SyncData)
}

#[unsafe(no_mangle)]
extern "C" fn fsync(fd: c_int) -> c_int {
    sync(fd, libc::SYS_fsync, What::SyncAll)
}

#[unsafe(no_mangle)]
extern "C" fn sync_file_range(fd: c_int, offset: i64, len: i64, flags: c_uint) -> c_int {
    record(path_of(fd).as_ref(), What::SyncRange);
    // SAFETY: as above.
    unsafe { libc::syscall(libc::SYS_sync_file_range, fd, offset, len, flags) as c_int }
}

/// Passes a write on and notes what has arrived.
///
/// # Safety
/// `from` must point to `len` readable bytes.
unsafe fn written(
    fd: c_int,
    from: *const c_void,
    at: impl FnOnce() -> i64,
    call: impl FnOnce() -> isize,
    len: usize,
) -> isize {
    // The terminal and the like have no place in a file.
    let file = path_of(fd).filter(|file| file.is_absolute());
    if let Some(errno) = file
        .as_deref()
        .and_then(|file| planned(Failing::Write, file))
    {
        return fails_with(errno) as isize;
    }
    record(file.as_ref(), What::Write);
    let at = at();
    let done = call();
    if let Some(file) = file
        && let Ok(done) = usize::try_from(done)
        && trace::is_watched(&file)
    {
        // SAFETY: the caller promises `len` bytes, and no call writes more than it was given.
        let bytes = unsafe { std::slice::from_raw_parts(from.cast::<u8>(), done.min(len)) };
        let at = at as u64;
        let bytes = bytes.to_vec();
        trace::change(&file, FileId::of(fd), Change::Write { at, bytes });
    }
    done
}

/// # Safety
/// As of the C library: `from` must point to `len` readable bytes.
#[unsafe(no_mangle)]
unsafe extern "C" fn pwrite64(fd: c_int, from: *const c_void, len: usize, at: i64) -> isize {
    // SAFETY: the caller's promise is passed on with its arguments.
    let call = || unsafe { libc::syscall(libc::SYS_pwrite64, fd, from, len, at) as isize };
    // SAFETY: as above.
    unsafe { written(fd, from, || at, call, len) }
}

/// # Safety
/// As of the C library: `from` must point to `len` readable bytes.
#[unsafe(no_mangle)]
unsafe extern "C" fn pwrite(fd: c_int, from: *const c_void, len: usize, at: i64) -> isize {
    // SAFETY: as above.
    unsafe { pwrite64(fd, from, len, at) }
}

/// # Safety
/// As of the C library: `from` must point to `len` readable bytes.
#[unsafe(no_mangle)]
unsafe extern "C" fn write(fd: c_int, from: *const c_void, len: usize) -> isize {
    // SAFETY: the kernel checks the descriptor; no memory is involved.
    let at = || unsafe { libc::syscall(libc::SYS_lseek, fd, 0, libc::SEEK_CUR) };
    // SAFETY: the caller's promise is passed on with its arguments.
    let call = || unsafe { libc::syscall(libc::SYS_write, fd, from, len) as isize };
    // SAFETY: as above.
    unsafe { written(fd, from, at, call, len) }
}

#[unsafe(no_mangle)]
extern "C" fn ftruncate64(fd: c_int, len: i64) -> c_int {
    // SAFETY: the kernel checks the descriptor; no memory is involved.
    let done = unsafe { libc::syscall(libc::SYS_ftruncate, fd, len) as c_int };
    if done == 0
        && let Some(file) = path_of(fd)
    {
        let len = len as u64;
        trace::change(&file, FileId::of(fd), Change::Truncate { len });
    }
    done
}

#[unsafe(no_mangle)]
extern "C" fn ftruncate(fd: c_int, len: i64) -> c_int {
    ftruncate64(fd, len)
}

/// # Safety
/// As of the C library. That function takes a varying number of arguments; on the machines that
/// this test runs on, a third one lies where this signature expects it.
#[unsafe(no_mangle)]
unsafe extern "C" fn open64(path: *const c_char, flags: c_int, mode: c_uint) -> c_int {
    // SAFETY: the caller's promise is passed on.
    let file = unsafe { given(path) };
    let writes = flags & (libc::O_WRONLY | libc::O_RDWR | libc::O_CREAT) != 0;
    if writes && let Some(errno) = planned(Failing::OpenToWrite, file) {
        return fails_with(errno);
    }
    let makes = flags & libc::O_CREAT != 0 && trace::is_watched(file) && !file.exists();
    let call = libc::SYS_openat;
    // SAFETY: as above.
    let fd = unsafe { libc::syscall(call, libc::AT_FDCWD, path, flags, mode) as c_int };
    if fd >= 0 && makes {
        trace::change(file, FileId::of(fd), Change::Make);
    } else if fd >= 0 && flags & libc::O_TRUNC != 0 {
        trace::change(file, FileId::of(fd), Change::Truncate { len: 0 });
    }
    fd
}

/// # Safety
/// As of `open64`.
#[unsafe(no_mangle)]
unsafe extern "C" fn open(path: *const c_char, flags: c_int, mode: c_uint) -> c_int {
    // SAFETY: as above.
    unsafe { open64(path, flags, mode) }
}

/// # Safety
/// As of the C library: `path` must point to a string that ends.
#[unsafe(no_mangle)]
unsafe extern "C" fn mkdir(path: *const c_char, mode: c_uint) -> c_int {
    // SAFETY: the caller's promise is passed on.
    let folder = unsafe { given(path) };
    if let Some(errno) = planned(Failing::OpenToWrite, folder) {
        return fails_with(errno);
    }
    // SAFETY: as above.
    let done = unsafe { libc::syscall(libc::SYS_mkdirat, libc::AT_FDCWD, path, mode) as c_int };
    if done == 0 {
        trace::change(folder, None, Change::MakeFolder);
    }
    done
}

/// # Safety
/// As of the C library: `path` must point to a string that ends.
#[unsafe(no_mangle)]
unsafe extern "C" fn unlink(path: *const c_char) -> c_int {
    // SAFETY: the caller's promise is passed on.
    let file = unsafe { given(path) };
    // SAFETY: as above.
    let done = unsafe { libc::syscall(libc::SYS_unlinkat, libc::AT_FDCWD, path, 0) as c_int };
    if done == 0 {
        trace::change(file, None, Change::Remove);
    }
    done
}

/// The standard library removes what is in a folder so.
///
/// # Safety
/// As of the C library: `path` must point to a string that ends.
#[unsafe(no_mangle)]
unsafe extern "C" fn unlinkat(folder: c_int, path: *const c_char, flags: c_int) -> c_int {
    // SAFETY: the caller's promise is passed on.
    let name = unsafe { given(path) };
    let file = match path_of(folder) {
        Some(folder) => folder.join(name),
        None => name.to_owned(),
    };
    // SAFETY: as above.
    let done = unsafe { libc::syscall(libc::SYS_unlinkat, folder, path, flags) as c_int };
    if done == 0 {
        trace::change(&file, None, Change::Remove);
    }
    done
}

/// # Safety
/// As of the C library: `path` must point to a string that ends.
#[unsafe(no_mangle)]
unsafe extern "C" fn rmdir(path: *const c_char) -> c_int {
    // SAFETY: the caller's promise is passed on.
    unsafe { unlinkat(libc::AT_FDCWD, path, libc::AT_REMOVEDIR) }
}

/// # Safety
/// As of the C library: both must point to strings that end.
#[unsafe(no_mangle)]
unsafe extern "C" fn rename(from: *const c_char, to: *const c_char) -> c_int {
    let (call, here) = (libc::SYS_renameat2, libc::AT_FDCWD);
    // SAFETY: the caller's promise is passed on.
    let done = unsafe { libc::syscall(call, here, from, here, to, 0) as c_int };
    if done == 0 {
        // SAFETY: as above.
        let (from, to) = unsafe { (given(from), given(to)) };
        let to = to.to_owned();
        trace::change(from, None, Change::Rename { to });
    }
    done
}

/// # Safety
/// As of the C library.
#[unsafe(no_mangle)]
unsafe extern "C" fn mmap64(
    at: *mut c_void,
    len: usize,
    protection: c_int,
    flags: c_int,
    fd: c_int,
    offset: i64,
) -> *mut c_void {
    // What is written through a mapping is not seen: such a file is known to be unknown.
    let shared = flags & libc::MAP_SHARED != 0 && protection & libc::PROT_WRITE != 0;
    if shared
        && fd >= 0
        && let Some(file) = path_of(fd)
    {
        trace::change(&file, FileId::of(fd), Change::Map);
    }
    // SAFETY: the caller's promise is passed on with its arguments.
    let mapped = unsafe { libc::syscall(libc::SYS_mmap, at, len, protection, flags, fd, offset) };
    mapped as *mut c_void
}

/// # Safety
/// As of the C library.
#[unsafe(no_mangle)]
unsafe extern "C" fn mmap(
    at: *mut c_void,
    len: usize,
    protection: c_int,
    flags: c_int,
    fd: c_int,
    offset: i64,
) -> *mut c_void {
    // SAFETY: as above.
    unsafe { mmap64(at, len, protection, flags, fd, offset) }
}

/// By how much the wall clock is wrong while this lives. The monotonic one is not: it cannot jump.
pub(crate) struct Jump;

static WRONG_SECONDS: AtomicI64 = AtomicI64::new(0);

impl Jump {
    pub(crate) fn by(seconds: i64) -> Self {
        WRONG_SECONDS.store(seconds, Ordering::SeqCst);
        Self
    }
}

impl Drop for Jump {
    fn drop(&mut self) {
        WRONG_SECONDS.store(0, Ordering::SeqCst);
    }
}

/// # Safety
/// As of the C library: `time` must point to a place for a time.
#[unsafe(no_mangle)]
unsafe extern "C" fn clock_gettime(clock: c_int, time: *mut libc::timespec) -> c_int {
    // SAFETY: the caller's promise is passed on.
    let done = unsafe { libc::syscall(libc::SYS_clock_gettime, clock, time) as c_int };
    if done == 0 && clock == libc::CLOCK_REALTIME {
        // SAFETY: the kernel has just written there.
        unsafe { (*time).tv_sec += WRONG_SECONDS.load(Ordering::SeqCst) };
    }
    done
}

/// # Safety
/// As of the C library: `time` must point to a place for a time.
#[unsafe(no_mangle)]
unsafe extern "C" fn gettimeofday(time: *mut libc::timeval, zone: *mut c_void) -> c_int {
    // SAFETY: the caller's promise is passed on.
    let done = unsafe { libc::syscall(libc::SYS_gettimeofday, time, zone) as c_int };
    if done == 0 && !time.is_null() {
        // SAFETY: the kernel has just written there.
        unsafe { (*time).tv_sec += WRONG_SECONDS.load(Ordering::SeqCst) };
    }
    done
}

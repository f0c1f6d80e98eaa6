//! How much CPU time the calling thread has used. The CPU limit is measured with it, because wall
//! time would charge a room for the time in which its neighbours ran.

#![allow(unsafe_code, reason = "one call of the C library")]

use std::time::Duration;

/// CPU time of the calling thread since it began; `None` where the system cannot tell.
#[cfg(unix)]
pub(crate) fn thread_cpu_time() -> Option<Duration> {
    let mut time = libc::timespec {
        tv_sec: 0,
        tv_nsec: 0,
    };
    // SAFETY: the call writes one timespec to the pointer, which points to one that lives here.
    let result = unsafe { libc::clock_gettime(libc::CLOCK_THREAD_CPUTIME_ID, &raw mut time) };
    if result != 0 {
        return None;
    }
    let seconds = u64::try_from(time.tv_sec).ok()?;
    let nanoseconds = u32::try_from(time.tv_nsec).ok()?;
    Some(Duration::new(seconds, nanoseconds))
}

/// CPU time of the calling thread since it began; `None` where the system cannot tell.
#[cfg(not(unix))]
pub(crate) fn thread_cpu_time() -> Option<Duration> {
    None
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::thread_cpu_time;

    #[test]
    fn the_clock_runs_while_the_thread_computes() {
        let before = thread_cpu_time().unwrap();
        let mut sum = 0_u64;
        while thread_cpu_time().unwrap() - before < Duration::from_millis(1) {
            sum = std::hint::black_box(sum.wrapping_add(1));
        }
        assert!(sum > 0);
    }

    #[test]
    fn the_clock_stands_still_while_the_thread_waits() {
        let before = thread_cpu_time().unwrap();
        std::thread::park_timeout(Duration::from_millis(50));
        assert!(thread_cpu_time().unwrap() - before < Duration::from_millis(40));
    }
}

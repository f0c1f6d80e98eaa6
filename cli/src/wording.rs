//! How causes, durations and sizes are said.

use std::time::Duration;

/// An error and its causes. A cause whose text its parent already contains is not repeated.
pub(crate) fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        let own = error.to_string();
        if !text.contains(&own) {
            text.push_str("\n  because: ");
            text.push_str(&own);
        }
        cause = error.source();
    }
    text
}

/// A duration as people compare them.
pub(crate) fn milliseconds(duration: Duration) -> String {
    let micros = duration.as_micros();
    if micros < 1000 {
        return "<1 ms".to_owned();
    }
    format!("{} ms", (micros + 500) / 1000)
}

/// A size as people compare them.
pub(crate) fn size(bytes: usize) -> String {
    const KIB: usize = 1024;
    if bytes < KIB {
        return format!("{bytes} B");
    }
    let tenths = bytes * 10 / KIB;
    if tenths < 10 * KIB {
        return format!("{}.{} KiB", tenths / 10, tenths % 10);
    }
    let tenths = tenths / KIB;
    format!("{}.{} MiB", tenths / 10, tenths % 10)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, thiserror::Error)]
    #[error("the top")]
    struct Top(#[source] Middle);

    #[derive(Debug, thiserror::Error)]
    #[error("the middle: the ground")]
    struct Middle(#[source] Ground);

    #[derive(Debug, thiserror::Error)]
    #[error("the ground")]
    struct Ground;

    #[test]
    fn each_cause_is_told_once() {
        assert_eq!(
            chain(&Top(Middle(Ground))),
            "the top\n  because: the middle: the ground"
        );
    }

    #[test]
    fn sizes_and_durations_are_short() {
        assert_eq!(size(999), "999 B");
        assert_eq!(size(1536), "1.5 KiB");
        assert_eq!(size(3 * 1024 * 1024), "3.0 MiB");
        assert_eq!(milliseconds(Duration::from_micros(900)), "<1 ms");
        assert_eq!(milliseconds(Duration::from_micros(1500)), "2 ms");
    }
}

//! How much this process has read, from files and whatever else, where the system tells.

/// Bytes up to some moment.
#[derive(Clone, Copy)]
pub(crate) struct Read(Option<u64>);

impl Read {
    /// Up to now.
    pub(crate) fn now() -> Self {
        let io = std::fs::read_to_string("/proc/self/io").ok();
        let bytes = io.and_then(|io| {
            let line = io.lines().find_map(|line| line.strip_prefix("rchar: "));
            line?.parse().ok()
        });
        Self(bytes)
    }

    pub(crate) fn kib_since(self, before: Self) -> Option<f64> {
        Some((self.0? - before.0?) as f64 / 1024.0)
    }
}

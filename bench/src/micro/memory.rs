//! How much memory this process has to itself, as Linux counts it.

use crate::failure::Failure;

/// Memory that would be free if the process ended.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Own {
    /// Pages that nobody shares.
    pub(crate) private_kib: u64,
    /// Page tables that point to them.
    pub(crate) tables_kib: u64,
}

/// Reads it from /proc.
///
/// # Errors
/// There is no such file: another system than Linux.
pub(crate) fn own() -> Result<Own, Failure> {
    let rollup = std::fs::read_to_string("/proc/self/smaps_rollup")?;
    let status = std::fs::read_to_string("/proc/self/status")?;
    Ok(Own {
        private_kib: sum(&rollup, &["Private_Clean:", "Private_Dirty:"]),
        tables_kib: sum(&status, &["VmPTE:"]),
    })
}

/// The sum of the lines with these names.
fn sum(text: &str, names: &[&str]) -> u64 {
    let mut total = 0;
    for line in text.lines() {
        let mut words = line.split_whitespace();
        if words.next().is_some_and(|name| names.contains(&name)) {
            total += words
                .next()
                .and_then(|number| number.parse().ok())
                .unwrap_or(0);
        }
    }
    total
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_added_by_name() {
        let text = "Rss:  9 kB\nPrivate_Clean:  1 kB\nPrivate_Dirty:  20 kB\n";
        assert_eq!(sum(text, &["Private_Clean:", "Private_Dirty:"]), 21);
        assert_eq!(sum(text, &["Swap:"]), 0);
    }
}

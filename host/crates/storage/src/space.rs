//! Whether there is enough space on the disk for a group, before anything of it is written.
//!
//! An engine that meets a full disk in the middle of a write has more ways to go wrong than one
//! that is not asked to write. Knows no engine; each says how much it needs.

use std::path::Path;

use partykit_core::CommitError;

/// What a group needs of the disk that holds `dir`.
pub(crate) struct Need {
    /// Keys and values.
    pub(crate) bytes: u64,
    /// How much more than these the engine may write.
    pub(crate) amplification: u64,
    /// What must be left in any case.
    pub(crate) free_bytes_min: u64,
}

impl Need {
    /// Refuses when the disk has less.
    pub(crate) fn check(&self, dir: &Path) -> Result<(), CommitError> {
        let disk = rustix::fs::statvfs(dir);
        let disk = disk.map_err(|error| CommitError::Io(error.to_string()))?;
        let free = disk.f_bavail.saturating_mul(disk.f_frsize);
        let needed = self
            .bytes
            .saturating_mul(self.amplification)
            .saturating_add(self.free_bytes_min);
        if free < needed {
            Err(CommitError::NoSpace)
        } else {
            Ok(())
        }
    }
}

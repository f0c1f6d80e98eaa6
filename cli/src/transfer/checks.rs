//! What every room must be, wherever it comes from: its values within the limits that rooms have.

use partykit_core::Limits;

/// The limits of what is stored.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Sizes {
    key_bytes_max: u64,
    value_bytes_max: u64,
}

impl Sizes {
    pub(crate) fn of(limits: &Limits) -> Self {
        Self {
            key_bytes_max: limits.key_bytes_max,
            value_bytes_max: limits.value_bytes_max,
        }
    }

    /// Whether a room could have stored this.
    ///
    /// # Errors
    /// Which limit it exceeds.
    pub(super) fn check(&self, key: &str, value: &[u8]) -> Result<(), String> {
        for (what, name, bytes, max) in [
            ("key", "key_bytes_max", key.len(), self.key_bytes_max),
            (
                "value",
                "value_bytes_max",
                value.len(),
                self.value_bytes_max,
            ),
        ] {
            if bytes as u64 > max {
                return Err(format!(
                    "the {what} has {bytes} bytes, more than the {max} allowed ({name})"
                ));
            }
        }
        Ok(())
    }
}

//! Bugs that can be planted in a room, to see that the simulation finds them.

/// Each breaks a promise of docs/guarantees.md.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Bug {
    /// Output of turns without writes overtakes what waits.
    OutputOvertakes,
    /// Writes of a transaction are part of the turn that makes them.
    TransactionLeaks,
    /// An alarm fires while its batch is on the way to the disk.
    AlarmFiresEarly,
    /// An alarm whose handler fails is forgotten.
    AlarmIsNotRetried,
}

/// None, or one.
#[derive(Debug, Clone, Copy, Default)]
pub struct Planted(Option<Bug>);

impl Planted {
    /// This one.
    #[must_use]
    pub fn new(bug: Bug) -> Self {
        Self(Some(bug))
    }

    /// Whether it is this one.
    #[must_use]
    pub fn is(self, bug: Bug) -> bool {
        self.0 == Some(bug)
    }
}

//! Writes of one turn or of one open transaction, over whatever lies below them.

use std::collections::BTreeMap;

use bytes::Bytes;
use partykit_core::{Alarm, WriteOp};

/// `None` is a deletion.
pub(super) type Written = Option<Bytes>;

/// What an entry takes besides its key and its value.
const ENTRY_BYTES: u64 = 64;

#[derive(Debug, Clone, Default)]
pub(crate) struct Layer {
    /// Everything below is deleted.
    pub(super) wiped: bool,
    /// Written after that.
    pub(super) written: BTreeMap<String, Written>,
    /// What became of the alarm, if anything did.
    pub(super) alarm: Option<Option<Alarm>>,
    bytes: u64,
}

impl Layer {
    pub(super) fn write(&mut self, key: &str, value: Written) {
        // With nothing below there is nothing that a deletion would have to hide.
        let replaced = if value.is_none() && self.wiped {
            self.written.remove(key)
        } else {
            self.bytes += entry_bytes(key, &value);
            self.written.insert(key.to_owned(), value)
        };
        self.bytes -= replaced.map_or(0, |value| entry_bytes(key, &value));
    }

    pub(super) fn wipe(&mut self) {
        self.wiped = true;
        self.written.clear();
        self.bytes = 0;
    }

    /// Takes the writes of a layer above it, which was kept.
    pub(super) fn absorb(&mut self, above: Self) {
        if above.wiped {
            self.wipe();
        }
        for (key, value) in above.written {
            self.write(&key, value);
        }
        self.alarm = above.alarm.or(self.alarm);
    }

    /// What is known here of a key: its value, that there is none, or nothing.
    pub(super) fn look(&self, key: &str) -> Option<&Written> {
        const NONE: &Written = &None;
        let hidden = || self.wiped.then_some(NONE);
        self.written.get(key).or_else(hidden)
    }

    pub(super) fn is_empty(&self) -> bool {
        self.written.is_empty() && !self.wiped && self.alarm.is_none()
    }

    /// What it takes in memory, about.
    pub(super) fn bytes(&self) -> u64 {
        self.bytes
    }

    /// The same as writes of a batch, in the order that they are to be applied in.
    pub(super) fn into_writes(self) -> Vec<WriteOp> {
        let written = self.written.into_iter().map(|(key, value)| match value {
            Some(value) => WriteOp::Put { key, value },
            None => WriteOp::Delete { key },
        });
        let wipe = self.wiped.then_some(WriteOp::DeleteAll);
        let alarm = self.alarm.map(WriteOp::Alarm);
        wipe.into_iter().chain(written).chain(alarm).collect()
    }
}

fn entry_bytes(key: &str, value: &Written) -> u64 {
    ENTRY_BYTES + (key.len() + value.as_ref().map_or(0, Bytes::len)) as u64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_layer_counts_what_it_holds_however_it_came_to_it() {
        let mut layer = Layer::default();
        layer.write("a", Some("12345".into()));
        layer.write("a", Some("1".into()));
        layer.write("b", None);
        assert_eq!(layer.bytes(), 2 * ENTRY_BYTES + 3);
        let mut above = Layer::default();
        above.wipe();
        above.write("c", Some("12".into()));
        above.write("d", Some("12".into()));
        above.write("d", None);
        assert_eq!(above.bytes(), ENTRY_BYTES + 3);
        layer.absorb(above);
        assert_eq!(layer.bytes(), ENTRY_BYTES + 3);
        assert_eq!(layer.look("a"), Some(&None));
        let put = WriteOp::Put {
            key: "c".to_owned(),
            value: "12".into(),
        };
        assert_eq!(layer.into_writes(), [WriteOp::DeleteAll, put]);
    }
}

//! The output gate: what a turn sends leaves only when its writes, and those of every turn before
//! it, are durable.
//!
//! Owns the order of leaving, which is the order of the turns, and the count of bytes under way.
//! When a batch fails nothing that waits ever leaves: that is [`OutputGate::poison`], after which
//! the room is reset.

use std::collections::VecDeque;

use partykit_core::{Scope, SyncHandle, WriteOp};

use crate::{Action, BatchId};

#[derive(Debug)]
struct Waiting {
    batch: BatchId,
    keys: Vec<String>,
    bytes: u64,
    durable: bool,
    /// The outbox of the turn, and those of later turns that wrote nothing.
    outbox: Vec<Action>,
    /// Calls of `sync()` that wait for this batch and those before it.
    syncs: Syncs,
}

type Syncs = Vec<(SyncHandle, Scope)>;

/// What comes of a batch that is durable.
#[derive(Debug, Default)]
pub(crate) struct Durable {
    /// Which keys it wrote.
    pub(crate) keys: Vec<String>,
    /// Who has waited long enough.
    pub(crate) syncs: Vec<(SyncHandle, Scope)>,
}

#[derive(Debug, Default)]
pub(crate) struct OutputGate {
    waiting: VecDeque<Waiting>,
    uncommitted_bytes: u64,
    last: u64,
    last_sync: u64,
    /// How many calls of `sync()` wait.
    syncs: u64,
    #[cfg(any(test, feature = "testing"))]
    pub(crate) planted: crate::testing::Planted,
}

impl OutputGate {
    /// The name of the batch that the running turn will make, if it writes.
    pub(crate) fn next_batch(&self) -> BatchId {
        BatchId(self.last + 1)
    }

    /// Lets the outbox of a turn without writes pass, or has it wait for those before it.
    pub(crate) fn pass(&mut self, outbox: &mut Vec<Action>, actions: &mut Vec<Action>) {
        #[cfg(any(test, feature = "testing"))]
        if self.planted.is(crate::testing::Bug::OutputOvertakes) {
            return actions.append(outbox);
        }
        match self.waiting.back_mut() {
            Some(last) => last.outbox.append(outbox),
            None => actions.append(outbox),
        }
    }

    /// Holds the outbox of a turn until its batch is durable.
    pub(crate) fn hold(&mut self, batch: BatchId, writes: &[WriteOp], outbox: &mut Vec<Action>) {
        self.last = batch.0;
        let bytes = writes.iter().map(write_bytes).sum();
        let keys = writes.iter().filter_map(write_key).map(str::to_owned);
        let keys = keys.collect();
        self.uncommitted_bytes += bytes;
        let outbox = std::mem::take(outbox);
        self.waiting.push_back(Waiting {
            batch,
            keys,
            bytes,
            durable: false,
            outbox,
            syncs: Vec::new(),
        });
    }

    /// A name for one more call of `sync()`, which counts from now on.
    pub(crate) fn next_sync(&mut self) -> SyncHandle {
        self.last_sync += 1;
        self.syncs += 1;
        SyncHandle(self.last_sync)
    }

    /// How many calls of `sync()` wait, those of the running turn included.
    pub(crate) fn syncs(&self) -> u64 {
        self.syncs
    }

    /// Has calls of `sync()` wait for all that waits here; hands back those that need not.
    pub(crate) fn wait(&mut self, syncs: Syncs) -> Syncs {
        let Some(last) = self.waiting.back_mut() else {
            self.syncs -= syncs.len() as u64;
            return syncs;
        };
        last.syncs.extend(syncs);
        Vec::new()
    }

    /// A section ended: what it started belongs to the one around it.
    pub(crate) fn rescope(&mut self, ended: Scope, outer: Scope) {
        let waiting = self.waiting.iter_mut();
        let syncs = waiting.flat_map(|waiting| &mut waiting.syncs);
        let of_ended = syncs.filter(|(_, scope)| *scope == ended);
        of_ended.for_each(|(_, scope)| *scope = outer);
    }

    /// The guest is gone, and nobody waits for them. Handles are not given out twice.
    pub(crate) fn forget_syncs(&mut self) {
        self.syncs = 0;
        self.waiting
            .iter_mut()
            .for_each(|waiting| waiting.syncs.clear());
    }

    /// A batch is durable: lets out what waited for nothing else.
    pub(crate) fn committed(&mut self, batch: BatchId, actions: &mut Vec<Action>) -> Durable {
        let mut durable = Durable::default();
        if let Some(waiting) = self
            .waiting
            .iter_mut()
            .find(|waiting| waiting.batch == batch)
        {
            waiting.durable = true;
            durable.keys = std::mem::take(&mut waiting.keys);
            self.uncommitted_bytes -= waiting.bytes;
        }
        while self.waiting.front().is_some_and(|first| first.durable) {
            if let Some(passed) = self.waiting.pop_front() {
                actions.extend(passed.outbox);
                durable.syncs.extend(passed.syncs);
            }
        }
        self.syncs -= durable.syncs.len() as u64;
        durable
    }

    /// Whether this batch is one that waits here, and not one of before a reset.
    pub(crate) fn knows(&self, batch: BatchId) -> bool {
        self.waiting
            .iter()
            .any(|waiting| waiting.batch == batch && !waiting.durable)
    }

    /// A batch failed: everything that waits is thrown away. Returns what will never leave.
    pub(crate) fn poison(&mut self) -> Vec<Action> {
        self.uncommitted_bytes = 0;
        self.syncs = 0;
        self.waiting
            .drain(..)
            .flat_map(|waiting| waiting.outbox)
            .collect()
    }

    pub(crate) fn uncommitted_bytes(&self) -> u64 {
        self.uncommitted_bytes
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.waiting.is_empty()
    }
}

/// What a write that has neither key nor value takes while it waits.
const BARE_WRITE_BYTES: u64 = 64;

fn write_bytes(write: &WriteOp) -> u64 {
    match write {
        WriteOp::Put { key, value } => (key.len() + value.len()) as u64,
        WriteOp::Delete { key } => key.len() as u64,
        WriteOp::DeleteAll | WriteOp::Alarm(_) => BARE_WRITE_BYTES,
    }
}

/// Which key a write is of.
pub(crate) fn write_key(write: &WriteOp) -> Option<&str> {
    match write {
        WriteOp::Put { key, .. } | WriteOp::Delete { key } => Some(key),
        WriteOp::DeleteAll | WriteOp::Alarm(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wake(moment: u64) -> Vec<Action> {
        vec![Action::WakeAt {
            monotonic_us: Some(moment),
        }]
    }

    fn put(key: &str) -> Vec<WriteOp> {
        vec![WriteOp::Put {
            key: key.into(),
            value: "value".into(),
        }]
    }

    #[test]
    fn output_leaves_in_the_order_of_turns_however_the_commits_return() {
        let (mut gate, mut out) = (OutputGate::default(), Vec::new());
        let first = gate.next_batch();
        gate.hold(first, &put("a"), &mut wake(1));
        gate.pass(&mut wake(2), &mut out);
        let second = gate.next_batch();
        gate.hold(second, &put("b"), &mut wake(3));
        assert_eq!(gate.uncommitted_bytes(), 12);
        gate.committed(second, &mut out);
        assert!(out.is_empty(), "the first batch is not durable");
        gate.committed(first, &mut out);
        assert_eq!(out, [wake(1), wake(2), wake(3)].concat());
        assert!(gate.is_empty());
        gate.pass(&mut wake(4), &mut out);
        assert_eq!(out.len(), 4, "with nothing waiting, output passes at once");
    }

    #[test]
    fn a_poisoned_gate_lets_nothing_out() {
        let (mut gate, mut out) = (OutputGate::default(), Vec::new());
        let batch = gate.next_batch();
        gate.hold(batch, &put("a"), &mut wake(1));
        assert_eq!(gate.poison(), wake(1));
        assert!(!gate.knows(batch));
        gate.committed(batch, &mut out);
        assert!(out.is_empty());
        assert_eq!(gate.uncommitted_bytes(), 0);
    }

    #[test]
    fn a_sync_waits_for_every_batch_before_it_and_for_none_behind() {
        let (mut gate, mut out) = (OutputGate::default(), Vec::new());
        let early = (gate.next_sync(), Scope::NONE);
        assert_eq!(gate.wait(vec![early]), [early], "nothing is under way");
        let first = gate.next_batch();
        gate.hold(first, &put("a"), &mut Vec::new());
        let second = gate.next_batch();
        gate.hold(second, &put("b"), &mut Vec::new());
        let sync = gate.next_sync();
        assert!(gate.wait(vec![(sync, Scope(7))]).is_empty());
        gate.rescope(Scope(7), Scope(3));
        let third = gate.next_batch();
        gate.hold(third, &put("c"), &mut Vec::new());
        assert!(gate.committed(second, &mut out).syncs.is_empty());
        assert_eq!(gate.syncs(), 1);
        let durable = gate.committed(first, &mut out);
        assert_eq!(durable.syncs, [(sync, Scope(3))]);
        assert_eq!(durable.keys, ["a"]);
        assert_eq!(gate.syncs(), 0);
    }
}

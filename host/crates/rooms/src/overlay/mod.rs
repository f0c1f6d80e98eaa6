//! Writes that are not durable yet, laid over the store: what makes a read see the writes of its
//! own turn and of every turn before it, while they are still on their way to the disk.
//!
//! From the top: open transactions (innermost first), the turn that is running, turns that have
//! ended and wait for the disk, what is known of the store (`cache.rs`), the store. The room's
//! alarm lies in the same layers.

mod cache;
mod layer;
mod list;
#[cfg(test)]
mod model_tests;

use std::collections::BTreeMap;
use std::sync::Arc;

use bytes::Bytes;
use partykit_core::{Alarm, Limits, ReadError, RoomReader, WriteOp};

use crate::BatchId;
use cache::Cache;
pub use cache::CacheBudget;
pub(crate) use layer::Layer;
use layer::Written;

/// Of turns that have ended, with the batch that each write belongs to.
#[derive(Debug, Default)]
struct Pending {
    written: BTreeMap<String, (BatchId, Written)>,
    /// The store's values are deleted by this batch.
    wiped: Option<BatchId>,
    alarm: Option<(BatchId, Option<Alarm>)>,
}

pub(crate) struct Overlay {
    transactions: Vec<Layer>,
    turn: Layer,
    pending: Pending,
    cache: Cache,
    /// The store's alarm, once it was read.
    alarm: Option<Option<Alarm>>,
    /// The handler of the store's alarm runs: to the room it is not set any more, unless the room
    /// sets one anew.
    delivered: bool,
    #[cfg(any(test, feature = "testing"))]
    pub(crate) planted: crate::testing::Planted,
}

impl Overlay {
    pub(crate) fn new(limits: &Limits, budget: Arc<CacheBudget>) -> Self {
        Self {
            transactions: Vec::new(),
            turn: Layer::default(),
            pending: Pending::default(),
            cache: Cache::new(limits.storage_cache_bytes_max, budget),
            alarm: None,
            delivered: false,
            #[cfg(any(test, feature = "testing"))]
            planted: crate::testing::Planted::default(),
        }
    }

    /// What is not a batch yet, from the top.
    fn layers(&self) -> impl Iterator<Item = &Layer> {
        self.transactions.iter().rev().chain([&self.turn])
    }

    /// Where writes go now.
    fn top(&mut self) -> &mut Layer {
        self.transactions.last_mut().unwrap_or(&mut self.turn)
    }

    pub(crate) fn write(&mut self, key: &str, value: Written) {
        self.top().write(key, value);
    }

    pub(crate) fn delete_all(&mut self) {
        self.top().wipe();
    }

    pub(crate) fn set_alarm(&mut self, alarm: Option<Alarm>) {
        self.top().alarm = Some(alarm);
    }

    /// The alarm whose handler runs is none that the room could delete: it is tried again when the
    /// handler fails, as in PartyKit.
    pub(crate) fn delete_alarm(&mut self) {
        let is_untouched = self.layers().all(|layer| layer.alarm.is_none());
        if !(self.delivered && is_untouched) {
            self.set_alarm(None);
        }
    }

    pub(crate) fn begin_transaction(&mut self) {
        #[cfg(any(test, feature = "testing"))]
        if self.planted.is(crate::testing::Bug::TransactionLeaks) {
            return;
        }
        self.transactions.push(Layer::default());
    }

    /// Ends the innermost transaction; what it wrote is kept with what is around it, or dropped.
    pub(crate) fn end_transaction(&mut self, keep: bool) {
        if let Some(layer) = self.transactions.pop().filter(|_| keep) {
            self.top().absorb(layer);
        }
    }

    /// Bytes that the turn has written so far, outside of open transactions.
    pub(crate) fn turn_bytes(&self) -> u64 {
        self.turn.bytes()
    }

    /// Bytes that open transactions hold.
    pub(crate) fn transaction_bytes(&self) -> u64 {
        self.transactions.iter().map(Layer::bytes).sum()
    }

    pub(crate) fn is_in_transaction(&self) -> bool {
        !self.transactions.is_empty()
    }

    pub(crate) fn get(
        &mut self,
        key: &str,
        reader: &dyn RoomReader,
    ) -> Result<Option<Bytes>, ReadError> {
        if let Some(written) = self.written(key) {
            return Ok(written.clone());
        }
        if let Some(known) = self.cache.get(key) {
            return Ok(known);
        }
        let value = reader.get(key)?;
        self.cache.insert(key, value.clone());
        Ok(value)
    }

    fn written(&self, key: &str) -> Option<&Written> {
        const NONE: &Written = &None;
        let pending = || self.pending.written.get(key).map(|(_, written)| written);
        let hidden = || self.pending.wiped.map(|_| NONE);
        self.layers()
            .find_map(|layer| layer.look(key))
            .or_else(pending)
            .or_else(hidden)
    }

    /// The room's alarm as the room sees it.
    pub(crate) fn alarm(&mut self, reader: &dyn RoomReader) -> Result<Option<Alarm>, ReadError> {
        if let Some(alarm) = self.layers().find_map(|layer| layer.alarm) {
            return Ok(alarm);
        }
        if self.delivered {
            return Ok(None);
        }
        match self.pending.alarm {
            Some((_, alarm)) => Ok(alarm),
            None => self.stored_alarm(reader),
        }
    }

    /// The room's alarm as it is durable; none while another one, or none, is on its way to the
    /// disk.
    pub(crate) fn durable_alarm(
        &mut self,
        reader: &dyn RoomReader,
    ) -> Result<Option<Alarm>, ReadError> {
        match self.pending.alarm {
            #[cfg(any(test, feature = "testing"))]
            Some((_, alarm)) if self.planted.is(crate::testing::Bug::AlarmFiresEarly) => Ok(alarm),
            Some(_) => Ok(None),
            None => self.stored_alarm(reader),
        }
    }

    fn stored_alarm(&mut self, reader: &dyn RoomReader) -> Result<Option<Alarm>, ReadError> {
        if let Some(alarm) = self.alarm {
            return Ok(alarm);
        }
        let alarm = reader.alarm()?;
        self.alarm = Some(alarm);
        Ok(alarm)
    }

    /// The handler of the store's alarm begins to run.
    pub(crate) fn deliver_alarm(&mut self) {
        self.delivered = true;
    }

    /// The handler was cut off: the store's alarm is set as it was.
    pub(crate) fn put_alarm_back(&mut self) {
        self.delivered = false;
    }

    /// The handler has ended: what the turn does with its alarm, unless the room has set or
    /// deleted one meanwhile. Not part of any transaction that may still be open.
    pub(crate) fn replace_delivered(&mut self, alarm: Option<Alarm>) {
        #[cfg(any(test, feature = "testing"))]
        let alarm = alarm.filter(|_| !self.planted.is(crate::testing::Bug::AlarmIsNotRetried));
        if self.is_delivered() {
            self.turn.alarm = Some(alarm);
        }
    }

    /// Whether the alarm whose handler runs is still the room's newest.
    pub(crate) fn is_delivered(&self) -> bool {
        self.delivered && self.turn.alarm.is_none()
    }

    /// The turn ended well: its writes, if any, become `batch`.
    pub(crate) fn end_turn(&mut self, batch: BatchId) -> Vec<WriteOp> {
        let turn = std::mem::take(&mut self.turn);
        if turn.wiped {
            self.pending.written.clear();
            self.pending.wiped = Some(batch);
            self.cache.clear();
        }
        for (key, written) in &turn.written {
            let written = (batch, written.clone());
            self.pending.written.insert(key.clone(), written);
        }
        if let Some(alarm) = turn.alarm {
            self.pending.alarm = Some((batch, alarm));
            self.delivered = false;
        }
        turn.into_writes()
    }

    pub(crate) fn has_turn_writes(&self) -> bool {
        !self.turn.is_empty()
    }

    /// The writes of the turn so far, to come back to.
    pub(crate) fn turn_so_far(&self) -> Layer {
        self.turn.clone()
    }

    /// What was written later never happened, open transactions included.
    pub(crate) fn return_to(&mut self, turn: Layer) {
        self.transactions.clear();
        self.turn = turn;
    }

    /// The turn failed: it never happened, nor did what open transactions have written.
    pub(crate) fn drop_turn(&mut self) {
        self.return_to(Layer::default());
    }

    /// A batch is durable: the store has its writes now.
    pub(crate) fn forget(&mut self, batch: BatchId, keys: &[String]) {
        if self.pending.wiped == Some(batch) {
            self.pending.wiped = None;
        }
        if let Some((_, alarm)) = self.pending.alarm.take_if(|(newest, _)| *newest == batch) {
            self.alarm = Some(alarm);
        }
        let pending = &mut self.pending.written;
        for key in keys {
            let is_newest = pending.get(key).is_some_and(|(newest, _)| *newest == batch);
            if is_newest && let Some((_, written)) = pending.remove(key) {
                self.cache.insert(key, written);
            }
        }
    }

    /// The store failed: what it has is the truth.
    pub(crate) fn forget_all(&mut self) {
        self.drop_turn();
        self.pending = Pending::default();
        self.cache.clear();
        self.alarm = None;
        self.delivered = false;
    }
}

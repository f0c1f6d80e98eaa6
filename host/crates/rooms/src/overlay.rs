//! Writes that are not durable yet, laid over the store: what makes a read see the writes of its
//! own turn and of every turn before it, while they are still on their way to the disk.

use std::collections::BTreeMap;
use std::ops::Bound;

use bytes::Bytes;
use partykit_core::{Entry, Limits, Page, Range, ReadError, RoomReader, WriteOp};

use crate::BatchId;

/// `None` is a deletion.
type Written = Option<Bytes>;

#[derive(Debug, Default)]
pub(crate) struct Overlay {
    /// Of turns that have ended, with the batch each write belongs to.
    pending: BTreeMap<String, (BatchId, Written)>,
    /// Of the turn that is running.
    turn: BTreeMap<String, Written>,
}

impl Overlay {
    pub(crate) fn write(&mut self, key: &str, value: Written) {
        self.turn.insert(key.to_owned(), value);
    }

    pub(crate) fn get(
        &self,
        key: &str,
        reader: &dyn RoomReader,
    ) -> Result<Option<Bytes>, ReadError> {
        match self.written(key) {
            Some(written) => Ok(written.clone()),
            None => reader.get(key),
        }
    }

    fn written(&self, key: &str) -> Option<&Written> {
        let pending = || self.pending.get(key).map(|(_, written)| written);
        self.turn.get(key).or_else(pending)
    }

    /// The turn ended well: its writes, if any, become `batch`.
    pub(crate) fn end_turn(&mut self, batch: BatchId) -> Vec<WriteOp> {
        let turn = std::mem::take(&mut self.turn);
        let mut writes = Vec::with_capacity(turn.len());
        for (key, written) in turn {
            self.pending.insert(key.clone(), (batch, written.clone()));
            writes.push(match written {
                Some(value) => WriteOp::Put { key, value },
                None => WriteOp::Delete { key },
            });
        }
        writes
    }

    pub(crate) fn has_turn_writes(&self) -> bool {
        !self.turn.is_empty()
    }

    /// The writes of the turn so far, to come back to.
    pub(crate) fn turn_so_far(&self) -> BTreeMap<String, Option<Bytes>> {
        self.turn.clone()
    }

    /// What the turn wrote later never happened.
    pub(crate) fn return_to(&mut self, turn: BTreeMap<String, Option<Bytes>>) {
        self.turn = turn;
    }

    /// The turn failed: it never happened.
    pub(crate) fn drop_turn(&mut self) {
        self.turn.clear();
    }

    /// A batch is durable: the store has its writes now.
    pub(crate) fn forget(&mut self, batch: BatchId, keys: &[String]) {
        for key in keys {
            if self
                .pending
                .get(key)
                .is_some_and(|(newest, _)| *newest == batch)
            {
                self.pending.remove(key);
            }
        }
    }

    /// The store failed: what it has is the truth.
    pub(crate) fn forget_all(&mut self) {
        self.pending.clear();
        self.turn.clear();
    }

    /// One page of a range, merged from the writes here and the entries of the store.
    pub(crate) fn list(
        &self,
        range: &Range,
        after: Option<&str>,
        reader: &dyn RoomReader,
        limits: &Limits,
    ) -> Result<Page, ReadError> {
        let range = resume(range, after);
        let max = range.limit.map_or(usize::MAX, |limit| limit as usize);
        let mut page = Page::default();
        let mut bytes = 0;
        for entry in self.merge(&range, reader) {
            let (key, value) = entry?;
            if page.entries.len() == max {
                break;
            }
            bytes += (key.len() + value.len()) as u64;
            if bytes > limits.list_page_bytes_max && !page.entries.is_empty() {
                page.more = page.entries.last().map(|(key, _)| key.clone());
                break;
            }
            page.entries.push((key, value));
        }
        Ok(page)
    }

    fn merge<'a>(
        &'a self,
        range: &Range,
        reader: &dyn RoomReader,
    ) -> impl Iterator<Item = Result<Entry, ReadError>> + 'a {
        // Deletions here hide entries there, so that the store must not stop at the limit.
        let stored = reader.range(&Range {
            limit: None,
            ..range.clone()
        });
        let written = self.written_in(range);
        let (mut stored, mut written) = (stored.peekable(), written.into_iter().peekable());
        let reverse = range.reverse;
        std::iter::from_fn(move || {
            loop {
                let order = match (stored.peek(), written.peek()) {
                    (Some(Err(_)), _) | (Some(_), None) => return stored.next(),
                    (None, None) => return None,
                    (None, Some(_)) => std::cmp::Ordering::Greater,
                    (Some(Ok((there, _))), Some((here, _))) => {
                        let order = there.as_str().cmp(here);
                        if reverse { order.reverse() } else { order }
                    }
                };
                if order.is_lt() {
                    return stored.next();
                }
                if order.is_eq() {
                    stored.next();
                }
                if let Some((key, Some(value))) = written.next() {
                    return Some(Ok((key.to_owned(), value.clone())));
                }
            }
        })
    }

    /// The writes in a range, newest for each key, in the range's order.
    fn written_in(&self, range: &Range) -> Vec<(&str, &Written)> {
        let start = range.start.as_deref().unwrap_or("");
        let prefix = range.prefix.as_deref().unwrap_or("");
        let from = if prefix > start { prefix } else { start };
        let bounds = (Bound::Included(from), Bound::Unbounded);
        let wanted =
            |key: &str| range.end.as_deref().is_none_or(|end| key < end) && key.starts_with(prefix);
        let mut found: BTreeMap<&str, &Written> = BTreeMap::new();
        let pending = self
            .pending
            .range::<str, _>(bounds)
            .map(|(key, (_, written))| (key, written));
        for (key, written) in pending.chain(self.turn.range::<str, _>(bounds)) {
            if wanted(key) {
                found.insert(key, written);
            }
        }
        let mut found: Vec<_> = found.into_iter().collect();
        if range.reverse {
            found.reverse();
        }
        found
    }
}

/// The rest of a range after a key that was already listed.
fn resume(range: &Range, after: Option<&str>) -> Range {
    let mut range = range.clone();
    match after {
        Some(after) if range.reverse => range.end = Some(after.to_owned()),
        // No string lies between a string and itself followed by U+0000.
        Some(after) => range.start = Some(format!("{after}\0")),
        None => {}
    }
    range
}

//! Reading a range lazily: in chunks, each fetched when it is needed, so that no iterator holds a
//! lock, a snapshot or a page of the engine while its reader does something else.
//!
//! Owns the bounds of a range and the resuming after each chunk. What a chunk is made of is the
//! backend's business.

use std::collections::VecDeque;

use partykit_core::{Range, ReadError};

use crate::key::{after_prefix, join};

/// Entries fetched at once. Reading one costs a search from the root, so a few dozen make that
/// cheap; more would read what a listing with a limit throws away.
const CHUNK_ENTRIES: usize = 64;

/// A range as bytes: from `low` (included) up to `high` (excluded; none is the end of all keys).
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Bounds {
    pub(crate) low: Vec<u8>,
    pub(crate) high: Option<Vec<u8>>,
    pub(crate) reverse: bool,
}

impl Bounds {
    /// The bounds of a range within the keys that begin with `room`.
    pub(crate) fn new(room: &[u8], range: &Range) -> Self {
        let prefix = join(room, range.prefix.as_deref().unwrap_or_default().as_bytes());
        let start = join(room, range.start.as_deref().unwrap_or_default().as_bytes());
        let end = range.end.as_deref().map(|end| join(room, end.as_bytes()));
        let high = match (after_prefix(&prefix), end) {
            (Some(after), Some(end)) => Some(after.min(end)),
            (one, other) => one.or(other),
        };
        Self {
            low: prefix.max(start),
            high,
            reverse: range.reverse,
        }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.high.as_ref().is_some_and(|high| *high <= self.low)
    }

    /// What is left after a key was read.
    fn resume(&mut self, mut key: Vec<u8>) {
        if self.reverse {
            self.high = Some(key);
        } else {
            // Nothing lies between a byte string and itself followed by a zero.
            key.push(0);
            self.low = key;
        }
    }
}

/// The raw entries of a range, the key with the room's prefix.
pub(crate) struct Scan<V, F> {
    bounds: Bounds,
    fetch: F,
    chunk: VecDeque<(Vec<u8>, V)>,
    ended: bool,
}

impl<V, F> Scan<V, F>
where
    F: FnMut(&Bounds, usize) -> Result<Vec<(Vec<u8>, V)>, ReadError>,
{
    /// `fetch` returns up to so many entries within the bounds, in their order; fewer means that
    /// there are no more.
    pub(crate) fn new(bounds: Bounds, fetch: F) -> Self {
        let ended = bounds.is_empty();
        Self {
            bounds,
            fetch,
            chunk: VecDeque::new(),
            ended,
        }
    }

    fn refill(&mut self) -> Result<(), ReadError> {
        let fetched = (self.fetch)(&self.bounds, CHUNK_ENTRIES)?;
        self.ended = fetched.len() < CHUNK_ENTRIES;
        if let Some((key, _)) = fetched.last() {
            self.bounds.resume(key.clone());
            self.ended |= self.bounds.is_empty();
        }
        self.chunk.extend(fetched);
        Ok(())
    }
}

impl<V, F> Iterator for Scan<V, F>
where
    F: FnMut(&Bounds, usize) -> Result<Vec<(Vec<u8>, V)>, ReadError>,
{
    type Item = Result<(Vec<u8>, V), ReadError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.chunk.is_empty()
            && !self.ended
            && let Err(error) = self.refill()
        {
            self.ended = true;
            return Some(Err(error));
        }
        self.chunk.pop_front().map(Ok)
    }
}

/// The user's key within a raw one.
pub(crate) fn user_key(room: &[u8], key: &[u8]) -> Result<String, ReadError> {
    let key = key.strip_prefix(room).unwrap_or_default();
    let damaged = |_| ReadError::Corrupt(format!("the key {key:?} is not UTF-8"));
    String::from_utf8(key.to_vec()).map_err(damaged)
}

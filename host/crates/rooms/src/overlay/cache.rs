//! What a room has read from its store or made durable there, so that reading it again asks no
//! disk. That a key has no value is remembered, too.
//!
//! Bounds: `storage_cache_bytes_max` for one room, and a [`CacheBudget`] that all rooms of a host
//! share. What was used longest ago goes first; a room only ever gives up its own, so that none
//! waits for another's lock. What does not fit is not kept.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use bytes::Bytes;
use hashlink::LruCache;

/// What an entry takes besides its key and its value: its place in the table and in the order.
const ENTRY_BYTES: u64 = 128;

/// What the caches of all rooms may take together.
#[derive(Debug)]
pub struct CacheBudget {
    used: AtomicU64,
    max: u64,
}

impl CacheBudget {
    /// So many bytes.
    #[must_use]
    pub fn new(max: u64) -> Self {
        let used = AtomicU64::new(0);
        Self { used, max }
    }

    /// How many of them are taken.
    #[must_use]
    pub fn used(&self) -> u64 {
        self.used.load(Ordering::Relaxed)
    }

    fn take(&self, bytes: u64) -> bool {
        let more = |used: u64| used.checked_add(bytes).filter(|used| *used <= self.max);
        self.used
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, more)
            .is_ok()
    }

    fn give_back(&self, bytes: u64) {
        self.used.fetch_sub(bytes, Ordering::Relaxed);
    }
}

/// One room's part of it. `None` is a key without a value.
pub(super) struct Cache {
    entries: LruCache<String, Option<Bytes>>,
    bytes: u64,
    max: u64,
    budget: Arc<CacheBudget>,
}

impl Cache {
    pub(super) fn new(max: u64, budget: Arc<CacheBudget>) -> Self {
        Self {
            entries: LruCache::new_unbounded(),
            bytes: 0,
            max,
            budget,
        }
    }

    pub(super) fn get(&mut self, key: &str) -> Option<Option<Bytes>> {
        self.entries.get(key).cloned()
    }

    /// The store has this value now.
    pub(super) fn insert(&mut self, key: &str, value: Option<Bytes>) {
        if let Some(old) = self.entries.remove(key) {
            self.give_back(entry_bytes(key, &old));
        }
        let bytes = entry_bytes(key, &value);
        if bytes > self.max {
            return;
        }
        while self.bytes + bytes > self.max {
            self.drop_oldest();
        }
        while !self.budget.take(bytes) {
            if self.entries.is_empty() {
                return;
            }
            self.drop_oldest();
        }
        self.bytes += bytes;
        self.entries.insert(key.to_owned(), value);
    }

    fn drop_oldest(&mut self) {
        if let Some((key, value)) = self.entries.remove_lru() {
            self.give_back(entry_bytes(&key, &value));
        }
    }

    fn give_back(&mut self, bytes: u64) {
        self.bytes -= bytes;
        self.budget.give_back(bytes);
    }

    pub(super) fn clear(&mut self) {
        // A table that was large once is let go of, too.
        self.entries = LruCache::new_unbounded();
        self.give_back(self.bytes);
    }
}

impl Drop for Cache {
    fn drop(&mut self) {
        self.clear();
    }
}

fn entry_bytes(key: &str, value: &Option<Bytes>) -> u64 {
    ENTRY_BYTES + (key.len() + value.as_ref().map_or(0, Bytes::len)) as u64
}

#[cfg(test)]
mod tests {
    use super::*;

    fn value(bytes: usize) -> Option<Bytes> {
        Some(Bytes::from(vec![0; bytes]))
    }

    #[test]
    fn what_was_used_longest_ago_goes_first_and_what_is_too_large_is_not_kept() {
        let budget = Arc::new(CacheBudget::new(u64::MAX));
        let mut cache = Cache::new(3 * (ENTRY_BYTES + 11), budget.clone());
        for key in ["a", "b", "c"] {
            cache.insert(key, value(10));
        }
        assert!(cache.get("a").is_some());
        cache.insert("d", None);
        assert_eq!(cache.get("b"), None, "it was used longest ago");
        assert_eq!(cache.get("d"), Some(None));
        cache.insert("a", value(10_000));
        assert_eq!(cache.get("a"), None, "the old value is not true any more");
        assert_eq!(cache.get("c"), Some(value(10)));
        drop(cache);
        assert_eq!(budget.used(), 0);
    }

    #[test]
    fn rooms_together_never_take_more_than_the_budget() {
        let budget = Arc::new(CacheBudget::new(4 * (ENTRY_BYTES + 2)));
        let mut caches: Vec<_> = (0..3)
            .map(|_| Cache::new(u64::MAX, budget.clone()))
            .collect();
        for round in 0..10u32 {
            for cache in &mut caches {
                cache.insert(&(round % 7).to_string(), value(1));
                assert!(budget.used() <= 4 * (ENTRY_BYTES + 2));
            }
        }
        assert_eq!(caches[0].get("2"), Some(value(1)), "the newest one is kept");
        let total: u64 = caches.iter().map(|cache| cache.bytes).sum();
        assert_eq!(budget.used(), total);
        caches.clear();
        assert_eq!(budget.used(), 0);
    }
}

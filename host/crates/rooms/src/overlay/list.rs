//! Listing: the writes that are not durable, merged with the entries of the store. Goes around the
//! cache, which would be emptied of everything else by one large listing.

use std::collections::BTreeMap;
use std::ops::Bound;

use partykit_core::{Entry, Limits, Page, Range, ReadError, RoomReader};

use super::Overlay;
use super::layer::Written;

/// Writes in a range, in order.
type Found<'a> = BTreeMap<&'a str, &'a Written>;

impl Overlay {
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
        let written = self.written_in(range);
        // What is written here may hide as many entries there, which the store must go on behind.
        let hidden = u32::try_from(written.len()).unwrap_or(u32::MAX);
        let stored = (!self.hides_the_store()).then(|| {
            reader.range(&Range {
                limit: range.limit.map(|limit| limit.saturating_add(hidden)),
                ..range.clone()
            })
        });
        let mut stored = stored.into_iter().flatten().peekable();
        let mut written = written.into_iter().peekable();
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

    fn hides_the_store(&self) -> bool {
        self.pending.wiped.is_some() || self.layers().any(|layer| layer.wiped)
    }

    /// The writes in a range, newest for each key, in the range's order.
    fn written_in(&self, range: &Range) -> Vec<(&str, &Written)> {
        let mut found = Found::new();
        let pending = &self.pending.written;
        let pending = inside(pending, range).map(|(key, (_, written))| (key, written));
        found.extend(pending);
        for layer in [&self.turn].into_iter().chain(&self.transactions) {
            if layer.wiped {
                found.clear();
            }
            found.extend(inside(&layer.written, range));
        }
        let mut found: Vec<_> = found.into_iter().collect();
        if range.reverse {
            found.reverse();
        }
        found
    }
}

/// The entries of a map whose keys are in a range.
fn inside<'a, V>(
    map: &'a BTreeMap<String, V>,
    range: &Range,
) -> impl Iterator<Item = (&'a str, &'a V)> {
    let start = range.start.as_deref().unwrap_or("");
    let prefix = range.prefix.as_deref().unwrap_or("");
    let bounds = (Bound::Included(start.max(prefix)), Bound::Unbounded);
    let within = |key: &str| range.end.as_deref().is_none_or(|end| key < end);
    let entries = map.range::<str, _>(bounds);
    let entries = entries.map(|(key, value)| (key.as_str(), value));
    entries.take_while(move |(key, _)| key.starts_with(prefix) && within(key))
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

//! Listings, against a sorted map.

use std::collections::BTreeMap;

use bytes::Bytes;
use partykit_core::{Entry, Range};

use super::Opener;
use super::sample::{Random, batch, commit, entries, put, room};

/// What a range of a map is, written down as plainly as possible.
pub(super) fn expected(map: &BTreeMap<String, Bytes>, range: &Range) -> Vec<Entry> {
    let wanted = |key: &String| {
        range.start.as_ref().is_none_or(|start| key >= start)
            && range.end.as_ref().is_none_or(|end| key < end)
            && range
                .prefix
                .as_ref()
                .is_none_or(|prefix| key.starts_with(prefix.as_str()))
    };
    let mut found: Vec<Entry> = map
        .iter()
        .filter(|(key, _)| wanted(key))
        .map(|(key, value)| (key.clone(), value.clone()))
        .collect();
    if range.reverse {
        found.reverse();
    }
    found.truncate(range.limit.map_or(usize::MAX, |limit| limit as usize));
    found
}

pub(super) fn any_range(random: &mut Random) -> Range {
    let mut some = |one_in: usize| (random.below(one_in) == 0).then(|| random.key());
    let (start, end, prefix) = (some(2), some(2), some(3));
    let limit = (random.below(3) == 0).then(|| random.below(90) as u32);
    Range {
        start,
        end,
        prefix,
        reverse: random.below(2) == 0,
        limit,
    }
}

pub(super) fn agree_with_a_map(open: Opener<'_>) {
    let (store, room, next) = (open(), room("r"), super::sample::room("r0"));
    let mut random = Random::new(0xa1);
    let mut map = BTreeMap::new();
    for _ in 0..600 {
        map.insert(random.key(), Bytes::from(random.below(1000).to_string()));
    }
    let writes = map
        .iter()
        .map(|(key, value)| put(key, value.clone()))
        .collect();
    commit(&*store, batch(&room, writes));
    commit(&*store, batch(&next, vec![put("a", "not this room's")]));
    assert!(
        map.len() > 200,
        "several chunks are needed, there are {} keys",
        map.len()
    );
    for round in 0..1000 {
        let range = any_range(&mut random);
        let found = entries(&*store, &room, &range);
        assert!(
            found == expected(&map, &range),
            "round {round}: {range:?} gave {found:?}"
        );
    }
}

pub(super) fn iterator_outlives_its_reader(open: Opener<'_>) {
    let (store, room) = (open(), room("r"));
    let key = |index: usize| format!("{index:04}");
    let all = |value: &'static str| (0..300).map(|at| put(&key(at), value)).collect();
    commit(&*store, batch(&room, all("old")));
    let mut found = store.reader(&room).range(&Range::default());
    let first = found.next();
    assert_eq!(first, Some(Ok((key(0), Bytes::from("old")))));
    commit(&*store, batch(&room, all("new")));
    let elsewhere = std::thread::spawn(move || found.collect::<Result<Vec<Entry>, _>>());
    let rest = elsewhere
        .join()
        .ok()
        .and_then(Result::ok)
        .unwrap_or_default();
    let keys: Vec<String> = rest.iter().map(|(key, _)| key.clone()).collect();
    assert_eq!(
        keys,
        (1..300).map(key).collect::<Vec<_>>(),
        "each key once, in order"
    );
    assert!(
        rest.iter()
            .all(|(_, value)| value == "old" || value == "new")
    );
}

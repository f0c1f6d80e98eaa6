//! Single keys and values.

use std::sync::atomic::{AtomicBool, Ordering};

use bytes::Bytes;
use partykit_core::Range;

use super::Opener;
use super::sample::{Random, batch, commit, delete, entries, get, put, room};

pub(super) fn put_get_delete(open: Opener<'_>) {
    let (store, room) = (open(), room("r"));
    assert_eq!(get(&*store, &room, "a"), None);
    commit(
        &*store,
        batch(&room, vec![put("a", "1"), put("b", "2"), delete("c")]),
    );
    assert_eq!(get(&*store, &room, "a"), Some(Bytes::from("1")));
    commit(&*store, batch(&room, vec![delete("a"), put("b", "3")]));
    assert_eq!(get(&*store, &room, "a"), None);
    assert_eq!(get(&*store, &room, "b"), Some(Bytes::from("3")));
}

pub(super) fn later_write_wins(open: Opener<'_>) {
    let (store, room) = (open(), room("r"));
    let writes = vec![
        put("a", "1"),
        delete("a"),
        put("a", "2"),
        put("b", "1"),
        delete("b"),
    ];
    commit(&*store, batch(&room, writes));
    assert_eq!(get(&*store, &room, "a"), Some(Bytes::from("2")));
    assert_eq!(get(&*store, &room, "b"), None);
}

/// Around the sizes at which backends change how they keep a value.
const SIZES: [usize; 15] = [
    0, 1, 511, 512, 513, 4095, 16_383, 16_384, 16_385, 32_768, 65_535, 65_537, 131_072, 131_106,
    3_000_000,
];

/// Bytes that differ from one place to the next, so that mixed-up pieces are noticed.
fn pattern(len: usize, salt: usize) -> Bytes {
    (0..len).map(|at| ((at / 251) ^ at ^ salt) as u8).collect()
}

pub(super) fn sizes(open: Opener<'_>) {
    let (store, room) = (open(), room("r"));
    for size in SIZES {
        let key = format!("{size:08}");
        commit(&*store, batch(&room, vec![put(&key, pattern(size, 0))]));
    }
    for size in SIZES {
        let read = get(&*store, &room, &format!("{size:08}"));
        assert!(read == Some(pattern(size, 0)), "a value of {size} bytes");
    }
    let all = entries(
        &*store,
        &room,
        &Range {
            reverse: true,
            ..Range::default()
        },
    );
    let read: Vec<usize> = all.iter().rev().map(|(_, value)| value.len()).collect();
    assert_eq!(read, SIZES);
}

pub(super) fn replacing_large(open: Opener<'_>) {
    let (store, room) = (open(), room("r"));
    for (salt, size) in SIZES.iter().chain(SIZES.iter().rev()).enumerate() {
        commit(&*store, batch(&room, vec![put("k", pattern(*size, salt))]));
        assert!(
            get(&*store, &room, "k") == Some(pattern(*size, salt)),
            "{size} bytes"
        );
    }
    commit(&*store, batch(&room, vec![delete("k")]));
    assert!(entries(&*store, &room, &Range::default()).is_empty());
}

pub(super) fn odd_keys(open: Opener<'_>) {
    let (store, room) = (open(), room("r"));
    let long = "\u{10ffff}".repeat(512);
    let keys = [
        "",
        "\0",
        "\0\0",
        " ",
        "a\0",
        "a",
        "a/b",
        "ключ",
        "\u{10ffff}",
        long.as_str(),
    ];
    let writes = keys
        .iter()
        .map(|key| put(key, format!("<{key}>")))
        .collect();
    commit(&*store, batch(&room, writes));
    for key in keys {
        assert_eq!(
            get(&*store, &room, key),
            Some(Bytes::from(format!("<{key}>"))),
            "{key:?}"
        );
    }
    let mut sorted = keys.to_vec();
    sorted.sort_unstable();
    let read: Vec<String> = entries(&*store, &room, &Range::default())
        .into_iter()
        .map(|(key, _)| key)
        .collect();
    assert_eq!(read, sorted);
}

pub(super) fn rooms_are_apart(open: Opener<'_>) {
    let store = open();
    // Names that begin each other, with keys that would continue them.
    let rooms = ["a", "a\0", "aa", "a%2F", "aab", "b"].map(room);
    for (index, room) in rooms.iter().enumerate() {
        let writes = vec![
            put("", index.to_string()),
            put("a", index.to_string()),
            put("\u{10ffff}", ""),
        ];
        commit(&*store, batch(room, writes));
    }
    for (index, room) in rooms.iter().enumerate() {
        let all = entries(&*store, room, &Range::default());
        let keys: Vec<&str> = all.iter().map(|(key, _)| key.as_str()).collect();
        assert_eq!(keys, ["", "a", "\u{10ffff}"], "{room}");
        assert_eq!(
            all.first().map(|(_, value)| value.clone()),
            Some(index.to_string().into())
        );
    }
}

/// One thread replaces values, of one byte repeated and a length that belongs to that byte, while
/// others read them in both ways.
pub(super) fn never_half(open: Opener<'_>) {
    const ROUNDS: usize = 150;
    let (store, room, done) = (open(), room("r"), AtomicBool::new(false));
    let value = |round: usize| {
        let byte = (round % 251) as u8;
        Bytes::from(vec![byte; 40_000 + usize::from(byte) * 300])
    };
    let whole = |found: &Bytes| {
        let byte = found.first().copied().unwrap_or_default();
        found.len() == 40_000 + usize::from(byte) * 300 && found.iter().all(|other| *other == byte)
    };
    let write = |round: usize| {
        let writes = (0..3)
            .map(|key| put(&format!("k{key}"), value(round)))
            .collect();
        commit(&*store, batch(&room, writes));
    };
    write(0);
    std::thread::scope(|scope| {
        for reverse in [false, true] {
            let (store, room, done) = (&store, &room, &done);
            scope.spawn(move || {
                let mut random = Random::new(1);
                while !done.load(Ordering::Acquire) {
                    let range = Range {
                        reverse,
                        ..Range::default()
                    };
                    let all = entries(&**store, room, &range);
                    assert_eq!(all.len(), 3, "a replaced value was missing");
                    assert!(
                        all.iter().all(|(_, value)| whole(value)),
                        "half a value in a range"
                    );
                    let key = format!("k{}", random.below(3));
                    assert!(
                        get(&**store, room, &key).as_ref().is_some_and(whole),
                        "half a value"
                    );
                }
            });
        }
        (1..=ROUNDS).for_each(write);
        done.store(true, Ordering::Release);
    });
    assert_eq!(get(&*store, &room, "k0"), Some(value(ROUNDS)));
}

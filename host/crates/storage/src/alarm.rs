//! Alarms as records: one of each room, and one beside it that is found by its time.
//!
//! Owns two kinds of keys and that they belong together: a room's alarm stands under the room, and
//! an empty record stands under the time and the room, so that those which are due are the first
//! of their kind. Both are written and removed in the room's own batch. Knows no engine.

use bytes::Bytes;
use partykit_core::{Alarm, ReadError, RoomAlarm};

use crate::batch::Written;
use crate::key::{after_prefix, join, names, of_no_room, room_of, shown};
use crate::scan::Bounds;

/// First byte of the keys of alarms.
pub(crate) const ALARM: u8 = b'a';
/// First byte of the keys of the index by time.
pub(crate) const DUE: u8 = b't';

/// The kind and the time, before the room.
pub(crate) const DUE_PREFIX_BYTES: usize = 1 + 8;

/// Of an alarm without its room: time and failures.
pub(crate) const RECORD_BYTES: usize = 8 + 4;

/// Where a room's alarm stands.
pub(crate) fn record_key(names: &[u8]) -> Vec<u8> {
    join(&[ALARM], names)
}

/// Where the index has it. The time has its highest byte first, so that bytes order by time.
pub(crate) fn due_key(at_ms: u64, names: &[u8]) -> Vec<u8> {
    [&[DUE][..], &at_ms.to_be_bytes(), names].concat()
}

pub(crate) fn record(alarm: &Alarm) -> Vec<u8> {
    [
        &alarm.at_ms.to_be_bytes()[..],
        &alarm.failures.to_be_bytes(),
    ]
    .concat()
}

/// `None` when the bytes are no alarm.
pub(crate) fn parse(record: &[u8]) -> Option<Alarm> {
    let (at_ms, failures) = record.split_first_chunk()?;
    Some(Alarm {
        at_ms: u64::from_be_bytes(*at_ms),
        failures: u32::from_be_bytes(failures.try_into().ok()?),
    })
}

/// The alarm of a record that was read.
pub(crate) fn read(key: &[u8], record: &[u8]) -> Result<Alarm, ReadError> {
    let unknown = || ReadError::Corrupt(format!("the alarm {} is unreadable", shown(key)));
    parse(record).ok_or_else(unknown)
}

/// The time and the room of an entry of the index; `None` when it is none.
pub(crate) fn parse_due(key: &[u8]) -> Option<(u64, &[u8])> {
    let (at_ms, names) = key.strip_prefix(&[DUE])?.split_first_chunk()?;
    Some((u64::from_be_bytes(*at_ms), names))
}

/// The writes that put `wanted` in the place of what the room has: its record, and the index as it
/// will be.
pub(crate) fn changes(
    names: &[u8],
    stored: Option<Alarm>,
    wanted: Option<Alarm>,
) -> Vec<(Vec<u8>, Written)> {
    let record = wanted.map(|alarm| Bytes::from(record(&alarm)));
    let mut writes = vec![(record_key(names), record)];
    if let Some(stored) = stored
        && wanted.is_none_or(|wanted| wanted.at_ms != stored.at_ms)
    {
        writes.push((due_key(stored.at_ms, names), None));
    }
    if let Some(wanted) = wanted {
        writes.push((due_key(wanted.at_ms, names), Some(Bytes::new())));
    }
    writes
}

/// Where the index has what is due at `until_ms` or before, behind `after`.
pub(crate) fn due_bounds(after: Option<&RoomAlarm>, until_ms: u64) -> Bounds {
    let low = match after {
        // Nothing lies between a byte string and itself followed by a zero.
        Some(after) => join(&due_key(after.at_ms, &names(&after.room)), &[0]),
        None => vec![DUE],
    };
    let high = match until_ms.checked_add(1) {
        Some(next) => Some(due_key(next, &[])),
        None => after_prefix(&[DUE]),
    };
    Bounds {
        low,
        high,
        reverse: false,
    }
}

/// An entry of the index as a listing has it.
pub(crate) fn listed(key: &[u8]) -> Result<RoomAlarm, ReadError> {
    let found = parse_due(key).and_then(|(at_ms, names)| {
        let room = room_of(names)?;
        Some(RoomAlarm { at_ms, room })
    });
    found.ok_or_else(|| of_no_room(key))
}

#[cfg(test)]
mod tests {
    use super::*;
    use partykit_core::{PartyName, ProjectName, RoomId, RoomKey};

    fn room() -> RoomKey {
        RoomKey {
            project: ProjectName::parse("p").unwrap(),
            party: PartyName::main(),
            room: RoomId::parse("r").unwrap(),
        }
    }

    #[test]
    fn an_alarm_comes_back_from_its_record_and_no_other_length_is_one() {
        for alarm in [(0, 0), (1, u32::MAX), (u64::MAX, 7)] {
            let (at_ms, failures) = alarm;
            let alarm = Alarm { at_ms, failures };
            let bytes = record(&alarm);
            assert_eq!(bytes.len(), RECORD_BYTES);
            assert_eq!(parse(&bytes), Some(alarm));
            assert_eq!(parse(&bytes[1..]), None);
            assert_eq!(parse(&join(&bytes, &[0])), None);
        }
    }

    #[test]
    fn the_index_is_ordered_by_time_and_ends_where_it_was_told() {
        let names = names(&room());
        let times = [0, 1, 255, 256, 65_535, 1 << 40, u64::MAX - 1, u64::MAX];
        let keys: Vec<Vec<u8>> = times.iter().map(|at| due_key(*at, &names)).collect();
        assert!(keys.is_sorted());
        for (until, key) in times.iter().zip(&keys) {
            let bounds = due_bounds(None, *until);
            let inside = |key: &&Vec<u8>| {
                **key >= bounds.low && bounds.high.as_ref().is_none_or(|high| *key < high)
            };
            assert_eq!(keys.iter().rfind(inside), Some(key), "until {until}");
            let alarm = listed(key).unwrap();
            assert_eq!((alarm.at_ms, &alarm.room), (*until, &room()));
            let behind = due_bounds(Some(&alarm), u64::MAX);
            assert!(
                behind.low > *key
                    && keys
                        .iter()
                        .all(|other| other <= key || *other >= behind.low)
            );
        }
    }

    #[test]
    fn a_change_takes_the_old_entry_of_the_index_with_it_and_never_the_new_one() {
        let names = names(&room());
        let alarm = |at_ms| Alarm { at_ms, failures: 0 };
        let last = |stored: Option<u64>, wanted: Option<u64>| {
            let writes = changes(&names, stored.map(alarm), wanted.map(alarm));
            let due = writes.into_iter().filter(|(key, _)| key[0] == DUE);
            let due = due.map(|(key, written)| (parse_due(&key).unwrap().0, written.is_some()));
            due.collect::<Vec<_>>()
        };
        assert_eq!(last(None, Some(5)), [(5, true)]);
        assert_eq!(last(Some(4), Some(5)), [(4, false), (5, true)]);
        assert_eq!(last(Some(5), Some(5)), [(5, true)]);
        assert_eq!(last(Some(5), None), [(5, false)]);
        assert_eq!(last(None, None), []);
    }
}

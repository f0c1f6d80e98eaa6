//! What an operator does with a whole sled store.
//!
//! sled checks each record's checksum when it reads it. What is added here: that every value has
//! all of its pieces, that no piece is left over, that every key is one of a room, that alarms and
//! their index agree.

use std::collections::HashSet;
use std::path::Path;

use ::sled::IVec;
use partykit_core::{BackupReport, CheckReport, ReadError, StoreStats, UpkeepError};

use super::reader::{chunk, get, whole};
use super::shared::Shared;
use super::value::{Head, PIECE};
use crate::alarm::{ALARM, DUE};
use crate::directory::folder_bytes;
use crate::key::{VALUE, after_prefix, shown};
use crate::scan::{Bounds, Scan};
use crate::upkeep::{AlarmCheck, Archive, Tally};

/// Keys of one kind, and what the tree has under them.
fn records(
    shared: &Shared,
    kind: u8,
) -> impl Iterator<Item = Result<(Vec<u8>, IVec), ReadError>> + '_ {
    let bounds = Bounds {
        low: vec![kind],
        high: after_prefix(&[kind]),
        reverse: false,
    };
    let fetch = |bounds: &Bounds, count| shared.read(|tree| chunk(tree, bounds, count));
    Scan::new(bounds, fetch)
}

pub(super) fn stats(shared: &Shared, dir: &Path) -> Result<StoreStats, UpkeepError> {
    let mut tally = Tally::default();
    for record in records(shared, VALUE) {
        let (key, record) = record?;
        let bytes = match Head::parse(&record) {
            Some(Head::Inline(value)) => value.len() as u64,
            Some(Head::Pieces(address)) => address.len,
            None => return Err(UpkeepError::Corrupt(unknown(&key))),
        };
        tally.add(&key, bytes);
    }
    for alarm in records(shared, ALARM) {
        alarm?;
        tally.alarms += 1;
    }
    Ok(StoreStats {
        backend: "sled",
        rooms: tally.rooms,
        keys: tally.keys,
        alarms: tally.alarms,
        content_bytes: tally.bytes,
        disk_bytes: folder_bytes(dir),
        free_bytes: None,
    })
}

/// The caller sees to it that nothing is written meanwhile.
pub(super) fn check(shared: &Shared) -> Result<CheckReport, UpkeepError> {
    let mut report = CheckReport::default();
    let (mut tally, mut pieces) = (Tally::default(), HashSet::new());
    for record in records(shared, VALUE) {
        let (key, record) = match record {
            Ok(record) => record,
            Err(error) => {
                found(&mut report, error)?;
                break;
            }
        };
        if !tally.add(&key, 0) {
            report.problem(format!("the key {} is of no room", shown(&key)));
        }
        if let Some(Head::Pieces(address)) = Head::parse(&record) {
            pieces.extend(address.piece_keys());
        }
        match whole(shared, &key, &record) {
            Ok(Some(_)) => {}
            Ok(None) => report.problem(format!("a piece of {} is missing", shown(&key))),
            Err(error) => found(&mut report, error)?,
        }
    }
    for record in records(shared, PIECE) {
        match record {
            Ok((key, _)) if pieces.contains(&key) => {}
            Ok((key, _)) => report.problem(format!("the piece {} is of no value", shown(&key))),
            Err(error) => {
                found(&mut report, error)?;
                break;
            }
        }
    }
    (report.rooms, report.keys) = (tally.rooms, tally.keys);
    check_alarms(shared, &mut report)?;
    Ok(report)
}

fn check_alarms(shared: &Shared, report: &mut CheckReport) -> Result<(), UpkeepError> {
    for kind in [ALARM, DUE] {
        for record in records(shared, kind) {
            let looked = record.and_then(|(key, record)| {
                let record = whole(shared, &key, &record)?.unwrap_or_default();
                let mut check = AlarmCheck::new(report, |key: &[u8]| get(shared, key));
                match kind {
                    ALARM => check.record(&key, &record),
                    _ => check.due(&key),
                }
            });
            if let Err(error) = looked {
                found(report, error)?;
                break;
            }
        }
    }
    Ok(())
}

/// Damage is a finding; a disk that cannot be read is not.
fn found(report: &mut CheckReport, error: ReadError) -> Result<(), UpkeepError> {
    match error {
        ReadError::Corrupt(text) => {
            report.problem(text);
            Ok(())
        }
        error => Err(error.into()),
    }
}

/// The caller sees to it that nothing is written meanwhile.
pub(super) fn backup(shared: &Shared, file: &Path) -> Result<BackupReport, UpkeepError> {
    let mut archive = Archive::create(file)?;
    for kind in [VALUE, ALARM] {
        for record in records(shared, kind) {
            let (key, record) = record?;
            let value = whole(shared, &key, &record)?;
            let missing = || UpkeepError::Corrupt(format!("a piece of {} is missing", shown(&key)));
            let value = value.ok_or_else(missing)?;
            match kind {
                VALUE => archive.add(&key, &value)?,
                _ => archive.add_alarm(&key, &value)?,
            }
        }
    }
    archive.finish()
}

fn unknown(key: &[u8]) -> String {
    format!("the record of {} is unknown", shown(key))
}

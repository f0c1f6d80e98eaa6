//! A process that is killed while many rooms commit: what it had acknowledged is there, its alarms
//! are still pending, no batch is there in part, and the store opens. This cannot tell a store that
//! syncs from one that does not (`power` does): the kernel keeps the pages of a killed process.
//! What it sees is the engine itself, at moments that no test chooses.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::mpsc::channel;

use bytes::Bytes;
use partykit_core::{RoomAlarm, Store, WriteOp};
use partykit_storage::conformance::{
    Random, alarm, alarm_of, batch, delete, delete_all, get, no_alarm, pending, put, room,
};
use partykit_storage::{Committer, StorageConfig, open};

use crate::long;

const DIR: &str = "PARTYKIT_STORAGE_CRASH_DIR";
const BACKEND: &str = "PARTYKIT_STORAGE_CRASH_BACKEND";
const CHILD: &str = "crash::commits_until_it_is_killed";
const ROOMS: usize = 16;
const KILLS_SHORT: usize = 5;
const KILLS_LONG: usize = 200;

fn store(backend: &str, dir: &Path) -> Arc<dyn Store> {
    open(&StorageConfig::named(backend, dir).unwrap()).unwrap()
}

fn name(number: usize) -> String {
    format!("room{number}")
}

/// Differs from round to round in length and bytes, and in every third round there is none.
fn large(number: usize, round: u64) -> Option<Bytes> {
    let len = 5_000 + (round as usize + number) % 7 * 15_000;
    (!round.is_multiple_of(3)).then(|| Bytes::from(vec![round as u8; len]))
}

/// Another one in each round, sometimes one that other rooms have too, and in every fourth none.
fn due(number: usize, round: u64) -> Option<u64> {
    let at_ms = round * 10 + number as u64 % 3;
    (round != 0 && !round.is_multiple_of(4)).then_some(at_ms)
}

/// The writes of a room's round: they fit together or the batch is there in part.
fn writes(number: usize, round: u64) -> Vec<WriteOp> {
    let text = round.to_string();
    let large = large(number, round).map_or_else(|| delete("large"), |value| put("large", value));
    let alarm = due(number, round).map_or_else(no_alarm, alarm);
    let begin = vec![put(&format!("of {round}"), "1"), put("round", "another")];
    // Everything goes in every third round, what this one has written too.
    let cleared = if round.is_multiple_of(3) {
        vec![delete_all()]
    } else {
        Vec::new()
    };
    let rest = vec![put("round", text.clone()), large, alarm, put("same", text)];
    [begin, cleared, rest].concat()
}

/// Whether a key of an earlier round is there: those since everything went.
fn keeps(round: u64, of: u64) -> bool {
    of <= round && of > round / 3 * 3
}

fn round_of(store: &dyn Store, number: usize, key: &str) -> u64 {
    let text = get(store, &room(&name(number)), key).unwrap_or_else(|| Bytes::from("0"));
    std::str::from_utf8(&text).unwrap().parse().unwrap()
}

#[test]
#[ignore = "the process that a_killed_process_... starts and kills"]
fn commits_until_it_is_killed() {
    let backend = std::env::var(BACKEND).unwrap();
    let store = store(&backend, Path::new(&std::env::var_os(DIR).unwrap()));
    let committer = Committer::start(store.clone()).unwrap();
    std::thread::scope(|scope| {
        for number in 0..ROOMS {
            let (committer, store) = (&committer, &*store);
            scope.spawn(move || {
                let lane = committer.lane();
                for round in round_of(store, number, "round") + 1.. {
                    let (done, answer) = channel();
                    let batch = batch(&room(&name(number)), writes(number, round));
                    let on_done = Box::new(move |result| done.send(result).unwrap());
                    lane.submit(0, batch, on_done);
                    answer.recv().unwrap().unwrap();
                    println!("acknowledged {number} {round} end");
                }
            });
        }
    });
}

/// Starts the child, kills it after so many acknowledgements, and returns the last of each room.
fn run_and_kill(backend: &str, dir: &Path, after: usize) -> BTreeMap<usize, u64> {
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args([
            "--exact",
            CHILD,
            "--ignored",
            "--nocapture",
            "--test-threads=1",
        ])
        .env(DIR, dir)
        .env(BACKEND, backend)
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let (mut seen, mut last) = (0, BTreeMap::new());
    while let Some(Ok(line)) = lines.next() {
        // A line that the kill has cut has no end.
        let words: Vec<&str> = line.split(' ').collect();
        if let [.., "acknowledged", number, round, "end"] = *words {
            last.insert(number.parse().unwrap(), round.parse().unwrap());
            seen += 1;
        }
        if seen == after {
            // Whatever it is doing now; lines that it had written are still read.
            child.kill().unwrap();
        }
    }
    child.wait().unwrap();
    assert!(
        seen >= after,
        "the child ended by itself after {seen} commits"
    );
    last
}

/// The rounds of all rooms, each whole and at least what was acknowledged, with their alarms.
fn check(backend: &str, dir: &Path, acknowledged: &BTreeMap<usize, u64>, what: &str) {
    let store = store(backend, dir);
    let mut alarms = Vec::new();
    for number in 0..ROOMS {
        let round = round_of(&*store, number, "round");
        let last = acknowledged.get(&number).copied().unwrap_or(0);
        let what = format!("{what}, room {number}: {round} after {last}");
        assert!(round == last || round == last + 1, "{what}");
        assert_eq!(round_of(&*store, number, "same"), round, "{what}");
        let room = room(&name(number));
        let value = get(&*store, &room, "large");
        let expected = if round == 0 {
            None
        } else {
            large(number, round)
        };
        assert!(value == expected, "{what}: the large value differs");
        for of in round.saturating_sub(4).max(1)..=round + 1 {
            let found = get(&*store, &room, &format!("of {of}")).is_some();
            assert_eq!(found, keeps(round, of), "{what}: the key of {of}");
        }
        let at_ms = alarm_of(&*store, &room).map(|alarm| alarm.at_ms);
        assert_eq!(at_ms, due(number, round), "{what}: its alarm");
        alarms.extend(at_ms.map(|at_ms| RoomAlarm { at_ms, room }));
    }
    let found = pending(&*store);
    assert!(found.is_sorted_by_key(|alarm| alarm.at_ms), "{what}");
    let by_room = |mut alarms: Vec<RoomAlarm>| {
        alarms.sort_unstable_by(|a, b| a.room.cmp(&b.room));
        alarms
    };
    assert_eq!(by_room(found), by_room(alarms), "{what}: what is pending");
    let report = store.check().unwrap();
    assert!(report.is_sound(), "{what}: {report:?}");
    store.close().unwrap();
}

fn kills(backend: &str) {
    let kills = if long() { KILLS_LONG } else { KILLS_SHORT };
    let temp = tempfile::tempdir().unwrap();
    let mut random = Random::new(0xdead);
    let (mut acknowledged, mut commits) = (BTreeMap::new(), 0);
    for kill in 0..kills {
        // Some while it is still opening, most in the middle of the work.
        let after = 1 + random.below(if kill % 4 == 0 { 4 } else { 400 });
        let last = run_and_kill(backend, temp.path(), after);
        commits += after;
        let what = format!("{backend}, kill {kill}");
        let mut all = acknowledged.clone();
        all.extend(last);
        check(backend, temp.path(), &all, &what);
        // The next round goes on from what is there, acknowledged or not.
        acknowledged = rounds(backend, temp.path());
    }
    println!("{backend}: killed {kills} times after {commits} acknowledgements, nothing lost");
}

fn rounds(backend: &str, dir: &Path) -> BTreeMap<usize, u64> {
    let store = store(backend, dir);
    let rounds = (0..ROOMS).map(|number| (number, round_of(&*store, number, "round")));
    let rounds = rounds.collect();
    store.close().unwrap();
    rounds
}

#[test]
fn a_killed_process_has_lost_nothing_that_sled_acknowledged() {
    kills("sled");
}

#[test]
fn a_killed_process_has_lost_nothing_that_sqlite_acknowledged() {
    kills("sqlite");
}

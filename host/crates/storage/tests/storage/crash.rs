//! A process that is killed while it commits: what it had acknowledged is there, and no batch is
//! there in part. This cannot tell a store that syncs from one that does not (`syncs` does): the
//! kernel keeps the pages of a killed process.

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Command, Stdio};

use bytes::Bytes;
use partykit_storage::conformance::{Random, batch, get, put, room};

use crate::sled;

const DIR: &str = "PARTYKIT_STORAGE_CRASH_DIR";
const CHILD: &str = "crash::commits_until_it_is_killed";
const ROOMS: [&str; 3] = ["a", "aa", "b"];
const SEED: u64 = 0xdead;

fn large(round: u64) -> Bytes {
    Bytes::from(vec![round as u8; 20_000 + (round % 7) as usize * 15_000])
}

fn number(store: &dyn partykit_core::Store, name: &str, key: &str) -> u64 {
    let text = get(store, &room(name), key).unwrap_or_else(|| Bytes::from("0"));
    std::str::from_utf8(&text).unwrap().parse().unwrap()
}

#[test]
#[ignore = "the process that a_killed_process_... starts and kills"]
fn commits_until_it_is_killed() {
    let store = sled(Path::new(&std::env::var_os(DIR).unwrap()));
    for round in number(&*store, "a", "round") + 1.. {
        let of_room = |name| {
            let text = round.to_string();
            let writes = vec![
                put("round", text.clone()),
                put("large", large(round)),
                put("same", text),
            ];
            batch(&room(name), writes)
        };
        assert!(
            store
                .commit(ROOMS.map(of_room).into())
                .iter()
                .all(Result::is_ok)
        );
        println!("acknowledged {round}");
    }
}

/// Starts the child, kills it after so many acknowledgements, and returns the last one.
fn run_and_kill(dir: &Path, after: usize) -> u64 {
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args([
            "--exact",
            CHILD,
            "--ignored",
            "--nocapture",
            "--test-threads=1",
        ])
        .env(DIR, dir)
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let (mut seen, mut last) = (0, 0);
    while let Some(Ok(line)) = lines.next() {
        if let Some((_, round)) = line.split_once("acknowledged ") {
            last = round.parse().unwrap();
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

#[test]
fn a_killed_process_has_lost_nothing_acknowledged_and_left_no_batch_half() {
    let temp = tempfile::tempdir().unwrap();
    let mut random = Random::new(SEED);
    for kill in 0..6 {
        let last = run_and_kill(temp.path(), 1 + random.below(40));
        let store = sled(temp.path());
        for name in ROOMS {
            let round = number(&*store, name, "round");
            assert!(
                round == last || round == last + 1,
                "kill {kill}: {round} after {last}"
            );
            assert_eq!(
                number(&*store, name, "same"),
                round,
                "kill {kill}, room {name}"
            );
            let value = get(&*store, &room(name), "large").unwrap();
            assert!(
                value == large(round),
                "kill {kill}, room {name}: the large value differs"
            );
        }
        store.close().unwrap();
    }
}

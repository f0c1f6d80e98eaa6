//! Stored values against the V8 of this machine's Node: random ones, written by V8, are read here
//! and written again, and V8 must find in that what it had written.
//!
//! `PARTYKIT_VALUES` says how many (thousands, or a million with `PARTYKIT_LONG_TESTS`),
//! `PARTYKIT_VALUES_SEED` which. The values and the comparison are in
//! guest-sdk/js/test/random-values.mjs.

use std::io::{BufReader, Read, Write};
use std::process::{Command, Stdio};

use super::*;

const VALUES: u64 = 4_000;
const LONG_VALUES: u64 = 1_000_000;
/// So many are handed over at a time.
const AT_ONCE: u64 = 200;

fn number(name: &str, otherwise: u64) -> u64 {
    let value = std::env::var(name).ok();
    value
        .and_then(|value| value.parse().ok())
        .unwrap_or(otherwise)
}

/// The value whose key such a complaint begins with.
fn bytes_of(complaint: &str) -> String {
    let key = complaint
        .rsplit_once("UTF-8] ")
        .map_or("", |(_, text)| text);
    let key = key.split(' ').next().unwrap_or_default();
    let bytes = recorded::with(|host| host.stored.get(key).cloned());
    let bytes = bytes.unwrap_or_default();
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn frame(from: &mut impl Read) -> Vec<u8> {
    let mut length = [0; 4];
    from.read_exact(&mut length)
        .expect("another value of node's");
    let mut bytes = vec![0; u32::from_le_bytes(length) as usize];
    from.read_exact(&mut bytes).expect("a whole value");
    bytes
}

#[test]
fn what_v8_writes_is_read_and_written_again_without_loss() {
    started(
        "export default class {
            constructor(room) { this.s = room.storage }
            async onRequest() {
                for (let n = 0; ; n++) {
                    const key = `${n}`.padStart(6, '0')
                    try {
                        const value = await this.s.get(key)
                        if (value === undefined) return new Response('ok')
                        await this.s.put(key, value)
                    } catch (error) { return new Response(`${key} ${error}`) }
                }
            }
        }",
    );
    let is_long = std::env::var_os("PARTYKIT_LONG_TESTS").is_some();
    let values = if is_long { LONG_VALUES } else { VALUES };
    let values = number("PARTYKIT_VALUES", values);
    let seed = number("PARTYKIT_VALUES_SEED", 1);
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/../js/test/random-values.mjs");
    let mut node = Command::new("node")
        .args([
            script,
            &seed.to_string(),
            &values.to_string(),
            &AT_ONCE.to_string(),
        ])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("node is needed to make values of V8's");
    let mut input = node.stdin.take().expect("piped");
    let mut output = BufReader::new(node.stdout.take().expect("piped"));
    let mut left = values;
    while left > 0 {
        let count = left.min(AT_ONCE);
        recorded::with(|host| {
            host.stored = (0..count)
                .map(|at| (format!("{at:06}"), frame(&mut output)))
                .collect();
        });
        request(2, "GET", "/", None);
        let effects = took();
        let last = effects.last().map_or("nothing", String::as_str);
        assert!(
            last.ends_with("ok"),
            "seed {seed}: {last}: {}",
            bytes_of(last)
        );
        let mut answer = Vec::new();
        recorded::with(|host| {
            for bytes in host.stored.values() {
                answer.extend((bytes.len() as u32).to_le_bytes());
                answer.extend(bytes);
            }
        });
        // A node that has found a difference has gone; what it said is above.
        if input.write_all(&answer).is_err() {
            break;
        }
        left -= count;
    }
    drop(input);
    let status = node.wait().expect("node ends");
    assert!(status.success(), "seed {seed}: see what node wrote");
}

//! A JSON document that the room must parse, walk, hash and print again. The room's part
//! (bench/rooms) is
//!
//! ```text
//! h = seq|0; for each item: for each value h = imul(h,31)+v|0; h = imul(h,31)+name.length|0
//! for i in 0..loops: h = imul(h ^ (h>>>13), 0x5bd1e995)+i|0
//! doc.sum = h; answer JSON.stringify(doc)
//! ```
//!
//! and is computed here as well, so that the answer can be compared byte for byte.

use std::io::Write as _;

use crate::text::{Numbers, padding, shown};
use crate::work::Work;

/// Numbers of one item.
const VALUES: usize = 12;

/// What the head and the sum take of the document's size.
const AROUND: usize = 60;

/// The work of a connection of the mode cpu.
pub(crate) struct Document {
    /// Everything behind the number of the message.
    tail: Vec<u8>,
    items: Vec<Item>,
    loops: i32,
    buf: Vec<u8>,
}

struct Item {
    values: Vec<i32>,
    name_length: i32,
}

impl Document {
    pub(crate) fn new(connection: u64, size: usize, loops: i32) -> Self {
        let head = format!(r#","loops":{loops},"title":"doc-{connection}","items":["#);
        let mut tail = head.into_bytes();
        let mut items = Vec::new();
        let mut numbers = Numbers::new(connection);
        while tail.len() < size.saturating_sub(AROUND) || items.is_empty() {
            if !items.is_empty() {
                tail.push(b',');
            }
            items.push(Item::write(items.len(), &mut numbers, &mut tail));
        }
        tail.push(b']');
        Self {
            tail,
            items,
            loops,
            buf: Vec::new(),
        }
    }

    fn fill(&mut self, seq: u64) {
        self.buf.clear();
        // Writing to a Vec cannot fail.
        let _ = write!(self.buf, r#"{{"seq":{seq}"#);
        self.buf.extend_from_slice(&self.tail);
    }

    fn sum(&self, seq: u64) -> i32 {
        let mut hash = seq as i32;
        for item in &self.items {
            for value in item.values.iter().chain([&item.name_length]) {
                hash = hash.wrapping_mul(31).wrapping_add(*value);
            }
        }
        for i in 0..self.loops {
            let mixed = hash ^ ((hash as u32) >> 13) as i32;
            hash = mixed.wrapping_mul(0x5bd1_e995).wrapping_add(i);
        }
        hash
    }
}

impl Item {
    /// Makes one and appends its JSON.
    fn write(index: usize, numbers: &mut Numbers, out: &mut Vec<u8>) -> Self {
        let mut random = || numbers.next() >> 33;
        let name = String::from_utf8_lossy(&padding(random(), 12)).into_owned();
        let name = format!("item-{index}-{name}");
        let values: Vec<i32> = (0..VALUES)
            .map(|_| (random() % 100_000) as i32 - 20_000)
            .collect();
        let list: Vec<String> = values.iter().map(ToString::to_string).collect();
        let (on, tag, list) = (random() % 2 == 0, random() % 10, list.join(","));
        // Writing to a Vec cannot fail.
        let _ = write!(
            out,
            r#"{{"id":{index},"name":"{name}","on":{on},"at":null,"#
        );
        let _ = write!(out, r#""tags":["red","g{tag}"],"values":[{list}]}}"#);
        Self {
            values,
            name_length: name.len() as i32,
        }
    }
}

impl Work for Document {
    fn make(&mut self, seq: u64, out: &mut Vec<u8>) {
        self.fill(seq);
        out.clear();
        out.extend_from_slice(&self.buf);
        out.push(b'}');
    }

    fn check(&mut self, seq: u64, got: &[u8]) -> Option<String> {
        self.fill(seq);
        let sum = self.sum(seq);
        // Writing to a Vec cannot fail.
        let _ = write!(self.buf, r#","sum":{sum}}}"#);
        if got == self.buf {
            return None;
        }
        let end = |bytes: &[u8]| shown(&bytes[bytes.len().saturating_sub(40)..]);
        let (wanted, got) = (end(&self.buf), end(got));
        Some(format!(
            "wrong document, e.g. wanted ..{wanted} got ..{got}"
        ))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_document_is_valid_and_near_its_size() {
        let mut document = Document::new(3, 4096, 2000);
        let mut message = Vec::new();
        document.make(9, &mut message);
        let read: serde_json::Value = serde_json::from_slice(&message).unwrap();
        assert_eq!(read["seq"], 9);
        assert_eq!(read["items"][0]["values"].as_array().unwrap().len(), VALUES);
        assert!((3900..4400).contains(&message.len()), "{}", message.len());
    }

    #[test]
    fn only_the_document_with_its_sum_is_the_answer() {
        let mut document = Document::new(3, 4096, 2000);
        let mut answer = Vec::new();
        document.make(9, &mut answer);
        assert!(document.check(9, &answer).is_some(), "the sum is missing");
        answer.pop();
        answer.extend(format!(r#","sum":{}}}"#, document.sum(9)).bytes());
        assert_eq!(document.check(9, &answer), None);
        assert!(
            document.check(10, &answer).is_some(),
            "the answer to another message"
        );
    }
}

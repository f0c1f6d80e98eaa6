//! The packets that esbuild and its JavaScript library exchange over a pipe: a length, an id whose
//! lowest bit says whether it is an answer, and one value. All numbers are little-endian.

use std::collections::BTreeMap;

/// What a packet carries.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Value {
    Null,
    Bool(bool),
    Number(u32),
    Text(String),
    Bytes(Vec<u8>),
    List(Vec<Self>),
    Record(Record),
}

/// The names and values of one object.
pub(super) type Record = BTreeMap<String, Value>;

/// One message, a question or the answer to one.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Packet {
    /// Of the question, in an answer too.
    pub(super) id: u32,
    pub(super) is_answer: bool,
    pub(super) value: Value,
}

/// What came is no packet.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("esbuild sent something that is not of its protocol")]
pub(crate) struct NotAPacket;

/// Values within values. esbuild's go five deep.
const DEPTH_MAX: usize = 32;

impl Value {
    pub(super) fn text(text: impl Into<String>) -> Self {
        Self::Text(text.into())
    }

    pub(super) fn texts(texts: impl IntoIterator<Item = String>) -> Self {
        Self::List(texts.into_iter().map(Self::Text).collect())
    }

    pub(super) fn record<const N: usize>(entries: [(&str, Self); N]) -> Self {
        let entries = entries.map(|(name, value)| (name.to_owned(), value));
        Self::Record(Record::from(entries))
    }

    /// The entries; none of a value that is no record.
    pub(super) fn get(&self, name: &str) -> Option<&Self> {
        match self {
            Self::Record(record) => record.get(name),
            _ => None,
        }
    }

    pub(super) fn as_text(&self) -> Option<&str> {
        match self {
            Self::Text(text) => Some(text),
            _ => None,
        }
    }

    pub(super) fn as_number(&self) -> Option<u32> {
        match self {
            Self::Number(number) => Some(*number),
            _ => None,
        }
    }

    pub(super) fn as_list(&self) -> &[Self] {
        match self {
            Self::List(items) => items,
            _ => &[],
        }
    }
}

impl Packet {
    /// With its length in front.
    pub(super) fn encode(&self) -> Vec<u8> {
        let mut out = vec![0; 4];
        put_number(&mut out, (self.id << 1) | u32::from(self.is_answer));
        put(&mut out, &self.value);
        let length = length(out.len() - 4);
        out.splice(..4, length.to_le_bytes());
        out
    }

    /// Without its length.
    pub(super) fn decode(bytes: &[u8]) -> Result<Self, NotAPacket> {
        let mut reader = Reader(bytes);
        let id = reader.number()?;
        let value = reader.value(0)?;
        if !reader.0.is_empty() {
            return Err(NotAPacket);
        }
        Ok(Self {
            id: id >> 1,
            is_answer: id & 1 == 1,
            value,
        })
    }
}

/// Options and paths: nobody writes four gigabytes of them.
fn length(length: usize) -> u32 {
    u32::try_from(length).unwrap_or(u32::MAX)
}

fn put_number(out: &mut Vec<u8>, number: u32) {
    out.extend_from_slice(&number.to_le_bytes());
}

fn put_bytes(out: &mut Vec<u8>, bytes: &[u8]) {
    put_number(out, length(bytes.len()));
    out.extend_from_slice(bytes);
}

fn put(out: &mut Vec<u8>, value: &Value) {
    match value {
        Value::Null => out.push(0),
        Value::Bool(truth) => out.extend([1, u8::from(*truth)]),
        Value::Number(number) => {
            out.push(2);
            put_number(out, *number);
        }
        Value::Text(text) => {
            out.push(3);
            put_bytes(out, text.as_bytes());
        }
        Value::Bytes(bytes) => {
            out.push(4);
            put_bytes(out, bytes);
        }
        Value::List(items) => {
            out.push(5);
            put_number(out, length(items.len()));
            items.iter().for_each(|item| put(out, item));
        }
        Value::Record(record) => {
            out.push(6);
            put_number(out, length(record.len()));
            for (name, value) in record {
                put_bytes(out, name.as_bytes());
                put(out, value);
            }
        }
    }
}

struct Reader<'b>(&'b [u8]);

impl<'b> Reader<'b> {
    fn take(&mut self, count: usize) -> Result<&'b [u8], NotAPacket> {
        let (taken, rest) = self.0.split_at_checked(count).ok_or(NotAPacket)?;
        self.0 = rest;
        Ok(taken)
    }

    fn byte(&mut self) -> Result<u8, NotAPacket> {
        self.take(1)?.first().copied().ok_or(NotAPacket)
    }

    fn number(&mut self) -> Result<u32, NotAPacket> {
        let bytes = self.take(4)?.try_into().map_err(|_| NotAPacket)?;
        Ok(u32::from_le_bytes(bytes))
    }

    fn bytes(&mut self) -> Result<&'b [u8], NotAPacket> {
        let count = self.number()?;
        self.take(count as usize)
    }

    fn text(&mut self) -> Result<String, NotAPacket> {
        Ok(String::from_utf8_lossy(self.bytes()?).into_owned())
    }

    fn value(&mut self, depth: usize) -> Result<Value, NotAPacket> {
        if depth > DEPTH_MAX {
            return Err(NotAPacket);
        }
        Ok(match self.byte()? {
            0 => Value::Null,
            1 => Value::Bool(self.byte()? != 0),
            2 => Value::Number(self.number()?),
            3 => Value::Text(self.text()?),
            4 => Value::Bytes(self.bytes()?.to_owned()),
            5 => {
                let count = self.number()?;
                // Not allocated in advance: the count is only a claim.
                let items: Result<_, _> = (0..count).map(|_| self.value(depth + 1)).collect();
                Value::List(items?)
            }
            6 => {
                let count = self.number()?;
                let entries: Result<_, _> = (0..count)
                    .map(|_| Ok((self.text()?, self.value(depth + 1)?)))
                    .collect();
                Value::Record(entries?)
            }
            _ => return Err(NotAPacket),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn packet() -> Packet {
        Packet {
            id: 7,
            is_answer: false,
            value: Value::record([
                ("command", Value::text("build")),
                ("key", Value::Number(3)),
                ("write", Value::Bool(false)),
                ("none", Value::Null),
                ("contents", Value::Bytes(vec![0, 255])),
                (
                    "flags",
                    Value::texts(["--bundle".to_owned(), "ü".to_owned()]),
                ),
            ]),
        }
    }

    #[test]
    fn what_is_written_is_read_back() {
        let bytes = packet().encode();
        let (length, rest) = bytes.split_at(4);
        assert_eq!(
            u32::from_le_bytes(length.try_into().unwrap()) as usize,
            rest.len()
        );
        assert_eq!(Packet::decode(rest), Ok(packet()));
    }

    #[test]
    fn a_packet_looks_as_esbuilds_library_writes_it() {
        let ping = Packet {
            id: 1,
            is_answer: true,
            value: Value::record([("a", Value::Bool(true))]),
        };
        let expected = [
            16, 0, 0, 0, // length
            3, 0, 0, 0, // id and "answer"
            6, 1, 0, 0, 0, // an object of one entry
            1, 0, 0, 0, b'a', 1, 1,
        ];
        assert_eq!(ping.encode(), expected);
    }

    #[test]
    fn a_packet_that_is_cut_or_altered_is_refused_and_never_a_panic() {
        let whole = packet().encode().split_off(4);
        for end in 0..whole.len() {
            assert_eq!(Packet::decode(&whole[..end]), Err(NotAPacket), "{end}");
        }
        for at in 0..whole.len() {
            for byte in [0, 1, 5, 6, 0x7f, 0xff] {
                let mut altered = whole.clone();
                altered[at] = byte;
                let _ = Packet::decode(&altered);
            }
        }
        let lists: Vec<u8> = [0, 0, 0, 0]
            .into_iter()
            .chain([5, 1, 0, 0, 0].repeat(1000))
            .collect();
        assert_eq!(Packet::decode(&lists), Err(NotAPacket));
    }
}

//! The lines of an export, one by one: text to data and back. What must follow what is the file
//! source's business.

use std::borrow::Cow;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use partykit_core::Alarm;
use partykit_value::Graph;
use serde::{Deserialize, Deserializer};
use serde_json::value::RawValue;

/// What the first line says.
const FORMAT: &str = "export";

/// The version that is written, and the only one there is.
pub(super) const VERSION: u64 = 1;

/// One line. Names are as they stand there, unchecked.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Line {
    Begin { version: u64 },
    Room(RoomLine),
    Entry { key: String, value: Vec<u8> },
    RoomEnd { keys: u64 },
    End { rooms: u64, keys: u64 },
}

/// The first line of a room.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct RoomLine {
    pub(super) room: String,
    pub(super) party: String,
    pub(super) project: String,
    pub(super) alarm: Option<Alarm>,
}

/// Every field that some line has.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Fields<'a> {
    #[serde(borrow)]
    partykit: Option<Cow<'a, str>>,
    version: Option<u64>,
    #[serde(borrow)]
    room: Option<Cow<'a, str>>,
    #[serde(borrow)]
    party: Option<Cow<'a, str>>,
    #[serde(borrow)]
    project: Option<Cow<'a, str>>,
    alarm: Option<u64>,
    failures: Option<u32>,
    #[serde(borrow)]
    key: Option<Cow<'a, str>>,
    #[serde(borrow, deserialize_with = "given")]
    value: Option<&'a RawValue>,
    #[serde(borrow)]
    bytes: Option<Cow<'a, str>>,
    #[serde(borrow)]
    end: Option<Cow<'a, str>>,
    rooms: Option<u64>,
    keys: Option<u64>,
}

/// A null is a value, and not the absence of one.
fn given<'de, D: Deserializer<'de>>(from: D) -> Result<Option<&'de RawValue>, D::Error> {
    <&RawValue>::deserialize(from).map(Some)
}

impl Line {
    /// Reads one line, without its end.
    ///
    /// # Errors
    /// What is wrong with it.
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        let fields: Fields<'_> = serde_json::from_str(text).map_err(|error| {
            // There is one line, and it has a number of its own.
            error
                .to_string()
                .replace(" at line 1 column ", ", at column ")
        })?;
        match fields {
            Fields {
                partykit: Some(ref what),
                version: Some(version),
                ..
            } if what == FORMAT => fields.only(2, Self::Begin { version }),
            Fields { key: Some(_), .. } => fields.entry(),
            Fields { room: Some(_), .. } => fields.room(),
            Fields { end: Some(_), .. } => fields.end(),
            _ => Err("it is no line of an export".to_owned()),
        }
    }
}

impl Fields<'_> {
    fn count(&self) -> usize {
        let Self {
            partykit,
            version,
            room,
            party,
            project,
            alarm,
            failures,
            key,
            value,
            bytes,
            end,
            rooms,
            keys,
        } = self;
        let texts = [partykit, room, party, project, key, bytes, end];
        let numbers = [version, alarm, rooms, keys];
        texts.iter().filter(|text| text.is_some()).count()
            + numbers.iter().filter(|number| number.is_some()).count()
            + usize::from(failures.is_some())
            + usize::from(value.is_some())
    }

    /// The line, if it has no more fields than it needs.
    fn only(&self, fields: usize, line: Line) -> Result<Line, String> {
        if self.count() == fields {
            return Ok(line);
        }
        Err("it has fields of different lines".to_owned())
    }

    fn entry(&self) -> Result<Line, String> {
        let value = match (self.value, &self.bytes) {
            (Some(value), None) => {
                let graph = Graph::from_json(value.get()).map_err(|error| error.to_string())?;
                graph.to_bytes().map_err(|error| error.to_string())?
            }
            (None, Some(bytes)) => {
                let bytes = BASE64.decode(&**bytes);
                bytes.map_err(|error| format!("\"bytes\" is no base64: {error}"))?
            }
            _ => return Err("a key has a \"value\", or \"bytes\"".to_owned()),
        };
        let key = self.key.as_deref().unwrap_or_default().to_owned();
        self.only(2, Line::Entry { key, value })
    }

    fn room(&self) -> Result<Line, String> {
        let text = |name, text: &Option<Cow<'_, str>>| {
            let text = text.as_deref().map(str::to_owned);
            text.ok_or_else(|| format!("a room has a \"{name}\""))
        };
        let alarm = self.alarm.map(|at_ms| Alarm {
            at_ms,
            failures: self.failures.unwrap_or(0),
        });
        let fields = 3 + usize::from(alarm.is_some()) + usize::from(self.failures.is_some());
        if alarm.is_none() && self.failures.is_some() {
            return Err("\"failures\" are those of an \"alarm\"".to_owned());
        }
        let line = Line::Room(RoomLine {
            room: text("room", &self.room)?,
            party: text("party", &self.party)?,
            project: text("project", &self.project)?,
            alarm,
        });
        self.only(fields, line)
    }

    fn end(&self) -> Result<Line, String> {
        match (self.end.as_deref(), self.rooms, self.keys) {
            (Some("room"), None, Some(keys)) => self.only(2, Line::RoomEnd { keys }),
            (Some(FORMAT), Some(rooms), Some(keys)) => self.only(3, Line::End { rooms, keys }),
            _ => Err("it ends neither a room nor the export".to_owned()),
        }
    }
}

/// The first line.
pub(super) fn begin() -> String {
    format!("{{\"partykit\":\"{FORMAT}\",\"version\":{VERSION}}}")
}

/// The first line of a room.
pub(super) fn room(line: &RoomLine) -> String {
    let RoomLine {
        room,
        party,
        project,
        alarm,
    } = line;
    let alarm = alarm.map_or_else(String::new, |alarm| {
        let failures = match alarm.failures {
            0 => String::new(),
            failures => format!(",\"failures\":{failures}"),
        };
        format!(",\"alarm\":{}{failures}", alarm.at_ms)
    });
    let [room, party, project] = [room, party, project].map(|name| quoted(name));
    format!("{{\"room\":{room},\"party\":{party},\"project\":{project}{alarm}}}")
}

/// A key with its value. Bytes that are no JavaScript value are carried as they are.
pub(super) fn entry(key: &str, bytes: &[u8]) -> String {
    let key = quoted(key);
    let json = Graph::from_bytes(bytes).ok();
    let json = json.and_then(|graph| graph.to_json().ok());
    match json {
        Some(value) => format!("{{\"key\":{key},\"value\":{value}}}"),
        None => format!("{{\"key\":{key},\"bytes\":\"{}\"}}", BASE64.encode(bytes)),
    }
}

/// The last line of a room.
pub(super) fn room_end(keys: u64) -> String {
    format!("{{\"end\":\"room\",\"keys\":{keys}}}")
}

/// The last line.
pub(super) fn end(rooms: u64, keys: u64) -> String {
    format!("{{\"end\":\"{FORMAT}\",\"rooms\":{rooms},\"keys\":{keys}}}")
}

fn quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_read_as_they_are_written() {
        let alarm = |failures| Some(Alarm { at_ms: 5, failures });
        for (text, line) in [
            (begin(), Line::Begin { version: 1 }),
            (room_end(2), Line::RoomEnd { keys: 2 }),
            (end(1, 2), Line::End { rooms: 1, keys: 2 }),
        ] {
            assert_eq!(Line::parse(&text), Ok(line), "{text}");
        }
        for alarm in [None, alarm(0), alarm(3)] {
            let line = RoomLine {
                room: "a\"b/\u{e9}".to_owned(),
                party: "main".to_owned(),
                project: "p".to_owned(),
                alarm,
            };
            assert_eq!(Line::parse(&room(&line)), Ok(Line::Room(line)));
        }
        for bytes in [&b"\xff\x0f0"[..], b"\xff\x0f_", b"raw", b""] {
            let value = bytes.to_vec();
            let key = "k\n".to_owned();
            let text = entry(&key, bytes);
            assert_eq!(Line::parse(&text), Ok(Line::Entry { key, value }), "{text}");
        }
    }

    #[test]
    fn what_is_no_line_says_why() {
        for (text, expected) in [
            ("", "EOF while parsing a value, at column 0"),
            ("[]", "it is no line of an export"),
            ("{}", "it is no line of an export"),
            (
                r#"{"partykit":"backup","version":1}"#,
                "it is no line of an export",
            ),
            (r#"{"kye":"a"}"#, "unknown field `kye`"),
            (r#"{"key":"a"}"#, "a key has a \"value\", or \"bytes\""),
            (
                r#"{"key":"a","value":1,"bytes":""}"#,
                "a key has a \"value\", or \"bytes\"",
            ),
            (r#"{"key":"a","value":{"$x":1}}"#, "there is no \"$x\""),
            (r#"{"key":"a","bytes":"?"}"#, "\"bytes\" is no base64"),
            (
                r#"{"key":"a","value":1,"keys":1}"#,
                "it has fields of different lines",
            ),
            (
                r#"{"key":1,"value":1}"#,
                "invalid type: integer `1`, expected a string",
            ),
            (r#"{"room":"a","party":"b"}"#, "a room has a \"project\""),
            (
                r#"{"room":"a","party":"b","project":"c","failures":1}"#,
                "\"failures\" are those",
            ),
            (
                r#"{"end":"rooms","keys":1}"#,
                "it ends neither a room nor the export",
            ),
            (
                r#"{"end":"room","rooms":1,"keys":1}"#,
                "it ends neither a room nor the export",
            ),
        ] {
            let error = Line::parse(text).unwrap_err();
            assert!(error.starts_with(expected), "{text}: {error}");
        }
    }
}

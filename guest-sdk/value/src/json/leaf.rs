//! What stands in a field: a string, a number, a list, and nothing else.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;

use super::error::{JsonError, Result};
use super::name;
use super::tree::Json;
use crate::{Text, tag};

pub(super) fn bytes(json: &Json) -> Result<Vec<u8>> {
    let bytes = BASE64.decode(string(json)?);
    bytes.map_err(|error| JsonError::new(format!("it is no base64: {error}")))
}

pub(super) fn flags(text: &str) -> Result<u32> {
    let mut bits = 0;
    for flag in text.chars() {
        let known = tag::REGEXP_FLAGS.iter().find(|(known, _)| *known == flag);
        let bit = known.map(|(_, bit)| *bit).filter(|bit| bits & bit == 0);
        bits |= bit.ok_or_else(|| JsonError::new("its flags are some of dgimsuvy, each once"))?;
    }
    Ok(bits)
}

/// A string, or one in pieces.
pub(super) fn text(json: &Json) -> Result<Text> {
    match json {
        Json::String(text) => Ok(text.as_str().into()),
        Json::Object(entries) => match entries.as_slice() {
            [(key, content)] if key == name::STRING => pieces(content),
            _ => Err(wrong("a string", json)),
        },
        other => Err(wrong("a string", other)),
    }
}

pub(super) fn pieces(json: &Json) -> Result<Text> {
    let mut units = Vec::new();
    for piece in list(json)? {
        match piece {
            Json::String(text) => units.extend(text.encode_utf16()),
            Json::Number(_) => {
                let unit = u16::try_from(whole(piece)?);
                units.push(unit.map_err(|_| wrong("a code unit below 65536", piece))?);
            }
            other => return Err(wrong("a string or a code unit", other)),
        }
    }
    Ok(Text::from_units(units))
}

pub(super) fn string(json: &Json) -> Result<&str> {
    match json {
        Json::String(text) => Ok(text),
        other => Err(wrong("a string", other)),
    }
}

pub(super) fn list(json: &Json) -> Result<&[Json]> {
    match json {
        Json::Array(items) => Ok(items),
        other => Err(wrong("a list", other)),
    }
}

pub(super) fn number(json: &Json) -> Result<f64> {
    match json {
        Json::Number(number) => Ok(*number),
        other => Err(wrong("a number", other)),
    }
}

/// A whole number of 32 bits.
pub(super) fn whole(json: &Json) -> Result<u32> {
    let number = number(json)?;
    let fits = number.fract() == 0.0 && (0.0..=f64::from(u32::MAX)).contains(&number);
    if !fits {
        return Err(JsonError::new(
            "it must be a whole number from 0 to 4294967295",
        ));
    }
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "checked above"
    )]
    Ok(number as u32)
}

pub(super) fn id_of(json: &Json) -> Result<u64> {
    whole(json).map(u64::from)
}

pub(super) fn wrong(wanted: &str, found: &Json) -> JsonError {
    JsonError::new(format!("it must be {wanted}, not {}", found.kind()))
}

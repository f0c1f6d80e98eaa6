//! UTF-8 and UTF-16 text, in Rust because JavaScript is slow at it.

use rquickjs::{Array, ArrayBuffer, Ctx, Exception, Result, Value};

use super::Interfaces;
use crate::bridge::{Text, Window, utf16_string};

pub(super) fn install(native: &Interfaces<'_>) -> Result<()> {
    native.add("encode", encode)?;
    native.add("encodeInto", encode_into)?;
    native.add("decodeUtf8", decode_utf8)?;
    native.add("decodeUtf16", decode_utf16)?;
    Ok(())
}

/// The UTF-8 bytes of a string.
fn encode<'js>(ctx: Ctx<'js>, text: Text<'js>) -> Result<ArrayBuffer<'js>> {
    ArrayBuffer::new_copy(ctx, text.as_bytes())
}

/// Writes as many whole characters as fit; returns `[UTF-16 units read, bytes written]`.
fn encode_into<'js>(
    text: Text<'js>,
    buffer: ArrayBuffer<'js>,
    offset: usize,
    room: usize,
) -> Result<Vec<usize>> {
    let mut length = room.min(text.len());
    while !text.is_char_boundary(length) {
        length -= 1;
    }
    let fits = text.get(..length).unwrap_or_default();
    Window {
        buffer,
        offset,
        length,
    }
    .write(fits.as_bytes())?;
    Ok(vec![fits.encode_utf16().count(), length])
}

/// Decodes what is complete. Returns the text and how many bytes at the end begin a character
/// that is not complete: with `stream` they are left for the next call.
fn decode_utf8<'js>(
    ctx: Ctx<'js>,
    buffer: ArrayBuffer<'js>,
    offset: usize,
    length: usize,
    fatal: bool,
    stream: bool,
) -> Result<Array<'js>> {
    let bytes = Window {
        buffer,
        offset,
        length,
    }
    .read(<[u8]>::to_vec)?;
    let kept = if stream { incomplete_tail(&bytes) } else { 0 };
    let (whole, _) = bytes.split_at(bytes.len() - kept);
    let text = String::from_utf8_lossy(whole);
    // Lossy decoding allocates exactly when it has replaced something.
    if fatal && matches!(text, std::borrow::Cow::Owned(_)) {
        return Err(Exception::throw_type(
            &ctx,
            "The encoded data was not valid for encoding utf-8",
        ));
    }
    let text = rquickjs::String::from_str(ctx.clone(), &text)?;
    pair(&ctx, text.into_value(), kept)
}

fn pair<'js>(ctx: &Ctx<'js>, text: Value<'js>, kept: usize) -> Result<Array<'js>> {
    let pair = Array::new(ctx.clone())?;
    pair.set(0, text)?;
    pair.set(1, kept as f64)?;
    Ok(pair)
}

/// How many bytes at the end are the beginning of a character whose rest is still to come.
fn incomplete_tail(bytes: &[u8]) -> usize {
    match std::str::from_utf8(bytes) {
        Ok(_) => 0,
        Err(error) => {
            // Errors before the end are for the decoder; only the last one may be incomplete.
            let mut rest = bytes.get(error.valid_up_to()..).unwrap_or_default();
            let mut error = error;
            while let Some(length) = error.error_len() {
                rest = rest.get(length..).unwrap_or_default();
                match std::str::from_utf8(rest) {
                    Ok(_) => return 0,
                    Err(next) => {
                        rest = rest.get(next.valid_up_to()..).unwrap_or_default();
                        error = next;
                    }
                }
            }
            rest.len()
        }
    }
}

/// Like [`decode_utf8`] for UTF-16.
fn decode_utf16<'js>(
    ctx: Ctx<'js>,
    buffer: ArrayBuffer<'js>,
    offset: usize,
    length: usize,
    fatal: bool,
    stream: bool,
) -> Result<Array<'js>> {
    let bytes = Window {
        buffer,
        offset,
        length,
    }
    .read(<[u8]>::to_vec)?;
    let mut units: Vec<u16> = bytes
        .chunks_exact(2)
        .map(|pair| u16::from_le_bytes([pair[0], pair[1]]))
        .collect();
    let mut kept = bytes.len() % 2;
    let half_pair = units
        .last()
        .is_some_and(|unit| (0xd800..0xdc00).contains(unit));
    if stream && half_pair {
        units.pop();
        kept += 2;
    }
    let mut broken = !stream && kept == 1;
    let mut text: Vec<u16> = Vec::with_capacity(units.len());
    for unit in char::decode_utf16(units) {
        broken |= unit.is_err();
        let character = unit.unwrap_or(char::REPLACEMENT_CHARACTER);
        text.extend_from_slice(character.encode_utf16(&mut [0; 2]));
    }
    if fatal && broken {
        let message = "The encoded data was not valid for encoding utf-16le";
        return Err(Exception::throw_type(&ctx, message));
    }
    if !stream && kept == 1 {
        text.push(0xfffd);
        kept = 0;
    }
    pair(&ctx, utf16_string(&ctx, &text)?, kept)
}

#[cfg(test)]
mod tests {
    use super::incomplete_tail;

    #[test]
    fn only_the_beginning_of_a_character_at_the_very_end_is_kept() {
        assert_eq!(incomplete_tail("aé".as_bytes()), 0);
        assert_eq!(incomplete_tail(b"a\xc3"), 1);
        assert_eq!(incomplete_tail(b"\xff\xe2\x82"), 2);
        assert_eq!(incomplete_tail(b"\xff\xf0\x9f\x98"), 3);
        assert_eq!(incomplete_tail(b"\xe2\x82\xff"), 0);
        assert_eq!(incomplete_tail(b"\xffabc"), 0);
    }
}

//! The contract's `storage`, with values as JavaScript values.
//!
//! Keys arrive as strings; which kinds of arguments room code may pass, and in which order
//! answers come, is decided in guest-sdk/js/party/storage.js. The limits of PartyKit and their
//! texts are checked here, where the bytes are known.

use rquickjs::{Array, Ctx, Exception, Result, Value};

use super::{Interfaces, value};
use crate::bridge::{Text, refused};
use crate::host::storage::{self, Range};

/// Longest key in UTF-8 bytes.
const KEY_BYTES_MAX: usize = 2048;
/// Longest value; what the serializer itself adds comes on top.
const VALUE_BYTES_MAX: usize = 131_072;
const SERIALIZER_BYTES: usize = 34;

pub(super) fn install(native: &Interfaces<'_>) -> Result<()> {
    native.add("get", get)?;
    native.add("put", put)?;
    native.add("delete", delete)?;
    native.add("list", list)?;
    Ok(())
}

fn get<'js>(ctx: Ctx<'js>, key: Text<'js>) -> Result<Value<'js>> {
    check_key(&ctx, &key)?;
    match storage::get(&key).map_err(|refusal| refused(&ctx, &refusal))? {
        Some(bytes) => value::read(&ctx, &bytes),
        None => Ok(Value::new_undefined(ctx)),
    }
}

/// Writes all of `entries` (key, value, key, value) or, when one of them is refused, none.
fn put<'js>(ctx: Ctx<'js>, entries: Array<'js>) -> Result<()> {
    let mut ready = Vec::with_capacity(entries.len() / 2);
    for index in (0..entries.len()).step_by(2) {
        let key: Text<'js> = entries.get(index)?;
        check_key(&ctx, &key)?;
        let bytes = value::write(&entries.get(index + 1)?)?;
        if bytes.len() > VALUE_BYTES_MAX + SERIALIZER_BYTES {
            let size = bytes.len();
            let text = format!(
                "Values cannot be larger than {VALUE_BYTES_MAX} bytes. A value of size {size} was \
                 provided."
            );
            return Err(Exception::throw_range(&ctx, &text));
        }
        ready.push((key, bytes));
    }
    for (key, bytes) in ready {
        storage::put(&key, &bytes).map_err(|refusal| refused(&ctx, &refusal))?;
    }
    Ok(())
}

fn delete<'js>(ctx: Ctx<'js>, key: Text<'js>) -> Result<bool> {
    check_key(&ctx, &key)?;
    storage::delete(&key).map_err(|refusal| refused(&ctx, &refusal))
}

/// All entries of a range, flat: key, value, key, value.
fn list<'js>(
    ctx: Ctx<'js>,
    start: Option<Text<'js>>,
    end: Option<Text<'js>>,
    prefix: Option<Text<'js>>,
    reverse: bool,
    limit: Option<u32>,
) -> Result<Array<'js>> {
    let found = Array::new(ctx.clone())?;
    let mut after: Option<String> = None;
    let mut left = limit;
    loop {
        let range = Range {
            start: start.as_deref(),
            end: end.as_deref(),
            prefix: prefix.as_deref(),
            reverse,
            limit: left,
        };
        let page = storage::list(range, after.as_deref());
        let page = page.map_err(|refusal| refused(&ctx, &refusal))?;
        left = left.map(|left| left.saturating_sub(page.entries.len() as u32));
        for (key, bytes) in page.entries {
            found.set(found.len(), key)?;
            found.set(found.len(), value::read(&ctx, &bytes)?)?;
        }
        after = page.more;
        if after.is_none() || left == Some(0) {
            return Ok(found);
        }
    }
}

fn check_key(ctx: &Ctx<'_>, key: &str) -> Result<()> {
    if key.len() <= KEY_BYTES_MAX {
        return Ok(());
    }
    let size = key.len();
    let text = format!(
        "Keys cannot be larger than {KEY_BYTES_MAX} bytes. A key of size {size} was provided."
    );
    Err(Exception::throw_range(ctx, &text))
}

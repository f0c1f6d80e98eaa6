//! The contract's `storage`, with values as JavaScript values.
//!
//! Keys arrive as strings; which kinds of arguments room code may pass, and in which order
//! answers come, is decided in guest-sdk/js/party/storage.js. The limits of PartyKit and their
//! texts are checked here, where the bytes are known.

use std::collections::BTreeSet;

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
    native.add("find", find)?;
    native.add("delete", delete)?;
    native.add("deleteAll", delete_all)?;
    native.add("list", list)?;
    native.add("sync", sync)?;
    Ok(())
}

fn get<'js>(ctx: Ctx<'js>, key: Text<'js>) -> Result<Value<'js>> {
    check_key(&ctx, &key)?;
    match storage::get(&key).map_err(|refusal| refused(&ctx, &refusal))? {
        Some(bytes) => value::read(&ctx, &bytes),
        None => Ok(Value::new_undefined(ctx)),
    }
}

/// Those of `keys` that exist, flat (key, value, key, value) and in the order of their bytes. One
/// that is too long is none that exists, as in PartyKit.
fn find<'js>(ctx: Ctx<'js>, keys: Array<'js>) -> Result<Array<'js>> {
    let mut wanted = BTreeSet::new();
    for index in 0..keys.len() {
        wanted.insert(keys.get::<Text<'js>>(index)?.to_owned());
    }
    let found = Array::new(ctx.clone())?;
    for key in wanted.into_iter().filter(|key| key.len() <= KEY_BYTES_MAX) {
        let value = storage::get(&key).map_err(|refusal| refused(&ctx, &refusal))?;
        if let Some(bytes) = value {
            found.set(found.len(), key)?;
            found.set(found.len(), value::read(&ctx, &bytes)?)?;
        }
    }
    Ok(found)
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

/// Deletes all of `keys` or, when one of them is refused, none. Says how many existed.
fn delete<'js>(ctx: Ctx<'js>, keys: Array<'js>) -> Result<u32> {
    let keys: Vec<Text<'js>> = (0..keys.len())
        .map(|index| keys.get(index))
        .collect::<Result<_>>()?;
    keys.iter().try_for_each(|key| check_key(&ctx, key))?;
    let mut deleted = 0;
    for key in &keys {
        deleted += u32::from(storage::delete(key).map_err(|refusal| refused(&ctx, &refusal))?);
    }
    Ok(deleted)
}

fn delete_all(ctx: Ctx<'_>) -> Result<()> {
    storage::delete_all().map_err(|refusal| refused(&ctx, &refusal))
}

/// What to wait for; 0 when there is nothing.
fn sync(ctx: Ctx<'_>, scope: f64) -> Result<f64> {
    let sync = storage::sync(scope as u64).map_err(|refusal| refused(&ctx, &refusal))?;
    Ok(sync.unwrap_or(0) as f64)
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

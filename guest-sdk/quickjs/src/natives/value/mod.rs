//! JavaScript values as bytes: version 15 of the format of V8's ValueSerializer, which is what
//! PartyKit's storage holds. `write` and `read` are the two directions, `kind` tells objects
//! apart by their engine class, `tag` names the bytes.
//!
//! What only JavaScript can do (look into a Map, make a RegExp) is done by the functions of
//! guest-sdk/js/internal/clone.js, which are captured before code of the user runs.

mod kind;
mod output;
mod read;
mod tag;
mod write;

use std::cell::RefCell;

use rquickjs::function::IntoArgs;
use rquickjs::{ArrayBuffer, Ctx, Error, FromJs, Function, Object, Persistent, Result, Value};

use super::Interfaces;
use crate::bridge::Window;
pub(crate) use read::read;
pub(crate) use write::write;

/// How deep values may be nested. With little stack left it is less.
const DEPTH_MAX: u32 = 1000;

thread_local! {
    static SUPPORT: RefCell<Option<Persistent<Object<'static>>>> = const { RefCell::new(None) };
}

pub(super) fn install(native: &Interfaces<'_>) -> Result<()> {
    native.add("support", |object: Persistent<Object<'static>>| {
        SUPPORT.with(|cell| cell.replace(Some(object)));
    })?;
    native.add("serialize", serialize)?;
    native.add("deserialize", deserialize)?;
    native.add("clone", clone)?;
    Ok(())
}

fn serialize<'js>(ctx: Ctx<'js>, value: Value<'js>) -> Result<ArrayBuffer<'js>> {
    ArrayBuffer::new(ctx, write(&value)?)
}

fn deserialize<'js>(
    ctx: Ctx<'js>,
    buffer: ArrayBuffer<'js>,
    offset: usize,
    length: usize,
) -> Result<Value<'js>> {
    read(
        &ctx,
        &Window {
            buffer,
            offset,
            length,
        }
        .read(<[u8]>::to_vec)?,
    )
}

fn clone<'js>(ctx: Ctx<'js>, value: Value<'js>) -> Result<Value<'js>> {
    read(&ctx, &write(&value)?)
}

/// Calls a function of internal/clone.js.
fn support<'js, A: IntoArgs<'js>, R: FromJs<'js>>(
    ctx: &Ctx<'js>,
    name: &str,
    args: A,
) -> Result<R> {
    let object = SUPPORT
        .with(|cell| cell.borrow().clone())
        .ok_or(Error::Unknown)?
        .restore(ctx)?;
    object.get::<_, Function<'js>>(name)?.call(args)
}

//! The two natives that every message of a chatty room passes: the end of an event and a send of
//! text. They are plain C functions of the engine: a wrapped closure clones its context and every
//! argument, with which a turn of eleven sends was measured to take a third longer.

#![allow(unsafe_code, reason = "C functions of the engine")]

use std::ffi::{CStr, c_int};
use std::ptr::NonNull;

use rquickjs::{Ctx, Error, Result, Value, qjs};

use super::Interfaces;
use super::connections::or_throw;
use crate::bindings::partykit::room::types::MessageParam;
use crate::bridge::{self, Text};
use crate::host::events::{Outcome, settle};

type Native = unsafe extern "C" fn(
    *mut qjs::JSContext,
    qjs::JSValue,
    c_int,
    *mut qjs::JSValue,
) -> qjs::JSValue;

pub(super) fn install_events(native: &Interfaces<'_>) -> Result<()> {
    add(native, c"done", done, 1)
}

pub(super) fn install_connections(native: &Interfaces<'_>) -> Result<()> {
    add(native, c"sendText", send_text, 2)
}

fn add(native: &Interfaces<'_>, name: &CStr, function: Native, arguments: c_int) -> Result<()> {
    let kind = qjs::JSCFunctionEnum_JS_CFUNC_generic;
    // SAFETY: the name is copied, the function lives for ever, the value is ours. The engine
    // passes at least `arguments` arguments.
    let function = unsafe {
        let context = native.ctx.as_raw().as_ptr();
        let raw = qjs::JS_NewCFunction2(context, Some(function), name.as_ptr(), arguments, kind, 0);
        bridge::own(&native.ctx, raw)?
    };
    native.object.set(name.to_str()?, function)
}

/// `done(event)`.
unsafe extern "C" fn done(
    _: *mut qjs::JSContext,
    _: qjs::JSValue,
    _: c_int,
    arguments: *mut qjs::JSValue,
) -> qjs::JSValue {
    // SAFETY: there is one argument (see `add`).
    let event = unsafe { handle(*arguments) };
    drop(settle(event, Outcome::Done));
    qjs::JS_UNDEFINED
}

/// `sendText(connection, text)`.
unsafe extern "C" fn send_text(
    context: *mut qjs::JSContext,
    _: qjs::JSValue,
    _: c_int,
    arguments: *mut qjs::JSValue,
) -> qjs::JSValue {
    // SAFETY: the engine calls with its own context; there are two arguments (see `add`), which
    // the caller keeps alive: the second is duplicated for the value that will free it.
    let (ctx, connection, text) = unsafe {
        let Some(pointer) = NonNull::new(context) else {
            return qjs::JS_EXCEPTION;
        };
        let ctx = Ctx::from_raw(pointer);
        let raw = qjs::JS_DupValue(context, *arguments.add(1));
        let text = Value::from_raw(ctx.clone(), raw);
        (ctx, handle(*arguments), text)
    };
    let sent = Text::of(&text).and_then(|text| {
        or_throw(
            &ctx,
            crate::host::connections::send(connection, MessageParam::Text(&text)),
        )
    });
    match sent {
        Ok(()) => qjs::JS_UNDEFINED,
        Err(Error::Exception) => qjs::JS_EXCEPTION,
        Err(error) => {
            drop(rquickjs::Exception::throw_internal(
                &ctx,
                &error.to_string(),
            ));
            qjs::JS_EXCEPTION
        }
    }
}

/// A handle of the host, which our JavaScript keeps as a number.
///
/// # Safety
/// `value` is a live value.
unsafe fn handle(value: qjs::JSValue) -> u64 {
    // SAFETY: the payload is read as what the tag says it is.
    unsafe {
        match qjs::JS_VALUE_GET_NORM_TAG(value) {
            qjs::JS_TAG_INT => qjs::JS_VALUE_GET_INT(value) as u64,
            qjs::JS_TAG_FLOAT64 => qjs::JS_VALUE_GET_FLOAT64(value) as u64,
            _ => 0,
        }
    }
}

//! Strings, bytes and errors between Rust and QuickJS.
//!
//! Owns every place where Rust looks into an engine value's memory; the rest of the guest uses
//! what stands here. It knows nothing of events or of the contract besides `refusal`.

#![allow(
    unsafe_code,
    reason = "rquickjs copies strings and trusts them to be UTF-8; we do neither"
)]

use std::borrow::Cow;
use std::ops::Deref;
use std::ptr::NonNull;
use std::slice;

use rquickjs::function::Constructor;
use rquickjs::{
    ArrayBuffer, CaughtError, Context, Ctx, Error, Exception, FromJs, Object, Result, Value, qjs,
};

use crate::bindings::partykit::room::types::Refusal;

/// A JavaScript string as UTF-8, without a copy when it is ASCII. Lone surrogates are U+FFFD.
pub(crate) struct Text<'js> {
    raw: RawText<'js>,
    /// Present when the engine's bytes were not UTF-8.
    repaired: Option<String>,
}

struct RawText<'js> {
    ctx: Ctx<'js>,
    bytes: NonNull<u8>,
    len: usize,
}

impl Drop for RawText<'_> {
    fn drop(&mut self) {
        // SAFETY: `bytes` came from JS_ToCStringLen of the same context and is freed once.
        unsafe { qjs::JS_FreeCString(self.ctx.as_raw().as_ptr(), self.bytes.as_ptr().cast()) }
    }
}

impl RawText<'_> {
    fn bytes(&self) -> &[u8] {
        // SAFETY: the engine keeps `len` bytes there until JS_FreeCString; strings never change.
        unsafe { slice::from_raw_parts(self.bytes.as_ptr(), self.len) }
    }
}

impl<'js> Text<'js> {
    /// The text of a string; any other value is converted as `String(value)` does.
    pub(crate) fn of(value: &Value<'js>) -> Result<Self> {
        let ctx = value.ctx().clone();
        let mut len = 0;
        // SAFETY: the value belongs to this context; a null pointer means an exception.
        let bytes =
            unsafe { qjs::JS_ToCStringLen(ctx.as_raw().as_ptr(), &raw mut len, value.as_raw()) };
        let bytes = NonNull::new(bytes.cast_mut().cast()).ok_or(Error::Exception)?;
        let raw = RawText { ctx, bytes, len };
        let repaired = std::str::from_utf8(raw.bytes())
            .is_err()
            .then(|| repair(raw.bytes()));
        Ok(Self { raw, repaired })
    }
}

impl Deref for Text<'_> {
    type Target = str;

    fn deref(&self) -> &str {
        match &self.repaired {
            Some(text) => text,
            // SAFETY: `of` has checked exactly these bytes.
            None => unsafe { std::str::from_utf8_unchecked(self.raw.bytes()) },
        }
    }
}

impl<'js> FromJs<'js> for Text<'js> {
    fn from_js(_: &Ctx<'js>, value: Value<'js>) -> Result<Self> {
        Self::of(&value)
    }
}

/// The engine writes a lone surrogate as three bytes that are not UTF-8: ED A0..BF 80..BF.
fn repair(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len());
    let mut rest = bytes;
    loop {
        match std::str::from_utf8(rest) {
            Ok(valid) => {
                text.push_str(valid);
                return text;
            }
            Err(error) => {
                let (valid, broken) = rest.split_at(error.valid_up_to());
                text.push_str(&String::from_utf8_lossy(valid));
                text.push(char::REPLACEMENT_CHARACTER);
                rest = broken.get(3..).unwrap_or_default();
            }
        }
    }
}

/// The UTF-16 code units of a string, lone surrogates kept.
pub(crate) fn with_utf16<R>(value: &Value<'_>, look: impl FnOnce(&[u16]) -> R) -> Result<R> {
    let ctx = value.ctx().as_raw().as_ptr();
    let mut len = 0;
    // SAFETY: the value belongs to this context; a null pointer means an exception.
    let units = unsafe { qjs::JS_ToCStringLenUTF16(ctx, &raw mut len, value.as_raw()) };
    if units.is_null() {
        return Err(Error::Exception);
    }
    // SAFETY: `len` units stand there until they are freed below.
    let result = look(unsafe { slice::from_raw_parts(units, len as usize) });
    // SAFETY: freed once, with the function that belongs to the one above.
    unsafe { qjs::JS_FreeCStringUTF16(ctx, units) };
    Ok(result)
}

/// The string of these code units, which may hold lone surrogates.
pub(crate) fn utf16_string<'js>(ctx: &Ctx<'js>, units: &[u16]) -> Result<Value<'js>> {
    // SAFETY: the engine copies the units; the value it returns is ours.
    unsafe {
        let raw = qjs::JS_NewStringUTF16(ctx.as_raw().as_ptr(), units.as_ptr(), units.len() as _);
        own(ctx, raw)
    }
}

/// Whether two values are the same object.
pub(crate) fn same_object(a: &Value<'_>, b: &Value<'_>) -> bool {
    // SAFETY: both are live objects, whose payload is a pointer.
    a.is_object()
        && b.is_object()
        && unsafe { qjs::JS_VALUE_GET_PTR(a.as_raw()) == qjs::JS_VALUE_GET_PTR(b.as_raw()) }
}

/// The address of an object: its identity for as long as someone holds it.
pub(crate) fn address(object: &Object<'_>) -> usize {
    // SAFETY: an object's payload is a pointer.
    unsafe { qjs::JS_VALUE_GET_PTR(object.as_value().as_raw()) as usize }
}

/// Gives an object an own property as `{}` literals do: no setter runs, `__proto__` is a name like
/// any other.
pub(crate) fn define<'js>(object: &Object<'js>, key: &Value<'js>, value: Value<'js>) -> Result<()> {
    let ctx = object.ctx().as_raw().as_ptr();
    // SAFETY: all three values belong to this context; JS_DefinePropertyValue takes over a
    // reference to `value`, which is therefore duplicated first; the atom is freed once.
    let defined = unsafe {
        let atom = qjs::JS_ValueToAtom(ctx, key.as_raw());
        let value = qjs::JS_DupValue(ctx, value.as_raw());
        let flags = qjs::JS_PROP_C_W_E as i32;
        let defined = qjs::JS_DefinePropertyValue(ctx, object.as_raw(), atom, value, flags);
        qjs::JS_FreeAtom(ctx, atom);
        defined
    };
    if defined < 0 {
        Err(Error::Exception)
    } else {
        Ok(())
    }
}

/// Enters a context that belongs to the calling thread alone and outside of which nothing of its
/// engine runs. [`Context::with`] does the same behind a lock, which is a write to memory that a
/// room otherwise shares with its image.
pub(crate) fn inside<R>(context: &'static Context, work: impl FnOnce(&Ctx<'_>) -> R) -> R {
    let raw = context.as_raw();
    // SAFETY: the context lives for ever, and with it its runtime. What the lock would keep out,
    // another thread or a second entry while this one runs, cannot be: guests have one thread and
    // are not entered twice.
    let ctx = unsafe {
        qjs::JS_UpdateStackTop(qjs::JS_GetRuntime(raw.as_ptr()));
        Ctx::from_raw(raw)
    };
    work(&ctx)
}

/// The engine's own class of an object, whatever its prototype says, and that class's name.
pub(crate) fn class_of(object: &Object<'_>) -> u32 {
    // SAFETY: reads the header of a live object.
    unsafe { qjs::JS_GetClassID(object.as_raw()) }
}

/// The name of an engine class.
pub(crate) fn class_name(ctx: &Ctx<'_>, class: u32) -> Result<String> {
    let raw = ctx.as_raw().as_ptr();
    // SAFETY: the atom is ours and freed once; unknown classes have the null atom, which is
    // printed as an empty name.
    let value = unsafe {
        let atom = qjs::JS_GetClassName(qjs::JS_GetRuntime(raw), class);
        let value = qjs::JS_AtomToString(raw, atom);
        qjs::JS_FreeAtom(raw, atom);
        own(ctx, value)?
    };
    Ok(Text::of(&value)?.to_owned())
}

/// Takes over a value that an engine function returned, or the exception it stands for.
///
/// # Safety
/// `raw` is owned by the caller and belongs to `ctx`.
pub(crate) unsafe fn own<'js>(ctx: &Ctx<'js>, raw: qjs::JSValue) -> Result<Value<'js>> {
    // SAFETY: as promised by the caller; an exception value owns nothing.
    unsafe {
        if qjs::JS_IsException(raw) {
            return Err(Error::Exception);
        }
        Ok(Value::from_raw(ctx.clone(), raw))
    }
}

/// A stretch of a buffer, as our JavaScript passes one: `(buffer, offset, length)`.
pub(crate) struct Window<'js> {
    pub(crate) buffer: ArrayBuffer<'js>,
    pub(crate) offset: usize,
    pub(crate) length: usize,
}

impl Window<'_> {
    /// Looks at the bytes. `look` must not enter the engine, and its type keeps it from doing so
    /// by accident: it gets no context.
    pub(crate) fn read<R>(&self, look: impl FnOnce(&[u8]) -> R) -> Result<R> {
        // SAFETY: no JavaScript runs while the slice lives, so that nothing writes to the buffer,
        // detaches or resizes it.
        let bytes = unsafe { self.buffer.as_bytes() };
        let end = self.offset.saturating_add(self.length);
        match bytes.unwrap_or_default().get(self.offset..end) {
            Some(window) => Ok(look(window)),
            None => Err(Exception::throw_range(
                self.buffer.ctx(),
                "The buffer is too short.",
            )),
        }
    }

    /// Fills the bytes.
    pub(crate) fn write(&self, source: &[u8]) -> Result<()> {
        let fits = source.len() == self.length;
        let end = self.offset.saturating_add(self.length);
        match self.buffer.as_raw() {
            Some(mut all) if fits && end <= all.len() => {
                // SAFETY: the range was checked, `source` is Rust's own memory, and no JavaScript
                // runs between the look at the pointer and the copy.
                unsafe { all.as_mut()[self.offset..end].copy_from_slice(source) };
                Ok(())
            }
            _ => Err(Exception::throw_range(
                self.buffer.ctx(),
                "The buffer is too short.",
            )),
        }
    }
}

/// Of each text of an exception so much is told, as of a line of the log.
const TEXT_LENGTH_MAX: i32 = 64 * 1024;

/// An exception as text: what a peer may read, and what belongs into the log.
pub(crate) struct Thrown {
    pub(crate) message: String,
    pub(crate) detail: String,
}

impl Thrown {
    pub(crate) fn text(message: String) -> Self {
        Self {
            detail: message.clone(),
            message,
        }
    }

    /// Name, message and stack of anything that can be thrown. Runs the value's getters, and
    /// swallows what they throw.
    pub(crate) fn from_caught(error: &CaughtError<'_>) -> Self {
        match error {
            CaughtError::Error(error) => Self::text(error.to_string()),
            CaughtError::Value(value) => Self::text(text_or(value, "an unprintable value")),
            CaughtError::Exception(exception) => Self::from_error(exception.as_object()),
        }
    }

    fn from_error(error: &Object<'_>) -> Self {
        let property = |name: &str| -> Option<String> {
            let value = error.get::<_, Value<'_>>(name);
            let value = value.inspect_err(|_| drop(error.ctx().catch())).ok()?;
            (!value.is_undefined()).then(|| text_or(&value, ""))
        };
        let name = property("name").filter(|name| !name.is_empty());
        let name = name.unwrap_or_else(|| "Error".to_owned());
        let message = property("message").unwrap_or_default();
        let stack = property("stack").unwrap_or_default();
        let title = match (message.is_empty(), stack.starts_with(&name)) {
            (_, true) => Cow::Borrowed(""),
            (true, _) => Cow::Owned(name.clone()),
            (false, _) => Cow::Owned(format!("{name}: {message}")),
        };
        let newline = if title.is_empty() || stack.is_empty() {
            ""
        } else {
            "\n"
        };
        let detail = format!("{title}{newline}{}", stack.trim_end());
        Self {
            message: if message.is_empty() { name } else { message },
            detail,
        }
    }
}

fn text_or(value: &Value<'_>, otherwise: &str) -> String {
    if value.is_symbol() {
        return "a symbol".to_owned();
    }
    if is_no_exception(value) {
        return "an exception for which there was no memory".to_owned();
    }
    let text = shortened(value).and_then(|value| Ok(Text::of(&value)?.to_owned()));
    text.unwrap_or_else(|_| {
        drop(value.ctx().catch());
        otherwise.to_owned()
    })
}

/// What the engine gives for a pending exception when there is none: it could not be made.
fn is_no_exception(value: &Value<'_>) -> bool {
    // SAFETY: reads the tag of a live value.
    unsafe { qjs::JS_VALUE_GET_TAG(value.as_raw()) == qjs::JS_TAG_UNINITIALIZED }
}

/// The beginning of a string that is too long to be shown: converting the whole of it could take
/// the memory that is left.
fn shortened<'js>(value: &Value<'js>) -> Result<Value<'js>> {
    let Some(text) = value.as_string() else {
        return Ok(value.clone());
    };
    let ctx = value.ctx();
    let raw = ctx.as_raw().as_ptr();
    let range = [0, TEXT_LENGTH_MAX].map(|number| Value::new_int(ctx.clone(), number));
    let mut arguments = [range[0].as_raw(), range[1].as_raw()];
    let mut length = 0;
    // SAFETY: the calls take live values of this context; the atom is freed once, and what is
    // returned is ours.
    unsafe {
        if qjs::JS_GetLength(raw, text.as_raw(), &raw mut length) < 0 {
            return Err(Error::Exception);
        }
        if length <= i64::from(TEXT_LENGTH_MAX) {
            return Ok(value.clone());
        }
        let slice = qjs::JS_NewAtom(raw, c"slice".as_ptr());
        let start = qjs::JS_Invoke(raw, text.as_raw(), slice, 2, arguments.as_mut_ptr());
        qjs::JS_FreeAtom(raw, slice);
        own(ctx, start)
    }
}

/// The exception that room code sees when the host refused a call.
pub(crate) fn refused(ctx: &Ctx<'_>, refusal: &Refusal) -> Error {
    match refusal {
        Refusal::Invalid(text) => Exception::throw_type(ctx, text),
        Refusal::Limit(text) => Exception::throw_range(ctx, text),
        Refusal::Gone => Exception::throw_message(ctx, "It is gone."),
        Refusal::Internal(text) => Exception::throw_message(ctx, text),
    }
}

/// Throws a `DOMException`.
pub(crate) fn dom_exception(ctx: &Ctx<'_>, name: &str, message: &str) -> Error {
    let made = ctx.globals().get::<_, Constructor<'_>>("DOMException");
    match made.and_then(|class| class.construct::<_, Value<'_>>((message, name))) {
        Ok(exception) => ctx.throw(exception),
        Err(error) => error,
    }
}

//! Bytes to values. The bytes may come from an imported file, so nothing about them is trusted:
//! whatever does not fit ends in a `DataCloneError`, never in a wrong read.

use rquickjs::{
    Array, ArrayBuffer, Ctx, Error, Exception, Object, Result, String as JsString, Value,
};

use super::{DEPTH_MAX, support, tag};
use crate::bridge;
use crate::runtime::stack_is_used_up;

/// The value that these bytes are.
///
/// # Errors
/// A `DataCloneError` when they are not exactly one value of a known version.
pub(crate) fn read<'js>(ctx: &Ctx<'js>, bytes: &[u8]) -> Result<Value<'js>> {
    let mut reader = Reader {
        ctx: ctx.clone(),
        bytes,
        at: 0,
        version: 0,
        objects: Vec::new(),
        depth: 0,
    };
    if reader.byte()? != tag::VERSION {
        return Err(reader.broken());
    }
    reader.version = reader.varint()?;
    if !(tag::OLDEST..=tag::NEWEST).contains(&reader.version) {
        return Err(reader.broken());
    }
    reader.value()
}

/// A number in the engine's shorter form when it is an int32; -0 is none.
fn number(ctx: Ctx<'_>, number: f64) -> Value<'_> {
    if number == 0.0 {
        Value::new_float(ctx, number)
    } else {
        Value::new_number(ctx, number)
    }
}

struct Reader<'js, 'a> {
    ctx: Ctx<'js>,
    bytes: &'a [u8],
    at: usize,
    version: u32,
    /// Every object so far; none while it is still being read and cannot be named.
    objects: Vec<Option<Value<'js>>>,
    depth: u32,
}

impl<'js, 'a> Reader<'js, 'a> {
    fn value(&mut self) -> Result<Value<'js>> {
        if self.depth >= DEPTH_MAX || stack_is_used_up() {
            return Err(Exception::throw_range(
                &self.ctx,
                "Maximum call stack size exceeded",
            ));
        }
        self.depth += 1;
        let value = self.tagged();
        self.depth -= 1;
        let value = value?;
        if self.peek() == Some(tag::VIEW) && value.is_object() {
            // A view follows its buffer.
            self.at += 1;
            return self.view(value);
        }
        Ok(value)
    }

    fn tagged(&mut self) -> Result<Value<'js>> {
        let ctx = self.ctx.clone();
        let mut tag = self.byte()?;
        while tag == tag::PADDING {
            tag = self.byte()?;
        }
        Ok(match tag {
            tag::UNDEFINED => Value::new_undefined(ctx),
            tag::NULL => Value::new_null(ctx),
            tag::TRUE => Value::new_bool(ctx, true),
            tag::FALSE => Value::new_bool(ctx, false),
            tag::INT32 => Value::new_int(ctx, self.zigzag()?),
            tag::UINT32 => Value::new_number(ctx, f64::from(self.varint()?)),
            tag::DOUBLE => number(ctx, self.double()?),
            tag::BIGINT => self.bigint()?,
            tag::UTF8 | tag::ONE_BYTE | tag::TWO_BYTE => self.string(tag)?,
            tag::REFERENCE => self.reference()?,
            tag::OBJECT => self.object()?,
            tag::DENSE => self.dense()?,
            tag::SPARSE => self.sparse()?,
            tag::MAP => self.collection("newMap", "mapSet", 2, tag::MAP_END)?,
            tag::SET => self.collection("newSet", "setAdd", 1, tag::SET_END)?,
            tag::BUFFER | tag::RESIZABLE_BUFFER => self.buffer(tag)?,
            tag::ERROR => self.error()?,
            tag::DATE
            | tag::REGEXP
            | tag::TRUE_OBJECT
            | tag::FALSE_OBJECT
            | tag::NUMBER_OBJECT
            | tag::BIGINT_OBJECT
            | tag::STRING_OBJECT => self.leaf(tag)?,
            _ => return Err(self.broken()),
        })
    }

    /// Objects that hold no other objects.
    fn leaf(&mut self, tag: u8) -> Result<Value<'js>> {
        let ctx = self.ctx.clone();
        let made: Value<'js> = match tag {
            tag::DATE => support(&ctx, "newDate", (self.double()?,))?,
            tag::REGEXP => {
                let source = self.tagged_string()?;
                let bits = self.varint()?;
                let known = tag::FLAGS.iter().filter(|(_, bit)| bits & bit != 0);
                let flags: String = known.map(|(flag, _)| *flag).collect();
                support(&ctx, "newRegExp", (source, flags))?
            }
            tag::NUMBER_OBJECT => support(&ctx, "box", (self.double()?,))?,
            tag::BIGINT_OBJECT => support(&ctx, "box", (self.bigint()?,))?,
            tag::STRING_OBJECT => support(&ctx, "box", (self.tagged_string()?,))?,
            _ => support(&ctx, "box", (tag == tag::TRUE_OBJECT,))?,
        };
        self.objects.push(Some(made.clone()));
        Ok(made)
    }

    fn reference(&mut self) -> Result<Value<'js>> {
        let number = self.varint()? as usize;
        self.objects
            .get(number)
            .cloned()
            .flatten()
            .ok_or_else(|| self.broken())
    }

    fn object(&mut self) -> Result<Value<'js>> {
        let object = Object::new(self.ctx.clone())?;
        self.objects.push(Some(object.clone().into_value()));
        let count = self.properties(&object, tag::OBJECT_END)?;
        if self.varint()? != count {
            return Err(self.broken());
        }
        Ok(object.into_value())
    }

    fn dense(&mut self) -> Result<Value<'js>> {
        let length = self.varint()?;
        // Each element takes at least a byte.
        if length as usize > self.bytes.len() - self.at {
            return Err(self.broken());
        }
        let array = Array::new(self.ctx.clone())?;
        self.objects.push(Some(array.clone().into_value()));
        for index in 0..length {
            if self.peek() == Some(tag::HOLE) {
                self.at += 1;
                continue;
            }
            let element = self.value()?;
            array.set(index as usize, element)?;
        }
        self.end_of_array(&array, length, tag::DENSE_END)
    }

    fn sparse(&mut self) -> Result<Value<'js>> {
        let length = self.varint()?;
        let array = Array::new(self.ctx.clone())?;
        self.objects.push(Some(array.clone().into_value()));
        self.end_of_array(&array, length, tag::SPARSE_END)
    }

    fn end_of_array(&mut self, array: &Array<'js>, length: u32, end: u8) -> Result<Value<'js>> {
        array.as_object().set("length", length)?;
        let count = self.properties(array.as_object(), end)?;
        if self.varint()? != count || self.varint()? != length {
            return Err(self.broken());
        }
        Ok(array.clone().into_value())
    }

    fn properties(&mut self, object: &Object<'js>, end: u8) -> Result<u32> {
        let mut count = 0;
        loop {
            while self.peek() == Some(tag::PADDING) {
                self.at += 1;
            }
            if self.peek() == Some(end) {
                self.at += 1;
                return Ok(count);
            }
            let key = self.value()?;
            if !(key.is_string() || key.is_number()) {
                return Err(self.broken());
            }
            let value = self.value()?;
            bridge::define(object, &key, value)?;
            count += 1;
        }
    }

    fn collection(&mut self, new: &str, add: &str, width: u32, end: u8) -> Result<Value<'js>> {
        let collection: Value<'js> = support(&self.ctx, new, ())?;
        self.objects.push(Some(collection.clone()));
        let mut count = 0;
        while self.peek() != Some(end) {
            let first = self.value()?;
            let second = if width == 2 {
                self.value()?
            } else {
                Value::new_undefined(self.ctx.clone())
            };
            support::<_, ()>(&self.ctx, add, (collection.clone(), first, second))?;
            count += width;
        }
        self.at += 1;
        if self.varint()? != count {
            return Err(self.broken());
        }
        Ok(collection)
    }

    fn buffer(&mut self, tag: u8) -> Result<Value<'js>> {
        let length = self.varint()? as usize;
        let maximum = if tag == tag::RESIZABLE_BUFFER {
            Some(self.varint()?)
        } else {
            None
        };
        let bytes = self.take(length)?;
        let buffer = ArrayBuffer::new_copy(self.ctx.clone(), bytes)?.into_value();
        let buffer: Value<'js> = match maximum {
            Some(maximum) => support(&self.ctx, "resizable", (buffer, maximum))?,
            None => buffer,
        };
        self.objects.push(Some(buffer.clone()));
        Ok(buffer)
    }

    fn view(&mut self, buffer: Value<'js>) -> Result<Value<'js>> {
        let kind = self.byte()?;
        let (offset, length) = (self.varint()?, self.varint()?);
        let flags = if self.version >= 14 {
            self.varint()?
        } else {
            0
        };
        let known = tag::VIEWS.iter().find(|(tag, _, _)| *tag == kind);
        let (_, name, size) = known.ok_or_else(|| self.broken())?;
        let held = buffer
            .as_object()
            .and_then(|buffer| ArrayBuffer::from_object(buffer.clone()));
        let held = held.ok_or_else(|| self.broken())?.len();
        let fits = (offset as usize)
            .checked_add(length as usize)
            .is_some_and(|end| end <= held);
        if !fits || offset % size != 0 || length % size != 0 {
            return Err(self.broken());
        }
        // A view that follows its buffer's length has none of its own.
        let length = (flags & 1 == 0).then_some(length / size);
        let view: Value<'js> = support(&self.ctx, "newView", (*name, buffer, offset, length))?;
        self.objects.push(Some(view.clone()));
        Ok(view)
    }

    fn error(&mut self) -> Result<Value<'js>> {
        let number = self.objects.len();
        self.objects.push(None);
        let mut class = "Error";
        let undefined = Value::new_undefined(self.ctx.clone());
        let (mut message, mut stack) = (undefined.clone(), undefined.clone());
        let mut cause = None;
        loop {
            match self.byte()? {
                tag::ERROR_END => break,
                tag::ERROR_MESSAGE => message = self.tagged_string()?,
                tag::ERROR_STACK => stack = self.tagged_string()?,
                tag::ERROR_CAUSE => cause = Some(self.value()?),
                other => match tag::ERRORS.iter().find(|(tag, _)| *tag == other) {
                    Some((_, name)) => class = name,
                    None => return Err(self.broken()),
                },
            }
        }
        let has_cause = cause.is_some();
        let cause = cause.unwrap_or(undefined);
        let error: Value<'js> = support(
            &self.ctx,
            "newError",
            (class, message, stack, has_cause, cause),
        )?;
        if let Some(slot) = self.objects.get_mut(number) {
            *slot = Some(error.clone());
        }
        Ok(error)
    }

    fn tagged_string(&mut self) -> Result<Value<'js>> {
        let mut tag = self.byte()?;
        while tag == tag::PADDING {
            tag = self.byte()?;
        }
        self.string(tag)
    }

    fn string(&mut self, tag: u8) -> Result<Value<'js>> {
        let length = self.varint()? as usize;
        let ctx = self.ctx.clone();
        let bytes = self.take(length)?;
        match tag {
            tag::UTF8 => match std::str::from_utf8(bytes) {
                Ok(text) => Ok(JsString::from_str(ctx, text)?.into_value()),
                Err(_) => Err(self.broken()),
            },
            tag::ONE_BYTE => match std::str::from_utf8(bytes) {
                Ok(text) if text.is_ascii() => Ok(JsString::from_str(ctx, text)?.into_value()),
                _ => {
                    let units: Vec<u16> = bytes.iter().map(|byte| u16::from(*byte)).collect();
                    bridge::utf16_string(&ctx, &units)
                }
            },
            tag::TWO_BYTE if length.is_multiple_of(2) => {
                let pairs = bytes.as_chunks::<2>().0;
                let units: Vec<u16> = pairs.iter().map(|pair| u16::from_le_bytes(*pair)).collect();
                bridge::utf16_string(&ctx, &units)
            }
            _ => Err(self.broken()),
        }
    }

    fn bigint(&mut self) -> Result<Value<'js>> {
        let head = self.varint()?;
        let bytes = self.take((head >> 1) as usize)?;
        let mut hex = String::with_capacity(2 * bytes.len() + 1);
        hex.push('0');
        for byte in bytes.iter().rev() {
            for digit in [byte >> 4, byte & 15] {
                hex.extend(char::from_digit(u32::from(digit), 16));
            }
        }
        support(&self.ctx, "newBigInt", (hex, head & 1 == 1))
    }

    fn zigzag(&mut self) -> Result<i32> {
        let number = self.varint()?;
        Ok((number >> 1) as i32 ^ -((number & 1) as i32))
    }

    fn double(&mut self) -> Result<f64> {
        let bytes = self.take(8)?.try_into();
        bytes.map(f64::from_le_bytes).map_err(|_| self.broken())
    }

    fn varint(&mut self) -> Result<u32> {
        let mut number = 0u32;
        for shift in (0..35).step_by(7) {
            let byte = self.byte()?;
            number |= u32::from(byte & 0x7f).checked_shl(shift).unwrap_or(0);
            if byte < 0x80 {
                return Ok(number);
            }
        }
        Err(self.broken())
    }

    fn byte(&mut self) -> Result<u8> {
        let byte = self.peek().ok_or_else(|| self.broken())?;
        self.at += 1;
        Ok(byte)
    }

    fn peek(&self) -> Option<u8> {
        self.bytes.get(self.at).copied()
    }

    fn take(&mut self, length: usize) -> Result<&'a [u8]> {
        let end = self.at.checked_add(length);
        let taken = end
            .and_then(|end| self.bytes.get(self.at..end))
            .ok_or_else(|| self.broken())?;
        self.at += length;
        Ok(taken)
    }

    fn broken(&self) -> Error {
        bridge::dom_exception(
            &self.ctx,
            "DataCloneError",
            "Unable to deserialize cloned data.",
        )
    }
}

//! Values to bytes, as V8 writes them: the same order of properties, the same choice between
//! dense and sparse arrays and between one and two bytes a character.

use std::collections::BTreeMap;

use rquickjs::object::Filter;
use rquickjs::{Array, ArrayBuffer, Atom, Ctx, Exception, Object, Result, Value};

use super::kind::{self, Kind};
use super::{DEPTH_MAX, support, tag};
use crate::bridge::{self, Text};
use crate::runtime::stack_is_used_up;

/// The bytes of a value.
///
/// # Errors
/// A `DataCloneError` when something in it cannot be written; whatever its getters throw.
pub(crate) fn write(value: &Value<'_>) -> Result<Vec<u8>> {
    let mut writer = Writer {
        ctx: value.ctx().clone(),
        out: vec![tag::VERSION, tag::NEWEST as u8],
        seen: BTreeMap::new(),
        held: Vec::new(),
        depth: 0,
    };
    writer.value(value)?;
    Ok(writer.out)
}

struct Writer<'js> {
    ctx: Ctx<'js>,
    out: Vec<u8>,
    /// Number of every object written so far, by its address.
    seen: BTreeMap<usize, u32>,
    /// Those objects: held, so that no address is used twice.
    held: Vec<Object<'js>>,
    depth: u32,
}

impl<'js> Writer<'js> {
    fn value(&mut self, value: &Value<'js>) -> Result<()> {
        if value.is_undefined() {
            self.out.push(tag::UNDEFINED);
        } else if value.is_null() {
            self.out.push(tag::NULL);
        } else if let Some(value) = value.as_bool() {
            self.out.push(if value { tag::TRUE } else { tag::FALSE });
        } else if let Some(number) = value.as_int() {
            self.int(number);
        } else if let Some(number) = value.as_float() {
            self.number(number);
        } else if value.is_string() {
            self.string(value)?;
        } else if value.is_big_int() {
            self.out.push(tag::BIGINT);
            self.bigint(value)?;
        } else if let Some(object) = value.as_object() {
            self.nested(object)?;
        } else {
            return Err(self.refuse(value));
        }
        Ok(())
    }

    fn nested(&mut self, object: &Object<'js>) -> Result<()> {
        if self.depth >= DEPTH_MAX || stack_is_used_up() {
            return Err(Exception::throw_range(
                &self.ctx,
                "Maximum call stack size exceeded",
            ));
        }
        self.depth += 1;
        let written = self.object(object);
        self.depth -= 1;
        written
    }

    fn object(&mut self, object: &Object<'js>) -> Result<()> {
        let kind = kind::of(object)?;
        let known = self.seen.contains_key(&bridge::address(object));
        if let (Kind::View { .. }, false) = (kind, known) {
            // A view comes behind its buffer, which is numbered before it.
            let buffer: Object<'js> = support(&self.ctx, "viewBuffer", (object.clone(),))?;
            self.nested(&buffer)?;
        }
        if let Some(number) = self.seen.get(&bridge::address(object)) {
            let number = *number;
            self.out.push(tag::REFERENCE);
            self.varint(number);
            return Ok(());
        }
        self.seen
            .insert(bridge::address(object), self.held.len() as u32);
        self.held.push(object.clone());
        match kind {
            Kind::Plain => self.plain(object),
            Kind::Array => self.array(object),
            Kind::Date => {
                let time: f64 = support(&self.ctx, "dateTime", (object.clone(),))?;
                self.out.push(tag::DATE);
                self.double(time);
                Ok(())
            }
            Kind::RegExp => self.regexp(object),
            Kind::Map => self.collection(object, "mapEntries", tag::MAP, tag::MAP_END),
            Kind::Set => self.collection(object, "setValues", tag::SET, tag::SET_END),
            Kind::Error => self.error(object),
            Kind::Boxed => self.boxed(object),
            Kind::Buffer => self.buffer(object),
            Kind::View { tag } => self.view(object, tag),
            Kind::Other => Err(self.refuse(object.as_value())),
        }
    }

    fn plain(&mut self, object: &Object<'js>) -> Result<()> {
        self.out.push(tag::OBJECT);
        let keys = enumerable(object)?;
        let count = self.properties(object, keys)?;
        self.out.push(tag::OBJECT_END);
        self.varint(count);
        Ok(())
    }

    /// Dense when every index is there, which is then written without its number.
    fn array(&mut self, object: &Object<'js>) -> Result<()> {
        let length: u32 = object.get("length")?;
        let mut keys = enumerable(object)?;
        let dense = keys.len() >= length as usize
            && keys
                .iter()
                .take(length as usize)
                .enumerate()
                .all(|(at, key)| key.is_index(at));
        self.out.push(if dense { tag::DENSE } else { tag::SPARSE });
        self.varint(length);
        if dense {
            for index in 0..length {
                let element: Value<'js> = object.get(index)?;
                self.value(&element)?;
            }
            keys.drain(..length as usize);
        }
        let count = self.properties(object, keys)?;
        self.out.push(if dense {
            tag::DENSE_END
        } else {
            tag::SPARSE_END
        });
        self.varint(count);
        self.varint(length);
        Ok(())
    }

    fn properties(&mut self, object: &Object<'js>, keys: Vec<Key<'js>>) -> Result<u32> {
        let mut count = 0;
        for key in keys {
            // A getter before may have removed it.
            if !object.contains_key(key.atom.clone())? {
                continue;
            }
            let value: Value<'js> = object.get(key.atom.clone())?;
            match key.index {
                Some(index) => self.number(f64::from(index)),
                None => self.string(&key.atom.to_value()?)?,
            }
            self.value(&value)?;
            count += 1;
        }
        Ok(count)
    }

    fn regexp(&mut self, object: &Object<'js>) -> Result<()> {
        let (source, flags): (Value<'js>, String) =
            support::<_, Pair<'js>>(&self.ctx, "regexpParts", (object.clone(),))?.text_second()?;
        self.out.push(tag::REGEXP);
        self.string(&source)?;
        let known = tag::FLAGS.iter().filter(|(flag, _)| flags.contains(*flag));
        self.varint(known.map(|(_, bit)| bit).sum());
        Ok(())
    }

    fn collection(&mut self, object: &Object<'js>, list: &str, begin: u8, end: u8) -> Result<()> {
        let items: Array<'js> = support(&self.ctx, list, (object.clone(),))?;
        self.out.push(begin);
        for index in 0..items.len() {
            self.value(&items.get(index)?)?;
        }
        self.out.push(end);
        self.varint(items.len() as u32);
        Ok(())
    }

    /// `[name, message, stack, cause]`, each undefined when the error has none.
    fn error(&mut self, object: &Object<'js>) -> Result<()> {
        let parts: Array<'js> = support(&self.ctx, "errorParts", (object.clone(),))?;
        let name = Text::of(&parts.get(0)?)?.to_owned();
        self.out.push(tag::ERROR);
        if let Some((class, _)) = tag::ERRORS.iter().find(|(_, known)| *known == name) {
            self.out.push(*class);
        }
        let (message, stack): (Value<'js>, Value<'js>) = (parts.get(1)?, parts.get(2)?);
        if !message.is_undefined() {
            self.out.push(tag::ERROR_MESSAGE);
            self.string(&message)?;
        }
        if parts.len() > 3 {
            self.out.push(tag::ERROR_CAUSE);
            self.value(&parts.get(3)?)?;
        }
        if !stack.is_undefined() {
            self.out.push(tag::ERROR_STACK);
            self.string(&stack)?;
        }
        self.out.push(tag::ERROR_END);
        Ok(())
    }

    fn boxed(&mut self, object: &Object<'js>) -> Result<()> {
        let value: Value<'js> = support(&self.ctx, "unbox", (object.clone(),))?;
        if let Some(value) = value.as_bool() {
            self.out.push(if value {
                tag::TRUE_OBJECT
            } else {
                tag::FALSE_OBJECT
            });
        } else if let Some(number) = value.as_number() {
            self.out.push(tag::NUMBER_OBJECT);
            self.double(number);
        } else if value.is_big_int() {
            self.out.push(tag::BIGINT_OBJECT);
            self.bigint(&value)?;
        } else {
            self.out.push(tag::STRING_OBJECT);
            self.string(&value)?;
        }
        Ok(())
    }

    fn buffer(&mut self, object: &Object<'js>) -> Result<()> {
        let buffer: ArrayBuffer<'js> = object.as_value().get()?;
        let window = bridge::Window {
            offset: 0,
            length: buffer.len(),
            buffer,
        };
        let growable: Option<u32> = support(&self.ctx, "bufferMaximum", (object.clone(),))?;
        self.out.push(if growable.is_some() {
            tag::RESIZABLE_BUFFER
        } else {
            tag::BUFFER
        });
        self.varint(window.length as u32);
        if let Some(maximum) = growable {
            self.varint(maximum);
        }
        window.read(|bytes| self.out.extend_from_slice(bytes))
    }

    /// `[offset, length in bytes, flags]`; bit 0: follows its buffer's length, bit 1: the buffer
    /// is resizable.
    fn view(&mut self, object: &Object<'js>, tag: u8) -> Result<()> {
        let place: Vec<u32> = support(&self.ctx, "viewPlace", (object.clone(),))?;
        self.out.extend([tag::VIEW, tag]);
        for number in place {
            self.varint(number);
        }
        Ok(())
    }

    fn string(&mut self, value: &Value<'js>) -> Result<()> {
        let text = Text::of(value)?;
        if text.is_ascii() {
            self.out.push(tag::ONE_BYTE);
            self.varint(text.len() as u32);
            self.out.extend_from_slice(text.as_bytes());
            return Ok(());
        }
        drop(text);
        bridge::with_utf16(value, |units| {
            if units.iter().all(|unit| *unit <= 0xff) {
                self.out.push(tag::ONE_BYTE);
                self.varint(units.len() as u32);
                self.out.extend(units.iter().map(|unit| *unit as u8));
            } else {
                self.two_byte(units);
            }
        })
    }

    /// The characters begin at an even offset, which a padding byte in front may be needed for.
    fn two_byte(&mut self, units: &[u16]) {
        let bytes = 2 * units.len() as u32;
        let length_bytes = (bytes.max(1).ilog2() / 7 + 1) as usize;
        if (self.out.len() + 1 + length_bytes) % 2 == 1 {
            self.out.push(tag::PADDING);
        }
        self.out.push(tag::TWO_BYTE);
        self.varint(bytes);
        self.out
            .extend(units.iter().flat_map(|unit| unit.to_le_bytes()));
    }

    /// Twice the number of bytes, plus one when negative, then the magnitude in words of 8 bytes.
    fn bigint(&mut self, value: &Value<'js>) -> Result<()> {
        let hex: String = support(&self.ctx, "bigintHex", (value.clone(),))?;
        let (negative, digits) = match hex.strip_prefix('-') {
            Some(digits) => (1, digits),
            None => (0, hex.as_str()),
        };
        let mut bytes: Vec<u8> = Vec::with_capacity(digits.len() / 2 + 8);
        if digits != "0" {
            for pair in digits.as_bytes().rchunks(2) {
                let pair = std::str::from_utf8(pair).unwrap_or("0");
                bytes.push(u8::from_str_radix(pair, 16).unwrap_or(0));
            }
            bytes.resize(bytes.len().next_multiple_of(8), 0);
        }
        self.varint((2 * bytes.len() as u32) | negative);
        self.out.extend(bytes);
        Ok(())
    }

    fn number(&mut self, number: f64) {
        let int = number as i32;
        if f64::from(int) == number && !(int == 0 && number.is_sign_negative()) {
            self.int(int);
        } else {
            self.out.push(tag::DOUBLE);
            self.double(number);
        }
    }

    fn int(&mut self, number: i32) {
        self.out.push(tag::INT32);
        // Zigzag: small negative numbers stay short.
        self.varint(((number << 1) ^ (number >> 31)) as u32);
    }

    fn double(&mut self, number: f64) {
        // One NaN for all, as V8's canonical one.
        let number = if number.is_nan() {
            f64::from_bits(0x7ff8 << 48)
        } else {
            number
        };
        self.out.extend(number.to_le_bytes());
    }

    fn varint(&mut self, mut number: u32) {
        while number >= 0x80 {
            self.out.push(number as u8 | 0x80);
            number >>= 7;
        }
        self.out.push(number as u8);
    }

    fn refuse(&self, value: &Value<'js>) -> rquickjs::Error {
        match support::<_, String>(&self.ctx, "describe", (value.clone(),)) {
            Ok(what) => {
                let message = format!("{what} could not be cloned.");
                bridge::dom_exception(&self.ctx, "DataCloneError", &message)
            }
            Err(error) => error,
        }
    }
}

/// A property's name, and its number when it is an array index.
struct Key<'js> {
    atom: Atom<'js>,
    index: Option<u32>,
}

impl Key<'_> {
    fn is_index(&self, at: usize) -> bool {
        self.index.is_some_and(|index| index as usize == at)
    }
}

/// Own enumerable properties with string names, indices first and in order.
fn enumerable<'js>(object: &Object<'js>) -> Result<Vec<Key<'js>>> {
    let mut keys = Vec::new();
    for atom in object.own_keys::<Atom<'js>>(Filter::new().string().enum_only()) {
        let atom = atom?;
        let name = atom.to_string()?;
        let index = name.parse().ok().filter(|index: &u32| {
            // Written exactly as JavaScript writes a number, and not the highest one.
            *index != u32::MAX && (name == "0" || !name.starts_with(['0', '+']))
        });
        keys.push(Key { atom, index });
    }
    Ok(keys)
}

/// Two values that arrive as an array.
struct Pair<'js>(Value<'js>, Value<'js>);

impl<'js> Pair<'js> {
    fn text_second(self) -> Result<(Value<'js>, String)> {
        let second = Text::of(&self.1)?.to_owned();
        Ok((self.0, second))
    }
}

impl<'js> rquickjs::FromJs<'js> for Pair<'js> {
    fn from_js(_: &Ctx<'js>, value: Value<'js>) -> Result<Self> {
        let array: Array<'js> = value.get()?;
        Ok(Self(array.get(0)?, array.get(1)?))
    }
}

//! Data to bytes, as V8 writes them: the same choice between one and two bytes a character and
//! between integers and doubles, objects numbered as they are met.

use std::collections::HashMap;

use crate::graph::NO_TAG;
use crate::{BigInt, Boxed, DEPTH_MAX, Graph, Key, Object, ObjectId, Text, Value, View, tag};

/// The value is nested deeper than [`DEPTH_MAX`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the value is nested deeper than {DEPTH_MAX}")]
pub struct TooDeep;

impl Graph {
    /// The bytes of the value. An object that is named and not there is written as null.
    ///
    /// # Errors
    /// It is nested too deeply.
    pub fn to_bytes(&self) -> Result<Vec<u8>, TooDeep> {
        let mut writer = Writer {
            graph: self,
            out: vec![tag::VERSION],
            numbers: HashMap::new(),
            depth: 0,
        };
        writer.varint(tag::NEWEST);
        writer.value(&self.root)?;
        Ok(writer.out)
    }
}

struct Writer<'g> {
    graph: &'g Graph,
    out: Vec<u8>,
    /// Of every object that has begun.
    numbers: HashMap<ObjectId, u32>,
    depth: u32,
}

impl<'g> Writer<'g> {
    fn value(&mut self, value: &Value) -> Result<(), TooDeep> {
        match value {
            Value::Undefined => self.out.push(tag::UNDEFINED),
            Value::Null => self.out.push(tag::NULL),
            Value::Bool(true) => self.out.push(tag::TRUE),
            Value::Bool(false) => self.out.push(tag::FALSE),
            Value::Number(number) => self.number(*number),
            Value::BigInt(number) => {
                self.out.push(tag::BIGINT);
                self.bigint(number);
            }
            Value::String(text) => self.string(text),
            Value::Object(id) => return self.nested(*id),
        }
        Ok(())
    }

    fn nested(&mut self, id: ObjectId) -> Result<(), TooDeep> {
        if self.depth >= DEPTH_MAX {
            return Err(TooDeep);
        }
        self.depth += 1;
        let written = self.named(id);
        self.depth -= 1;
        written
    }

    fn named(&mut self, id: ObjectId) -> Result<(), TooDeep> {
        let graph = self.graph;
        let Some(object) = graph.objects.get(id.0) else {
            self.out.push(tag::NULL);
            return Ok(());
        };
        if let (Object::View(view), false) = (object, self.numbers.contains_key(&id)) {
            // A view comes behind its buffer, which is numbered before it.
            self.nested(view.buffer)?;
        }
        if let Some(number) = self.numbers.get(&id).copied() {
            self.out.push(tag::REFERENCE);
            self.varint(number);
            return Ok(());
        }
        let number = count(self.numbers.len());
        self.numbers.insert(id, number);
        self.object(object)
    }

    fn object(&mut self, object: &'g Object) -> Result<(), TooDeep> {
        match object {
            Object::Plain(properties) => {
                self.out.push(tag::OBJECT);
                self.properties(properties, tag::OBJECT_END)
            }
            Object::Array {
                elements,
                properties,
            } => {
                self.out.push(tag::DENSE);
                self.varint(count(elements.len()));
                elements
                    .iter()
                    .try_for_each(|element| self.value(element))?;
                self.properties(properties, tag::DENSE_END)?;
                self.varint(count(elements.len()));
                Ok(())
            }
            Object::Sparse { length, properties } => {
                self.out.push(tag::SPARSE);
                self.varint(*length);
                self.properties(properties, tag::SPARSE_END)?;
                self.varint(*length);
                Ok(())
            }
            Object::Map(entries) => {
                let both = entries.iter().flat_map(|(key, value)| [key, value]);
                self.list(both, tag::MAP, tag::MAP_END)
            }
            Object::Set(values) => self.list(values.iter(), tag::SET, tag::SET_END),
            Object::Error { .. } => self.error(object),
            leaf => {
                self.leaf(leaf);
                Ok(())
            }
        }
    }

    fn properties(&mut self, properties: &[(Key, Value)], end: u8) -> Result<(), TooDeep> {
        for (key, value) in properties {
            match key {
                Key::Index(index) => self.number(f64::from(*index)),
                Key::Name(name) => self.string(name),
            }
            self.value(value)?;
        }
        self.out.push(end);
        self.varint(count(properties.len()));
        Ok(())
    }

    fn list<'v>(
        &mut self,
        values: impl Iterator<Item = &'v Value>,
        begin: u8,
        end: u8,
    ) -> Result<(), TooDeep> {
        self.out.push(begin);
        let mut written = 0;
        for value in values {
            self.value(value)?;
            written += 1;
        }
        self.out.push(end);
        self.varint(count(written));
        Ok(())
    }

    fn error(&mut self, error: &Object) -> Result<(), TooDeep> {
        let Object::Error {
            class,
            message,
            stack,
            cause,
        } = error
        else {
            return Ok(());
        };
        self.out.push(tag::ERROR);
        self.out
            .extend([class.tag()].into_iter().filter(|tag| *tag != NO_TAG));
        if let Some(message) = message {
            self.out.push(tag::ERROR_MESSAGE);
            self.string(message);
        }
        if let Some(cause) = cause {
            self.out.push(tag::ERROR_CAUSE);
            self.value(cause)?;
        }
        if let Some(stack) = stack {
            self.out.push(tag::ERROR_STACK);
            self.string(stack);
        }
        self.out.push(tag::ERROR_END);
        Ok(())
    }

    /// Objects that hold no other values.
    fn leaf(&mut self, object: &Object) {
        match object {
            Object::Date(time) => {
                self.out.push(tag::DATE);
                self.double(*time);
            }
            Object::RegExp { source, flags } => {
                self.out.push(tag::REGEXP);
                self.string(source);
                self.varint(*flags);
            }
            Object::Boxed(boxed) => self.boxed(boxed),
            Object::Buffer(buffer) => {
                self.out.push(match buffer.maximum {
                    Some(_) => tag::RESIZABLE_BUFFER,
                    None => tag::BUFFER,
                });
                self.varint(count(buffer.bytes.len()));
                if let Some(maximum) = buffer.maximum {
                    self.varint(maximum);
                }
                self.out.extend_from_slice(&buffer.bytes);
            }
            Object::View(view) => self.view(view),
            // Written where what they hold is.
            _ => {}
        }
    }

    fn boxed(&mut self, boxed: &Boxed) {
        match boxed {
            Boxed::Bool(true) => self.out.push(tag::TRUE_OBJECT),
            Boxed::Bool(false) => self.out.push(tag::FALSE_OBJECT),
            Boxed::Number(number) => {
                self.out.push(tag::NUMBER_OBJECT);
                self.double(*number);
            }
            Boxed::BigInt(number) => {
                self.out.push(tag::BIGINT_OBJECT);
                self.bigint(number);
            }
            Boxed::String(text) => {
                self.out.push(tag::STRING_OBJECT);
                self.string(text);
            }
        }
    }

    fn view(&mut self, view: &View) {
        let on_resizable = matches!(
            self.graph.objects.get(view.buffer.0),
            Some(Object::Buffer(buffer)) if buffer.maximum.is_some()
        );
        self.out.extend([tag::VIEW, view.kind.tag()]);
        self.varint(view.offset);
        self.varint(view.length);
        let mut flags = 0;
        if view.tracks_length {
            flags |= tag::TRACKS_LENGTH;
        }
        if on_resizable {
            flags |= tag::ON_RESIZABLE;
        }
        self.varint(flags);
    }

    /// One byte a character when all of them are Latin-1, else two.
    fn string(&mut self, text: &Text) {
        let units = text.units();
        let bytes: Option<Vec<u8>> = units.iter().map(|unit| u8::try_from(*unit).ok()).collect();
        let Some(bytes) = bytes else {
            return self.two_byte(&units);
        };
        self.out.push(tag::ONE_BYTE);
        self.varint(count(bytes.len()));
        self.out.extend(bytes);
    }

    /// The characters begin at an even offset, which a padding byte in front may be needed for.
    fn two_byte(&mut self, units: &[u16]) {
        let bytes = count(2 * units.len());
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
    fn bigint(&mut self, number: &BigInt) {
        let bytes = count(8 * number.words().len());
        self.varint((2 * bytes) | u32::from(number.is_negative()));
        let words = number.words().iter();
        self.out.extend(words.flat_map(|word| word.to_le_bytes()));
    }

    /// As an int32 when it is one; -0 is none.
    fn number(&mut self, number: f64) {
        #[expect(clippy::cast_possible_truncation, reason = "compared one line below")]
        let int = number as i32;
        let is_int = f64::from(int) == number && !(int == 0 && number.is_sign_negative());
        if is_int {
            self.out.push(tag::INT32);
            // Zigzag: small negative numbers stay short.
            self.varint(((int << 1) ^ (int >> 31)).cast_unsigned());
        } else {
            self.out.push(tag::DOUBLE);
            self.double(number);
        }
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
        loop {
            #[expect(
                clippy::cast_possible_truncation,
                reason = "seven bits of it are taken"
            )]
            let bits = number as u8 & 0x7f;
            number >>= 7;
            if number == 0 {
                return self.out.push(bits);
            }
            self.out.push(bits | 0x80);
        }
    }
}

/// Lengths have 32 bits in the format. A value of more bytes than that does not exist: what is
/// stored is far smaller, and so is what is read from a line.
fn count(length: usize) -> u32 {
    u32::try_from(length).unwrap_or(u32::MAX)
}

//! Values to bytes, as V8 writes them: the same order of properties, the same choice between
//! dense and sparse arrays and between one and two bytes a character.

use std::collections::BTreeMap;

use rquickjs::object::Filter;
use rquickjs::{Array, ArrayBuffer, Atom, Ctx, Exception, Object, Result, Value};

use super::kind::{self, Kind};
use super::output::Output;
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
        out: Output(vec![tag::VERSION, tag::NEWEST as u8]),
        seen: BTreeMap::new(),
        held: Vec::new(),
        depth: 0,
    };
    writer.value(value)?;
    Ok(writer.out.0)
}

struct Writer<'js> {
    ctx: Ctx<'js>,
    out: Output,
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
            self.out.int(number);
        } else if let Some(number) = value.as_float() {
            self.out.number(number);
        } else if value.is_string() {
            self.out.string(value)?;
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
            self.out.varint(number);
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
                self.out.double(time);
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
        self.out.varint(count);
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
        self.out.varint(length);
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
        self.out.varint(count);
        self.out.varint(length);
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
                Some(index) => self.out.number(f64::from(index)),
                None => self.out.string(&key.atom.to_value()?)?,
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
        self.out.string(&source)?;
        let known = tag::FLAGS.iter().filter(|(flag, _)| flags.contains(*flag));
        self.out.varint(known.map(|(_, bit)| bit).sum());
        Ok(())
    }

    fn collection(&mut self, object: &Object<'js>, list: &str, begin: u8, end: u8) -> Result<()> {
        let items: Array<'js> = support(&self.ctx, list, (object.clone(),))?;
        self.out.push(begin);
        for index in 0..items.len() {
            self.value(&items.get(index)?)?;
        }
        self.out.push(end);
        self.out.varint(items.len() as u32);
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
            self.out.string(&message)?;
        }
        if parts.len() > 3 {
            self.out.push(tag::ERROR_CAUSE);
            self.value(&parts.get(3)?)?;
        }
        if !stack.is_undefined() {
            self.out.push(tag::ERROR_STACK);
            self.out.string(&stack)?;
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
            self.out.double(number);
        } else if value.is_big_int() {
            self.out.push(tag::BIGINT_OBJECT);
            self.bigint(&value)?;
        } else {
            self.out.push(tag::STRING_OBJECT);
            self.out.string(&value)?;
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
        self.out.varint(window.length as u32);
        if let Some(maximum) = growable {
            self.out.varint(maximum);
        }
        window.read(|bytes| self.out.0.extend_from_slice(bytes))
    }

    /// `[offset, length in bytes, flags]`; bit 0: follows its buffer's length, bit 1: the buffer
    /// is resizable.
    fn view(&mut self, object: &Object<'js>, tag: u8) -> Result<()> {
        let place: Vec<u32> = support(&self.ctx, "viewPlace", (object.clone(),))?;
        self.out.0.extend([tag::VIEW, tag]);
        for number in place {
            self.out.varint(number);
        }
        Ok(())
    }

    fn bigint(&mut self, value: &Value<'js>) -> Result<()> {
        let hex: String = support(&self.ctx, "bigintHex", (value.clone(),))?;
        self.out.bigint(&hex);
        Ok(())
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
        // Not the atom's own text, which ends at the first U+0000.
        let name = Text::of(&atom.to_value()?)?;
        let index = name.parse().ok().filter(|index: &u32| {
            // Written exactly as JavaScript writes a number, and not the highest one.
            *index != u32::MAX && (&*name == "0" || !name.starts_with(['0', '+']))
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

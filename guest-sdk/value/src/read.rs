//! Bytes to data. The bytes may come from anywhere, so nothing about them is trusted: what does not
//! fit is an error with its place, and no more is allocated than there are bytes.

use crate::graph::{NO_TAG, as_javascript_has_them};
use crate::input::{Input, ReadError};
use crate::{
    Boxed, Buffer, DEPTH_MAX, ErrorClass, Graph, Key, Object, ObjectId, Value, View, ViewKind, tag,
};

impl Graph {
    /// Reads a value. What stands behind it is not looked at, as V8 does not.
    ///
    /// # Errors
    /// The bytes are no value, or one that holds what cannot be stored.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, ReadError> {
        let mut reader = Reader {
            input: Input { bytes, at: 0 },
            version: 0,
            objects: Vec::new(),
            depth: 0,
        };
        if reader.input.byte()? != tag::VERSION {
            return Err(reader.input.broken("a value begins with its version"));
        }
        reader.version = reader.input.varint()?;
        if !(tag::OLDEST..=tag::NEWEST).contains(&reader.version) {
            return Err(reader
                .input
                .broken("the format has a version that is not known"));
        }
        let root = reader.value()?;
        Ok(Self {
            root,
            objects: reader.objects,
        })
    }
}

struct Reader<'b> {
    input: Input<'b>,
    version: u32,
    /// In the order in which they begin, which is how the format names them. One that is being
    /// read stands there empty.
    objects: Vec<Object>,
    depth: u32,
}

impl Reader<'_> {
    fn value(&mut self) -> Result<Value, ReadError> {
        let value = self.tagged()?;
        if let Value::Object(buffer) = value
            && self.input.peek() == Some(tag::VIEW)
        {
            // A view follows its buffer.
            self.input.pass();
            return self.view(buffer);
        }
        Ok(value)
    }

    fn tagged(&mut self) -> Result<Value, ReadError> {
        let tag = self.input.tag()?;
        Ok(match tag {
            tag::UNDEFINED => Value::Undefined,
            tag::NULL => Value::Null,
            tag::TRUE => Value::Bool(true),
            tag::FALSE => Value::Bool(false),
            tag::INT32 => Value::Number(f64::from(self.input.zigzag()?)),
            tag::UINT32 => Value::Number(f64::from(self.input.varint()?)),
            tag::DOUBLE => Value::Number(self.input.double()?),
            tag::BIGINT => Value::BigInt(self.input.bigint()?),
            tag::UTF8 | tag::ONE_BYTE | tag::TWO_BYTE => Value::String(self.input.string(tag)?),
            tag::REFERENCE => self.reference()?,
            tag => {
                if self.depth >= DEPTH_MAX {
                    return Err(self.input.broken("the value is nested too deeply"));
                }
                self.depth += 1;
                let read = self.object(tag);
                self.depth -= 1;
                Value::Object(read?)
            }
        })
    }

    fn object(&mut self, tag: u8) -> Result<ObjectId, ReadError> {
        let id = ObjectId(self.objects.len());
        // What is found within may name this one already.
        self.objects.push(Object::Plain(Vec::new()));
        let object = match tag {
            tag::OBJECT => Object::Plain(self.plain()?),
            tag::DENSE => self.dense()?,
            tag::SPARSE => self.sparse()?,
            tag::MAP => self.map()?,
            tag::SET => self.set()?,
            tag::DATE => Object::Date(self.input.double()?),
            tag::REGEXP => self.regexp()?,
            tag::ERROR => self.error()?,
            tag::BUFFER | tag::RESIZABLE_BUFFER => self.buffer(tag)?,
            tag::TRUE_OBJECT => Object::Boxed(Boxed::Bool(true)),
            tag::FALSE_OBJECT => Object::Boxed(Boxed::Bool(false)),
            tag::NUMBER_OBJECT => Object::Boxed(Boxed::Number(self.input.double()?)),
            tag::BIGINT_OBJECT => Object::Boxed(Boxed::BigInt(self.input.bigint()?)),
            tag::STRING_OBJECT => Object::Boxed(Boxed::String(self.input.tagged_string()?)),
            _ => {
                return Err(self
                    .input
                    .broken("it holds something that cannot be stored"));
            }
        };
        self.put(id, object);
        Ok(id)
    }

    fn put(&mut self, id: ObjectId, object: Object) {
        if let Some(place) = self.objects.get_mut(id.0) {
            *place = object;
        }
    }

    fn reference(&mut self) -> Result<Value, ReadError> {
        let number = self.input.varint()? as usize;
        if number >= self.objects.len() {
            return Err(self.input.broken("it names an object that is not there"));
        }
        Ok(Value::Object(ObjectId(number)))
    }

    fn plain(&mut self) -> Result<Vec<(Key, Value)>, ReadError> {
        let properties = self.properties(tag::OBJECT_END)?;
        self.input.count(properties.len())?;
        Ok(as_javascript_has_them(properties))
    }

    fn dense(&mut self) -> Result<Object, ReadError> {
        let length = self.input.varint()?;
        // Each element takes at least a byte.
        if length as usize > self.input.left() {
            return Err(self.input.broken("an array is longer than the value"));
        }
        let (mut elements, mut there) = (Vec::new(), Vec::new());
        for index in 0..length {
            if self.input.peek() == Some(tag::HOLE) {
                self.input.pass();
                continue;
            }
            elements.push(self.value()?);
            there.push(Key::Index(index));
        }
        let properties = self.properties(tag::DENSE_END)?;
        self.input.count(properties.len())?;
        self.input.count(length as usize)?;
        let is_element = |(key, _): &(Key, Value)| matches!(key, Key::Index(_));
        if properties.iter().any(is_element) {
            return Err(self
                .input
                .broken("an array has elements behind its elements"));
        }
        if elements.len() == length as usize {
            return Ok(Object::Array {
                elements,
                properties: as_javascript_has_them(properties),
            });
        }
        let there = there.into_iter().zip(elements).chain(properties);
        Ok(Object::Sparse {
            length,
            properties: as_javascript_has_them(there.collect()),
        })
    }

    fn sparse(&mut self) -> Result<Object, ReadError> {
        let length = self.input.varint()?;
        let properties = self.properties(tag::SPARSE_END)?;
        self.input.count(properties.len())?;
        self.input.count(length as usize)?;
        let is_beyond = |(key, _): &(Key, Value)| matches!(key, Key::Index(at) if *at >= length);
        if properties.iter().any(is_beyond) {
            return Err(self.input.broken("an array has elements beyond its length"));
        }
        Ok(Object::Sparse {
            length,
            properties: as_javascript_has_them(properties),
        })
    }

    fn properties(&mut self, end: u8) -> Result<Vec<(Key, Value)>, ReadError> {
        let mut properties = Vec::new();
        while !self.input.ends(end) {
            let key = match self.value()? {
                Value::String(name) => match name.as_str() {
                    Some(text) => Key::of(text),
                    None => Key::Name(name),
                },
                Value::Number(number) => self.key_of(number)?,
                _ => return Err(self.input.broken("a property has a name that is none")),
            };
            properties.push((key, self.value()?));
        }
        Ok(properties)
    }

    /// Whole numbers are written as they are when they name a property.
    fn key_of(&self, number: f64) -> Result<Key, ReadError> {
        // Below 2^53 a whole number has one way to be written.
        if number.fract() != 0.0 || !(0.0..9_007_199_254_740_992.0).contains(&number) {
            return Err(self
                .input
                .broken("a property has a number that is none of a property"));
        }
        Ok(Key::of(&number.to_string()))
    }

    fn map(&mut self) -> Result<Object, ReadError> {
        let mut entries = Vec::new();
        while !self.input.ends(tag::MAP_END) {
            entries.push((self.value()?, self.value()?));
        }
        self.input.count(2 * entries.len())?;
        Ok(Object::Map(entries))
    }

    fn set(&mut self) -> Result<Object, ReadError> {
        let mut values = Vec::new();
        while !self.input.ends(tag::SET_END) {
            values.push(self.value()?);
        }
        self.input.count(values.len())?;
        Ok(Object::Set(values))
    }

    fn regexp(&mut self) -> Result<Object, ReadError> {
        let (source, flags) = (self.input.tagged_string()?, self.input.varint()?);
        let known = tag::REGEXP_FLAGS.iter().fold(0, |all, (_, bit)| all | bit);
        if flags & !known != 0 {
            return Err(self
                .input
                .broken("a regular expression has flags that are not known"));
        }
        Ok(Object::RegExp { source, flags })
    }

    fn error(&mut self) -> Result<Object, ReadError> {
        let mut class = ErrorClass::Error;
        let (mut message, mut stack, mut cause) = (None, None, None);
        loop {
            match self.input.byte()? {
                tag::ERROR_END => break,
                tag::ERROR_MESSAGE => message = Some(self.input.tagged_string()?),
                tag::ERROR_STACK => stack = Some(self.input.tagged_string()?),
                tag::ERROR_CAUSE => cause = Some(self.value()?),
                other => match ErrorClass::of_tag(other).filter(|_| other != NO_TAG) {
                    Some(known) => class = known,
                    None => return Err(self.input.broken("an error has a part that is not known")),
                },
            }
        }
        Ok(Object::Error {
            class,
            message,
            stack,
            cause,
        })
    }

    fn buffer(&mut self, tag: u8) -> Result<Object, ReadError> {
        let length = self.input.varint()?;
        let maximum = if tag == tag::RESIZABLE_BUFFER {
            Some(self.input.varint()?)
        } else {
            None
        };
        if maximum.is_some_and(|maximum| maximum < length) {
            return Err(self.input.broken("a buffer is longer than it may become"));
        }
        let bytes = self.input.take(length as usize)?.to_vec();
        Ok(Object::Buffer(Buffer { bytes, maximum }))
    }

    fn view(&mut self, buffer: ObjectId) -> Result<Value, ReadError> {
        let kind = ViewKind::of_tag(self.input.byte()?);
        let kind =
            kind.ok_or_else(|| self.input.broken("a view is of a kind that is not known"))?;
        let (offset, length) = (self.input.varint()?, self.input.varint()?);
        let flags = if self.version >= tag::VIEW_FLAGS_SINCE {
            self.input.varint()?
        } else {
            0
        };
        let view = View {
            kind,
            buffer,
            offset,
            length,
            tracks_length: flags & tag::TRACKS_LENGTH != 0,
        };
        let Some(Object::Buffer(held)) = self.objects.get(buffer.0) else {
            return Err(self
                .input
                .broken("a view is of something that is no buffer"));
        };
        if !view.fits(held.bytes.len()) {
            return Err(self.input.broken("a view does not fit its buffer"));
        }
        let id = ObjectId(self.objects.len());
        self.objects.push(Object::View(view));
        Ok(Value::Object(id))
    }
}

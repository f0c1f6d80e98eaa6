//! A value as data. Objects may be held several times and by themselves, so that they stand in a
//! list and are named by their place in it.

use std::collections::HashMap;

use crate::{BigInt, Text};

/// A value and the objects that it holds.
#[derive(Debug, Clone, PartialEq)]
pub struct Graph {
    /// The value.
    pub root: Value,
    /// Every object, by its [`ObjectId`].
    pub objects: Vec<Object>,
}

/// Which object of a [`Graph`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ObjectId(pub usize);

/// A primitive, or an object by its name.
#[derive(Debug, Clone, PartialEq)]
pub enum Value {
    /// `undefined`.
    Undefined,
    /// `null`.
    Null,
    /// `true` or `false`.
    Bool(bool),
    /// A number, -0 and NaN among them.
    Number(f64),
    /// A BigInt.
    BigInt(BigInt),
    /// A string.
    String(Text),
    /// An object.
    Object(ObjectId),
}

/// What a property is called.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Key {
    /// An array index: below 2^32 - 1. In JavaScript's order these come first.
    Index(u32),
    /// Anything else.
    Name(Text),
}

/// One object.
#[derive(Debug, Clone, PartialEq)]
pub enum Object {
    /// `{}`, or of a class of the user's.
    Plain(Vec<(Key, Value)>),
    /// An array without holes.
    Array {
        /// In order.
        elements: Vec<Value>,
        /// Besides them.
        properties: Vec<(Key, Value)>,
    },
    /// An array with holes.
    Sparse {
        /// Its `length`.
        length: u32,
        /// The elements that are there, and properties besides them.
        properties: Vec<(Key, Value)>,
    },
    /// A Date: milliseconds since 1970, or NaN.
    Date(f64),
    /// A RegExp.
    RegExp {
        /// What stands between the slashes.
        source: Text,
        /// What stands behind them, as the bits of the format.
        flags: u32,
    },
    /// A Map, in its order.
    Map(Vec<(Value, Value)>),
    /// A Set, in its order.
    Set(Vec<Value>),
    /// An error.
    Error {
        /// Which constructor made it.
        class: ErrorClass,
        /// Its own `message`, if any.
        message: Option<Text>,
        /// Its own `stack`, if any.
        stack: Option<Text>,
        /// Its own `cause`, if any.
        cause: Option<Value>,
    },
    /// A primitive in an object, as `Object(1)` makes one.
    Boxed(Boxed),
    /// An ArrayBuffer.
    Buffer(Buffer),
    /// A typed array or a DataView.
    View(View),
}

/// The primitive in a [`Object::Boxed`].
#[derive(Debug, Clone, PartialEq)]
pub enum Boxed {
    /// Of a Boolean.
    Bool(bool),
    /// Of a Number.
    Number(f64),
    /// Of a BigInt.
    BigInt(BigInt),
    /// Of a String.
    String(Text),
}

/// An ArrayBuffer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Buffer {
    /// What is in it.
    pub bytes: Vec<u8>,
    /// Its `maxByteLength`, when it is resizable.
    pub maximum: Option<u32>,
}

/// A view on a buffer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct View {
    /// Which constructor made it.
    pub kind: ViewKind,
    /// Its buffer, a [`Object::Buffer`].
    pub buffer: ObjectId,
    /// Where it begins, in bytes.
    pub offset: u32,
    /// Its length in bytes, also of one that follows the length of its buffer.
    pub length: u32,
    /// Whether it follows the length of its buffer.
    pub tracks_length: bool,
}

macro_rules! classes {
    (
        $(#[$doc:meta])* $type:ident { $($variant:ident = ($tag:expr, $name:literal),)* }
    ) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub enum $type {
            $(
                #[doc = concat!("`", $name, "`.")]
                $variant,
            )*
        }

        impl $type {
            const ALL: &[(Self, u8, &str)] = &[$((Self::$variant, $tag, $name)),*];

            /// As JavaScript calls it.
            #[must_use]
            pub fn name(self) -> &'static str {
                let own = Self::ALL.iter().find(|(class, ..)| *class == self);
                own.map_or("", |(_, _, name)| name)
            }

            /// By its name in JavaScript.
            #[must_use]
            pub fn named(name: &str) -> Option<Self> {
                let own = Self::ALL.iter().find(|(.., known)| *known == name);
                own.map(|(class, ..)| *class)
            }

            pub(crate) fn tag(self) -> u8 {
                let own = Self::ALL.iter().find(|(class, ..)| *class == self);
                own.map_or(0, |(_, tag, _)| *tag)
            }

            pub(crate) fn of_tag(tag: u8) -> Option<Self> {
                let own = Self::ALL.iter().find(|(_, known, _)| *known == tag);
                own.map(|(class, ..)| *class)
            }
        }
    };
}

/// The format has no byte for it: it is what there is without one.
pub(crate) const NO_TAG: u8 = 0;

classes! {
    /// Constructors of errors that keep their prototype; errors of all others are read as `Error`.
    ErrorClass {
        Error = (NO_TAG, "Error"),
        Eval = (b'E', "EvalError"),
        Range = (b'R', "RangeError"),
        Reference = (b'F', "ReferenceError"),
        Syntax = (b'S', "SyntaxError"),
        Type = (b'T', "TypeError"),
        Uri = (b'U', "URIError"),
    }
}

classes! {
    /// Constructors of views.
    ViewKind {
        Int8 = (b'b', "Int8Array"),
        Uint8 = (b'B', "Uint8Array"),
        Uint8Clamped = (b'C', "Uint8ClampedArray"),
        Int16 = (b'w', "Int16Array"),
        Uint16 = (b'W', "Uint16Array"),
        Int32 = (b'd', "Int32Array"),
        Uint32 = (b'D', "Uint32Array"),
        Float16 = (b'h', "Float16Array"),
        Float32 = (b'f', "Float32Array"),
        Float64 = (b'F', "Float64Array"),
        BigInt64 = (b'q', "BigInt64Array"),
        BigUint64 = (b'Q', "BigUint64Array"),
        DataView = (b'?', "DataView"),
    }
}

impl ViewKind {
    /// Bytes of one element.
    #[must_use]
    pub fn element_bytes(self) -> u32 {
        match self {
            Self::Int8 | Self::Uint8 | Self::Uint8Clamped | Self::DataView => 1,
            Self::Int16 | Self::Uint16 | Self::Float16 => 2,
            Self::Int32 | Self::Uint32 | Self::Float32 => 4,
            Self::Float64 | Self::BigInt64 | Self::BigUint64 => 8,
        }
    }
}

impl View {
    /// Whether it lies within a buffer of so many bytes, as an array of its kind must.
    pub(crate) fn fits(&self, bytes: usize) -> bool {
        let size = self.kind.element_bytes();
        let end = u64::from(self.offset) + u64::from(self.length);
        end <= bytes as u64 && self.offset.is_multiple_of(size) && self.length.is_multiple_of(size)
    }
}

/// Properties as JavaScript has them when it is given these one by one: indices first and in order,
/// of a name that comes again the last value in the first place.
pub(crate) fn as_javascript_has_them(given: Vec<(Key, Value)>) -> Vec<(Key, Value)> {
    let mut places = HashMap::new();
    let mut properties: Vec<(Key, Value)> = Vec::with_capacity(given.len());
    for (key, value) in given {
        match places
            .get(&key)
            .and_then(|at: &usize| properties.get_mut(*at))
        {
            Some(property) => property.1 = value,
            None => {
                places.insert(key.clone(), properties.len());
                properties.push((key, value));
            }
        }
    }
    properties.sort_by_key(|(key, _)| match key {
        Key::Index(index) => u64::from(*index),
        Key::Name(_) => u64::MAX,
    });
    properties
}

impl Key {
    /// The property of this name.
    #[must_use]
    pub fn of(name: &str) -> Self {
        let is_canonical = name == "0" || !name.starts_with(['0', '+']);
        match name.parse::<u32>() {
            Ok(index) if is_canonical && index != u32::MAX => Self::Index(index),
            _ => Self::Name(name.into()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn indices_are_what_javascript_takes_for_one() {
        for (name, index) in [("0", 0), ("7", 7), ("4294967294", u32::MAX - 1)] {
            assert_eq!(Key::of(name), Key::Index(index));
        }
        for name in ["", "00", "01", "+1", "-1", "1.0", "4294967295", "a"] {
            assert_eq!(Key::of(name), Key::Name(name.into()));
        }
    }

    #[test]
    fn properties_stand_as_javascript_has_them() {
        let given = [("b", 1.0), ("7", 2.0), ("a", 3.0), ("0", 4.0), ("b", 5.0)];
        let given = given.map(|(name, value)| (Key::of(name), Value::Number(value)));
        let expected = [("0", 4.0), ("7", 2.0), ("b", 5.0), ("a", 3.0)];
        let expected = expected.map(|(name, value)| (Key::of(name), Value::Number(value)));
        assert_eq!(as_javascript_has_them(given.into()), expected);
    }

    #[test]
    fn classes_are_found_by_name_and_by_tag() {
        assert_eq!(ErrorClass::named("TypeError"), Some(ErrorClass::Type));
        assert_eq!(ErrorClass::named("MyError"), None);
        assert_eq!(ViewKind::of_tag(b'q'), Some(ViewKind::BigInt64));
        for (kind, tag, name) in ViewKind::ALL {
            assert_eq!((kind.tag(), kind.name()), (*tag, *name));
        }
    }
}

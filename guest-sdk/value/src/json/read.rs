//! JSON to data. What is not of the notation is an error that says where: a value must not become
//! another one because of a mistake in a file.

use std::collections::{HashMap, HashSet};

use super::error::{JsonError, Result};
use super::leaf::{bytes, flags, id_of, list, number, pieces, string, text, whole, wrong};
use super::parse::parse;
use super::tree::Json;
use super::{NUMBERS, name};
use crate::graph::as_javascript_has_them;
use crate::{Boxed, Buffer, ErrorClass, Graph, Key, Object, ObjectId, Value, View, ViewKind};

impl Graph {
    /// Reads one value, which the text is as a whole. Takes stack for as many levels as there are:
    /// with [`crate::DEPTH_MAX`] of them some megabytes.
    ///
    /// # Errors
    /// It is no JSON, or not of the notation.
    pub fn from_json(text: &str) -> Result<Self> {
        let json = parse(text).map_err(|error| JsonError::new(error.to_string()))?;
        let mut reader = Reader::default();
        let root = reader.value(&json)?;
        Ok(Self {
            root,
            objects: reader.objects,
        })
    }
}

#[derive(Default)]
struct Reader {
    objects: Vec<Object>,
    ids: HashMap<u64, ObjectId>,
}

/// The fields of an object of the notation, taken one by one.
struct Fields<'j> {
    kind: &'j str,
    rest: Vec<(&'j str, &'j Json)>,
}

impl<'j> Fields<'j> {
    fn take(&mut self, field: &str) -> Option<&'j Json> {
        let at = self.rest.iter().position(|(name, _)| *name == field)?;
        Some(self.rest.remove(at).1)
    }

    fn need(&mut self, field: &str) -> Result<&'j Json> {
        let found = self.take(field);
        found.ok_or_else(|| JsonError::new(format!("\"{}\" has no \"{field}\"", self.kind)))
    }

    fn end(&self) -> Result<()> {
        match self.rest.first() {
            Some((name, _)) => Err(JsonError::new(format!(
                "\"{}\" has a field \"{name}\" that is not known",
                self.kind
            ))),
            None => Ok(()),
        }
    }
}

impl Reader {
    fn value(&mut self, json: &Json) -> Result<Value> {
        Ok(match json {
            Json::Null => Value::Null,
            Json::Bool(value) => Value::Bool(*value),
            Json::Number(number) => Value::Number(*number),
            Json::String(text) => Value::String(text.as_str().into()),
            Json::Array(items) => {
                let id = self.reserve();
                let elements = self.values(items)?;
                self.put(
                    id,
                    Object::Array {
                        elements,
                        properties: Vec::new(),
                    },
                )
            }
            Json::Object(entries) => match entries.iter().find(|(key, _)| key.starts_with('$')) {
                Some((kind, content)) => {
                    let others = entries.iter().filter(|(key, _)| key != kind);
                    let mut fields = Fields {
                        kind,
                        rest: others.map(|(key, value)| (key.as_str(), value)).collect(),
                    };
                    let value = self.special(content, &mut fields);
                    let value = value.map_err(|error| error.within(kind))?;
                    fields.end()?;
                    value
                }
                None => {
                    let id = self.reserve();
                    let properties = self.plain(entries)?;
                    self.put(id, Object::Plain(properties))
                }
            },
        })
    }

    fn special(&mut self, content: &Json, fields: &mut Fields<'_>) -> Result<Value> {
        match fields.kind {
            name::UNDEFINED if *content == Json::Bool(true) => Ok(Value::Undefined),
            name::UNDEFINED => Err(wrong("true", content)),
            name::NUMBER => {
                let known = |text: &str| NUMBERS.iter().find(|(known, _)| *known == text);
                let number = known(string(content)?);
                let number = number.ok_or_else(|| {
                    JsonError::new("it can be \"NaN\", \"Infinity\", \"-Infinity\" or \"-0\"")
                })?;
                Ok(Value::Number(number.1))
            }
            name::BIGINT => {
                let number = string(content)?.parse();
                let number = number.map_err(|error| JsonError::new(format!("{error}")))?;
                Ok(Value::BigInt(number))
            }
            name::STRING => Ok(Value::String(pieces(content)?)),
            name::REF => {
                let id = self.ids.get(&id_of(content)?);
                let id = id.ok_or_else(|| JsonError::new("nothing before it has this \"$id\""))?;
                Ok(Value::Object(*id))
            }
            name::ID => self.shared(content, fields),
            _ => {
                let id = self.reserve();
                let object = self.object(content, fields)?;
                Ok(self.put(id, object))
            }
        }
    }

    /// What has an id may hold itself, so that its id is known before it is read.
    fn shared(&mut self, number: &Json, fields: &mut Fields<'_>) -> Result<Value> {
        let number = id_of(number)?;
        let place = ObjectId(self.objects.len());
        if self.ids.insert(number, place).is_some() {
            return Err(JsonError::new("something before it has the same \"$id\""));
        }
        let json = fields.need(name::IS)?;
        let value = self.value(json).map_err(|error| error.within(name::IS))?;
        // Whatever is read takes the next place first, if it is an object.
        if value == Value::Object(place) {
            Ok(value)
        } else {
            Err(JsonError::new("only objects have an \"$id\""))
        }
    }

    fn object(&mut self, content: &Json, fields: &mut Fields<'_>) -> Result<Object> {
        Ok(match fields.kind {
            name::OBJECT => Object::Plain(ordered(self.properties(content)?)?),
            name::ARRAY => Object::Array {
                elements: self.values(list(content)?)?,
                properties: self.named_only(fields.need(name::PROPERTIES)?)?,
            },
            name::SPARSE => self.sparse(content, fields)?,
            name::DATE if *content == Json::Null => Object::Date(f64::NAN),
            name::DATE => Object::Date(number(content)?),
            name::REGEXP => Object::RegExp {
                source: text(content)?,
                flags: flags(string(fields.need(name::FLAGS)?)?)?,
            },
            name::MAP => {
                let pairs = list(content)?.iter().enumerate();
                let entries = pairs.map(|(at, pair)| self.pair(pair).map_err(|e| e.within(at)));
                Object::Map(entries.collect::<Result<_>>()?)
            }
            name::SET => Object::Set(self.values(list(content)?)?),
            name::ERROR => self.error(content, fields)?,
            name::BOXED => Object::Boxed(self.boxed(content)?),
            name::BUFFER => buffer(content, fields)?,
            name::VIEW => Object::View(self.view(content, fields)?),
            kind => {
                let what = format!(
                    "there is no \"{kind}\"; an object with such a key is written \
                     {{\"$object\":[[\"{kind}\",...]]}}"
                );
                return Err(JsonError::new(what));
            }
        })
    }

    fn plain(&mut self, entries: &[(String, Json)]) -> Result<Vec<(Key, Value)>> {
        let mut properties = Vec::with_capacity(entries.len());
        for (key, json) in entries {
            let value = self.value(json).map_err(|error| error.within(key))?;
            properties.push((Key::of(key), value));
        }
        ordered(properties)
    }

    fn values(&mut self, items: &[Json]) -> Result<Vec<Value>> {
        let values = items.iter().enumerate();
        values
            .map(|(at, item)| self.value(item).map_err(|error| error.within(at)))
            .collect()
    }

    fn properties(&mut self, json: &Json) -> Result<Vec<(Key, Value)>> {
        let pairs = list(json)?.iter().enumerate();
        pairs
            .map(|(at, pair)| self.property(pair).map_err(|error| error.within(at)))
            .collect()
    }

    fn property(&mut self, json: &Json) -> Result<(Key, Value)> {
        let [key, value] = list(json)? else {
            return Err(JsonError::new(
                "a property is a list of its name and its value",
            ));
        };
        let key = match key {
            Json::Number(_) => Key::Index(whole(key)?),
            key => {
                let name = text(key)?;
                match name.as_str() {
                    Some(text) => Key::of(text),
                    None => Key::Name(name),
                }
            }
        };
        Ok((key, self.value(value)?))
    }

    /// Properties of an array that are none of its elements.
    fn named_only(&mut self, json: &Json) -> Result<Vec<(Key, Value)>> {
        let properties = ordered(self.properties(json)?)?;
        if properties
            .iter()
            .any(|(key, _)| matches!(key, Key::Index(_)))
        {
            let what = "elements stand in the list, or the array is written as \"$sparse\"";
            return Err(JsonError::new(what));
        }
        Ok(properties)
    }

    fn sparse(&mut self, length: &Json, fields: &mut Fields<'_>) -> Result<Object> {
        let length = whole(length)?;
        let properties = ordered(self.properties(fields.need(name::PROPERTIES)?)?)?;
        let is_beyond = |(key, _): &(Key, Value)| matches!(key, Key::Index(at) if *at >= length);
        if properties.iter().any(is_beyond) {
            return Err(JsonError::new("an element stands beyond the length"));
        }
        Ok(Object::Sparse { length, properties })
    }

    fn pair(&mut self, json: &Json) -> Result<(Value, Value)> {
        match list(json)? {
            [key, value] => Ok((self.value(key)?, self.value(value)?)),
            _ => Err(JsonError::new(
                "an entry is a list of its key and its value",
            )),
        }
    }

    fn error(&mut self, class: &Json, fields: &mut Fields<'_>) -> Result<Object> {
        let class = ErrorClass::named(string(class)?);
        let class = class.ok_or_else(|| {
            JsonError::new(
                "it can be Error, EvalError, RangeError, ReferenceError, SyntaxError, \
                            TypeError or URIError",
            )
        })?;
        let mut own = |field| fields.take(field).map(text).transpose();
        let (message, stack) = (own(name::MESSAGE)?, own(name::STACK)?);
        let cause = fields.take(name::CAUSE).map(|json| self.value(json));
        Ok(Object::Error {
            class,
            message,
            stack,
            cause: cause.transpose()?,
        })
    }

    fn boxed(&mut self, json: &Json) -> Result<Boxed> {
        Ok(match self.value(json)? {
            Value::Bool(value) => Boxed::Bool(value),
            Value::Number(number) => Boxed::Number(number),
            Value::BigInt(number) => Boxed::BigInt(number),
            Value::String(text) => Boxed::String(text),
            _ => return Err(wrong("a boolean, a number, a BigInt or a string", json)),
        })
    }

    fn view(&mut self, kind: &Json, fields: &mut Fields<'_>) -> Result<View> {
        let kind = ViewKind::named(string(kind)?);
        let kind = kind.ok_or_else(|| {
            JsonError::new("it can be a typed array, such as Uint8Array, or DataView")
        })?;
        let Value::Object(buffer) = self.value(fields.need(name::OF)?)? else {
            return Err(JsonError::new("a view is \"of\" a \"$buffer\""));
        };
        let view = View {
            kind,
            buffer,
            offset: whole(fields.need(name::OFFSET)?)?,
            length: whole(fields.need(name::LENGTH)?)?,
            tracks_length: match fields.take(name::TRACKS) {
                None | Some(Json::Bool(false)) => false,
                Some(Json::Bool(true)) => true,
                Some(other) => return Err(wrong("true or false", other)),
            },
        };
        match self.objects.get(buffer.0) {
            Some(Object::Buffer(held)) if view.fits(held.bytes.len()) => Ok(view),
            Some(Object::Buffer(_)) => {
                let what = "its offset and length (in bytes) do not fit its buffer";
                Err(JsonError::new(what))
            }
            _ => Err(JsonError::new("a view is \"of\" a \"$buffer\"")),
        }
    }

    fn reserve(&mut self) -> ObjectId {
        self.objects.push(Object::Plain(Vec::new()));
        ObjectId(self.objects.len() - 1)
    }

    fn put(&mut self, id: ObjectId, object: Object) -> Value {
        if let Some(place) = self.objects.get_mut(id.0) {
            *place = object;
        }
        Value::Object(id)
    }
}

/// In the order in which JavaScript has them. What is given twice is a mistake.
fn ordered(properties: Vec<(Key, Value)>) -> Result<Vec<(Key, Value)>> {
    let mut met = HashSet::new();
    for (key, _) in &properties {
        if !met.insert(key) {
            let shown = match key {
                Key::Index(index) => index.to_string(),
                Key::Name(name) => format!("{name:?}"),
            };
            return Err(JsonError::new(format!(
                "the property {shown} is given twice"
            )));
        }
    }
    Ok(as_javascript_has_them(properties))
}

fn buffer(content: &Json, fields: &mut Fields<'_>) -> Result<Object> {
    let bytes = bytes(content)?;
    let maximum = fields.take(name::MAXIMUM).map(whole).transpose()?;
    if maximum.is_some_and(|maximum| (maximum as usize) < bytes.len()) {
        return Err(JsonError::new("it is longer than its \"maximum\""));
    }
    Ok(Object::Buffer(Buffer { bytes, maximum }))
}

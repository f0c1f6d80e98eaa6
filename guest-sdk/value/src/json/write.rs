//! Data to JSON. An object that is held more than once gets an id where it is met first.

use std::collections::{HashMap, HashSet};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;

use super::{NUMBERS, name};
use crate::write::TooDeep;
use crate::{Boxed, DEPTH_MAX, Graph, Key, Object, ObjectId, Text, Value, tag};

impl Graph {
    /// The value as JSON on one line.
    ///
    /// # Errors
    /// It is nested too deeply.
    pub fn to_json(&self) -> Result<String, TooDeep> {
        let mut writer = Writer {
            graph: self,
            out: String::new(),
            shared: shared(self)?,
            ids: HashMap::new(),
        };
        writer.value(&self.root);
        Ok(writer.out)
    }
}

/// Objects that are met more than once.
fn shared(graph: &Graph) -> Result<HashSet<ObjectId>, TooDeep> {
    let mut search = Search {
        graph,
        met: HashSet::new(),
        again: HashSet::new(),
        depth: 0,
    };
    search.value(&graph.root)?;
    Ok(search.again)
}

struct Search<'g> {
    graph: &'g Graph,
    met: HashSet<ObjectId>,
    again: HashSet<ObjectId>,
    depth: u32,
}

impl Search<'_> {
    fn value(&mut self, value: &Value) -> Result<(), TooDeep> {
        let Value::Object(id) = value else {
            return Ok(());
        };
        if !self.met.insert(*id) {
            self.again.insert(*id);
            return Ok(());
        }
        if self.depth >= DEPTH_MAX {
            return Err(TooDeep);
        }
        self.depth += 1;
        let searched = match self.graph.objects.get(id.0) {
            Some(object) => held(object)
                .into_iter()
                .try_for_each(|value| self.value(&value)),
            None => Ok(()),
        };
        self.depth -= 1;
        searched
    }
}

/// What an object holds, in order.
fn held(object: &Object) -> Vec<Value> {
    let of = |properties: &[(Key, Value)]| -> Vec<Value> {
        properties.iter().map(|(_, value)| value.clone()).collect()
    };
    match object {
        Object::Plain(properties) | Object::Sparse { properties, .. } => of(properties),
        Object::Array {
            elements,
            properties,
        } => [elements.clone(), of(properties)].concat(),
        Object::Map(entries) => {
            let both = entries.iter().flat_map(|(key, value)| [key, value]);
            both.cloned().collect()
        }
        Object::Set(values) => values.clone(),
        Object::Error { cause, .. } => cause.iter().cloned().collect(),
        Object::View(view) => vec![Value::Object(view.buffer)],
        Object::Date(_) | Object::RegExp { .. } | Object::Boxed(_) | Object::Buffer(_) => {
            Vec::new()
        }
    }
}

struct Writer<'g> {
    graph: &'g Graph,
    out: String,
    shared: HashSet<ObjectId>,
    /// Of the shared ones that were met.
    ids: HashMap<ObjectId, usize>,
}

impl<'g> Writer<'g> {
    fn value(&mut self, value: &Value) {
        match value {
            Value::Undefined => self
                .out
                .push_str(&format!("{{\"{}\":true}}", name::UNDEFINED)),
            Value::Null => self.out.push_str("null"),
            Value::Bool(value) => self.out.push_str(if *value { "true" } else { "false" }),
            Value::Number(number) => self.number(*number),
            Value::BigInt(number) => self.tagged(name::BIGINT, &format!("\"{number}\"")),
            Value::String(text) => self.string(text),
            Value::Object(id) => self.named(*id),
        }
    }

    fn named(&mut self, id: ObjectId) {
        let Some(object) = self.graph.objects.get(id.0) else {
            return self.out.push_str("null");
        };
        if !self.shared.contains(&id) {
            return self.object(object);
        }
        if let Some(number) = self.ids.get(&id) {
            let number = number.to_string();
            return self.tagged(name::REF, &number);
        }
        let number = self.ids.len() + 1;
        self.ids.insert(id, number);
        self.begin(name::ID);
        self.out.push_str(&number.to_string());
        self.field(name::IS);
        self.object(object);
        self.out.push('}');
    }

    fn object(&mut self, object: &'g Object) {
        match object {
            Object::Plain(properties) => self.plain(properties),
            Object::Array {
                elements,
                properties,
            } if properties.is_empty() => self.list(elements, Self::value),
            Object::Array {
                elements,
                properties,
            } => {
                self.begin(name::ARRAY);
                self.list(elements, Self::value);
                self.field(name::PROPERTIES);
                self.list(properties, Self::property);
                self.out.push('}');
            }
            Object::Sparse { length, properties } => {
                self.begin(name::SPARSE);
                self.out.push_str(&length.to_string());
                self.field(name::PROPERTIES);
                self.list(properties, Self::property);
                self.out.push('}');
            }
            Object::Map(entries) => {
                self.begin(name::MAP);
                self.list(entries, |writer, (key, value)| {
                    writer.out.push('[');
                    writer.value(key);
                    writer.out.push(',');
                    writer.value(value);
                    writer.out.push(']');
                });
                self.out.push('}');
            }
            Object::Set(values) => {
                self.begin(name::SET);
                self.list(values, Self::value);
                self.out.push('}');
            }
            Object::Error { .. } => self.error(object),
            leaf => self.leaf(leaf),
        }
    }

    fn plain(&mut self, properties: &[(Key, Value)]) {
        let text = |key: &Key| match key {
            Key::Index(index) => Some(index.to_string()),
            Key::Name(name) => {
                let text = name.as_str().filter(|text| !text.starts_with('$'));
                text.map(str::to_owned)
            }
        };
        let names: Option<Vec<String>> = properties.iter().map(|(key, _)| text(key)).collect();
        let Some(names) = names else {
            self.begin(name::OBJECT);
            self.list(properties, Self::property);
            self.out.push('}');
            return;
        };
        self.out.push('{');
        for (at, (name, (_, value))) in names.iter().zip(properties).enumerate() {
            if at > 0 {
                self.out.push(',');
            }
            self.out.push_str(&quoted(name));
            self.out.push(':');
            self.value(value);
        }
        self.out.push('}');
    }

    fn property(&mut self, (key, value): &(Key, Value)) {
        self.out.push('[');
        match key {
            Key::Index(index) => self.out.push_str(&index.to_string()),
            Key::Name(name) => self.string(name),
        }
        self.out.push(',');
        self.value(value);
        self.out.push(']');
    }

    fn error(&mut self, error: &Object) {
        let Object::Error {
            class,
            message,
            stack,
            cause,
        } = error
        else {
            return;
        };
        self.begin(name::ERROR);
        self.out.push_str(&quoted(class.name()));
        for (field, text) in [(name::MESSAGE, message), (name::STACK, stack)] {
            if let Some(text) = text {
                self.field(field);
                self.string(text);
            }
        }
        if let Some(cause) = cause {
            self.field(name::CAUSE);
            self.value(cause);
        }
        self.out.push('}');
    }

    /// Objects that hold no other values, but for the buffer of a view.
    fn leaf(&mut self, object: &Object) {
        match object {
            Object::Date(time) if time.is_nan() => self.tagged(name::DATE, "null"),
            Object::Date(time) => {
                self.begin(name::DATE);
                self.number(*time);
                self.out.push('}');
            }
            Object::RegExp { source, flags } => {
                let set = tag::REGEXP_FLAGS.iter().filter(|(_, bit)| flags & bit != 0);
                let flags: String = set.map(|(flag, _)| *flag).collect();
                self.begin(name::REGEXP);
                self.string(source);
                self.field(name::FLAGS);
                self.out.push_str(&quoted(&flags));
                self.out.push('}');
            }
            Object::Boxed(boxed) => {
                let value = match boxed.clone() {
                    Boxed::Bool(value) => Value::Bool(value),
                    Boxed::Number(number) => Value::Number(number),
                    Boxed::BigInt(number) => Value::BigInt(number),
                    Boxed::String(text) => Value::String(text),
                };
                self.begin(name::BOXED);
                self.value(&value);
                self.out.push('}');
            }
            Object::Buffer(buffer) => {
                self.begin(name::BUFFER);
                self.out.push('"');
                BASE64.encode_string(&buffer.bytes, &mut self.out);
                self.out.push('"');
                if let Some(maximum) = buffer.maximum {
                    self.field(name::MAXIMUM);
                    self.out.push_str(&maximum.to_string());
                }
                self.out.push('}');
            }
            Object::View(view) => {
                self.tagged_open(name::VIEW, &quoted(view.kind.name()));
                self.field(name::OF);
                self.named(view.buffer);
                for (field, number) in [(name::OFFSET, view.offset), (name::LENGTH, view.length)] {
                    self.field(field);
                    self.out.push_str(&number.to_string());
                }
                if view.tracks_length {
                    self.field(name::TRACKS);
                    self.out.push_str("true");
                }
                self.out.push('}');
            }
            // Written where what they hold is.
            _ => {}
        }
    }

    fn number(&mut self, number: f64) {
        let same = |(_, known): &&(&str, f64)| {
            known.to_bits() == number.to_bits() || (known.is_nan() && number.is_nan())
        };
        if let Some((text, _)) = NUMBERS.iter().find(same) {
            return self.tagged(name::NUMBER, &quoted(text));
        }
        // Below 2^53 whole numbers are exact, and look like what they are.
        if number.fract() == 0.0 && number.abs() < 9_007_199_254_740_992.0 {
            self.out.push_str(&format!("{number:.0}"));
        } else {
            let number = serde_json::Number::from_f64(number);
            let text = number.map_or("null".to_owned(), |number| number.to_string());
            self.out.push_str(&text);
        }
    }

    /// Pieces of Unicode as strings, lone surrogates between them as numbers.
    fn string(&mut self, text: &Text) {
        if let Some(text) = text.as_str() {
            return self.out.push_str(&quoted(text));
        }
        let mut pieces = Vec::new();
        let mut piece = String::new();
        for unit in char::decode_utf16(text.units()) {
            match unit {
                Ok(character) => piece.push(character),
                Err(lone) => {
                    if !piece.is_empty() {
                        pieces.push(quoted(&std::mem::take(&mut piece)));
                    }
                    pieces.push(lone.unpaired_surrogate().to_string());
                }
            }
        }
        if !piece.is_empty() {
            pieces.push(quoted(&piece));
        }
        self.tagged(name::STRING, &format!("[{}]", pieces.join(",")));
    }

    fn list<T>(&mut self, items: &[T], write: impl Fn(&mut Self, &T)) {
        self.out.push('[');
        for (at, item) in items.iter().enumerate() {
            if at > 0 {
                self.out.push(',');
            }
            write(self, item);
        }
        self.out.push(']');
    }

    fn tagged(&mut self, name: &str, content: &str) {
        self.tagged_open(name, content);
        self.out.push('}');
    }

    fn tagged_open(&mut self, name: &str, content: &str) {
        self.begin(name);
        self.out.push_str(content);
    }

    fn begin(&mut self, name: &str) {
        self.out.push_str(&format!("{{\"{name}\":"));
    }

    fn field(&mut self, name: &str) {
        self.out.push_str(&format!(",\"{name}\":"));
    }
}

fn quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

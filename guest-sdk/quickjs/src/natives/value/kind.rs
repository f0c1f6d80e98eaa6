//! What kind of object a value is, by the engine's own class: prototypes and tags can lie.

use std::cell::RefCell;

use rquickjs::{Ctx, Object, Result};

use super::tag;
use crate::bridge;

/// Kinds of objects that are written differently.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Kind {
    Plain,
    Array,
    Date,
    RegExp,
    Map,
    Set,
    Error,
    Boxed,
    Buffer,
    View {
        tag: u8,
    },
    /// Functions, promises, weak things: cannot be written.
    Other,
}

thread_local! {
    /// By class number. Classes are the engine's, so that what is known once stays true.
    static KNOWN: RefCell<Vec<Option<Kind>>> = const { RefCell::new(Vec::new()) };
}

pub(super) fn of(object: &Object<'_>) -> Result<Kind> {
    if object.as_value().is_proxy() || object.as_value().is_function() {
        return Ok(Kind::Other);
    }
    let class = bridge::class_of(object);
    let index = class as usize;
    if let Some(kind) = KNOWN.with_borrow(|known| known.get(index).copied().flatten()) {
        return Ok(kind);
    }
    let kind = named(object.ctx(), class)?;
    KNOWN.with_borrow_mut(|known| {
        if known.len() <= index {
            known.resize(index + 1, None);
        }
        known[index] = Some(kind);
    });
    Ok(kind)
}

fn named(ctx: &Ctx<'_>, class: u32) -> Result<Kind> {
    let name = bridge::class_name(ctx, class)?;
    Ok(match name.as_str() {
        "Object" | "Arguments" => Kind::Plain,
        "Array" => Kind::Array,
        "Date" => Kind::Date,
        "RegExp" => Kind::RegExp,
        "Map" => Kind::Map,
        "Set" => Kind::Set,
        "Error" | "DOMException" => Kind::Error,
        "Number" | "String" | "Boolean" | "BigInt" => Kind::Boxed,
        "ArrayBuffer" => Kind::Buffer,
        name => match tag::VIEWS.iter().find(|(_, view, _)| *view == name) {
            Some((tag, _, _)) => Kind::View { tag: *tag },
            None => Kind::Other,
        },
    })
}

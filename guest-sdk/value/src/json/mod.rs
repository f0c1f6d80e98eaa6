//! Values as JSON that keeps their types, as docs/storage-export.md describes it: what JSON has is
//! itself, everything else is an object with one key that begins with `$`.

mod error;
mod leaf;
mod parse;
mod read;
mod tree;
mod write;

pub use error::JsonError;

/// What objects of the notation are called by.
pub(crate) mod name {
    pub(crate) const UNDEFINED: &str = "$undefined";
    pub(crate) const NUMBER: &str = "$number";
    pub(crate) const BIGINT: &str = "$bigint";
    pub(crate) const STRING: &str = "$string";
    pub(crate) const OBJECT: &str = "$object";
    pub(crate) const ARRAY: &str = "$array";
    pub(crate) const SPARSE: &str = "$sparse";
    pub(crate) const DATE: &str = "$date";
    pub(crate) const REGEXP: &str = "$regexp";
    pub(crate) const MAP: &str = "$map";
    pub(crate) const SET: &str = "$set";
    pub(crate) const ERROR: &str = "$error";
    pub(crate) const BOXED: &str = "$boxed";
    pub(crate) const BUFFER: &str = "$buffer";
    pub(crate) const VIEW: &str = "$view";
    pub(crate) const ID: &str = "$id";
    pub(crate) const REF: &str = "$ref";

    /// Beside [`ID`]: what has it.
    pub(crate) const IS: &str = "is";
    pub(crate) const PROPERTIES: &str = "properties";
    pub(crate) const FLAGS: &str = "flags";
    pub(crate) const MESSAGE: &str = "message";
    pub(crate) const STACK: &str = "stack";
    pub(crate) const CAUSE: &str = "cause";
    pub(crate) const MAXIMUM: &str = "maximum";
    pub(crate) const OF: &str = "of";
    pub(crate) const OFFSET: &str = "offset";
    pub(crate) const LENGTH: &str = "length";
    pub(crate) const TRACKS: &str = "tracks";
}

/// The numbers that JSON does not have.
pub(crate) const NUMBERS: [(&str, f64); 4] = [
    ("NaN", f64::NAN),
    ("Infinity", f64::INFINITY),
    ("-Infinity", f64::NEG_INFINITY),
    ("-0", -0.0),
];

//! The bytes of the format, by name. Each begins a value, or ends a list of them.

pub(crate) const VERSION: u8 = 0xff;
/// The version written. Versions 13 and 14 differ in nothing that is read here but the flags of
/// views, which began with 14.
pub(crate) const NEWEST: u32 = 15;
pub(crate) const OLDEST: u32 = 13;
pub(crate) const VIEW_FLAGS_SINCE: u32 = 14;

pub(crate) const PADDING: u8 = 0;
pub(crate) const HOLE: u8 = b'-';
pub(crate) const UNDEFINED: u8 = b'_';
pub(crate) const NULL: u8 = b'0';
pub(crate) const TRUE: u8 = b'T';
pub(crate) const FALSE: u8 = b'F';
pub(crate) const INT32: u8 = b'I';
pub(crate) const UINT32: u8 = b'U';
pub(crate) const DOUBLE: u8 = b'N';
pub(crate) const BIGINT: u8 = b'Z';
pub(crate) const UTF8: u8 = b'S';
pub(crate) const ONE_BYTE: u8 = b'"';
pub(crate) const TWO_BYTE: u8 = b'c';
pub(crate) const REFERENCE: u8 = b'^';
pub(crate) const OBJECT: u8 = b'o';
pub(crate) const OBJECT_END: u8 = b'{';
pub(crate) const SPARSE: u8 = b'a';
pub(crate) const SPARSE_END: u8 = b'@';
pub(crate) const DENSE: u8 = b'A';
pub(crate) const DENSE_END: u8 = b'$';
pub(crate) const DATE: u8 = b'D';
pub(crate) const TRUE_OBJECT: u8 = b'y';
pub(crate) const FALSE_OBJECT: u8 = b'x';
pub(crate) const NUMBER_OBJECT: u8 = b'n';
pub(crate) const BIGINT_OBJECT: u8 = b'z';
pub(crate) const STRING_OBJECT: u8 = b's';
pub(crate) const REGEXP: u8 = b'R';
pub(crate) const MAP: u8 = b';';
pub(crate) const MAP_END: u8 = b':';
pub(crate) const SET: u8 = b'\'';
pub(crate) const SET_END: u8 = b',';
pub(crate) const BUFFER: u8 = b'B';
pub(crate) const RESIZABLE_BUFFER: u8 = b'~';
pub(crate) const VIEW: u8 = b'V';
pub(crate) const ERROR: u8 = b'r';

pub(crate) const ERROR_MESSAGE: u8 = b'm';
pub(crate) const ERROR_CAUSE: u8 = b'c';
pub(crate) const ERROR_STACK: u8 = b's';
pub(crate) const ERROR_END: u8 = b'.';

/// Bit 0: a view follows the length of its buffer.
pub(crate) const TRACKS_LENGTH: u32 = 1;
/// Bit 1: the buffer is resizable.
pub(crate) const ON_RESIZABLE: u32 = 2;

/// Flags of a regular expression and their bits, in the order JavaScript writes them.
pub(crate) const REGEXP_FLAGS: [(char, u32); 8] = [
    ('d', 128),
    ('g', 1),
    ('i', 2),
    ('m', 4),
    ('s', 32),
    ('u', 16),
    ('v', 256),
    ('y', 8),
];

//! The bytes that are being written: numbers, strings and big integers in the format's encoding.
//! What is written, and in which order, `write` decides.

use rquickjs::{Result, Value};

use super::tag;
use crate::bridge::{self, Text};

/// A value's bytes so far.
pub(super) struct Output(pub(super) Vec<u8>);

impl Output {
    pub(super) fn push(&mut self, byte: u8) {
        self.0.push(byte);
    }

    /// One byte a character when all of them are Latin-1, else two.
    pub(super) fn string(&mut self, value: &Value<'_>) -> Result<()> {
        let text = Text::of(value)?;
        if text.is_ascii() {
            self.push(tag::ONE_BYTE);
            self.varint(text.len() as u32);
            self.0.extend_from_slice(text.as_bytes());
            return Ok(());
        }
        drop(text);
        bridge::with_utf16(value, |units| {
            if units.iter().all(|unit| *unit <= 0xff) {
                self.push(tag::ONE_BYTE);
                self.varint(units.len() as u32);
                self.0.extend(units.iter().map(|unit| *unit as u8));
            } else {
                self.two_byte(units);
            }
        })
    }

    /// The characters begin at an even offset, which a padding byte in front may be needed for.
    fn two_byte(&mut self, units: &[u16]) {
        let bytes = 2 * units.len() as u32;
        let length_bytes = (bytes.max(1).ilog2() / 7 + 1) as usize;
        if (self.0.len() + 1 + length_bytes) % 2 == 1 {
            self.push(tag::PADDING);
        }
        self.push(tag::TWO_BYTE);
        self.varint(bytes);
        self.0
            .extend(units.iter().flat_map(|unit| unit.to_le_bytes()));
    }

    /// Twice the number of bytes, plus one when negative, then the magnitude in words of 8 bytes.
    /// Takes the number as `toString(16)` gives it.
    pub(super) fn bigint(&mut self, hex: &str) {
        let (negative, digits) = match hex.strip_prefix('-') {
            Some(digits) => (1, digits),
            None => (0, hex),
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
        self.0.extend(bytes);
    }

    /// As an int32 when it is one; -0 is none.
    pub(super) fn number(&mut self, number: f64) {
        let int = number as i32;
        if f64::from(int) == number && !(int == 0 && number.is_sign_negative()) {
            self.int(int);
        } else {
            self.push(tag::DOUBLE);
            self.double(number);
        }
    }

    pub(super) fn int(&mut self, number: i32) {
        self.push(tag::INT32);
        // Zigzag: small negative numbers stay short.
        self.varint(((number << 1) ^ (number >> 31)) as u32);
    }

    pub(super) fn double(&mut self, number: f64) {
        // One NaN for all, as V8's canonical one.
        let number = if number.is_nan() {
            f64::from_bits(0x7ff8 << 48)
        } else {
            number
        };
        self.0.extend(number.to_le_bytes());
    }

    pub(super) fn varint(&mut self, mut number: u32) {
        while number >= 0x80 {
            self.push(number as u8 | 0x80);
            number >>= 7;
        }
        self.push(number as u8);
    }
}

//! The bytes that are being read: numbers, strings and big integers in the format's encoding.

use crate::{BigInt, Text, tag};

/// Why bytes are no value.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{what} (byte {at})")]
pub struct ReadError {
    pub(crate) at: usize,
    pub(crate) what: &'static str,
}

/// Bytes, and how far they have been read.
pub(crate) struct Input<'b> {
    pub(crate) bytes: &'b [u8],
    pub(crate) at: usize,
}

impl<'b> Input<'b> {
    pub(crate) fn left(&self) -> usize {
        self.bytes.len().saturating_sub(self.at)
    }

    /// Takes what was peeked at.
    pub(crate) fn pass(&mut self) {
        self.at += 1;
    }

    pub(crate) fn tagged_string(&mut self) -> Result<Text, ReadError> {
        let tag = self.tag()?;
        self.string(tag)
    }

    pub(crate) fn string(&mut self, tag: u8) -> Result<Text, ReadError> {
        let length = self.varint()? as usize;
        let bytes = self.take(length)?;
        match tag {
            tag::UTF8 => match std::str::from_utf8(bytes) {
                Ok(text) => Ok(text.into()),
                Err(_) => Err(self.broken("a string is not UTF-8")),
            },
            tag::ONE_BYTE => {
                let text: String = bytes.iter().map(|byte| char::from(*byte)).collect();
                Ok(text.into())
            }
            tag::TWO_BYTE if length.is_multiple_of(2) => {
                let pairs = bytes.as_chunks::<2>().0.iter();
                let units = pairs.map(|pair| u16::from_le_bytes(*pair)).collect();
                Ok(Text::from_units(units))
            }
            _ => Err(self.broken("there is no string where one is needed")),
        }
    }

    pub(crate) fn bigint(&mut self) -> Result<BigInt, ReadError> {
        let head = self.varint()?;
        let bytes = self.take((head >> 1) as usize)?;
        let words = bytes.chunks(8).map(|chunk| {
            let mut word = [0; 8];
            word.iter_mut()
                .zip(chunk)
                .for_each(|(to, from)| *to = *from);
            u64::from_le_bytes(word)
        });
        Ok(BigInt::new(head & 1 == 1, words.collect()))
    }

    /// A list says its length once more at its end.
    pub(crate) fn count(&mut self, expected: usize) -> Result<(), ReadError> {
        if self.varint()? as usize == expected {
            return Ok(());
        }
        Err(self.broken("a list does not have the length that it says"))
    }

    pub(crate) fn ends(&mut self, end: u8) -> bool {
        let is_end = self.peek() == Some(end);
        self.at += usize::from(is_end);
        is_end
    }

    pub(crate) fn zigzag(&mut self) -> Result<i32, ReadError> {
        let number = self.varint()?;
        let magnitude = i64::from(number >> 1);
        let number = if number & 1 == 1 {
            !magnitude
        } else {
            magnitude
        };
        i32::try_from(number).map_err(|_| self.broken("a number is too large"))
    }

    pub(crate) fn double(&mut self) -> Result<f64, ReadError> {
        let bytes = self.take(8)?.try_into();
        let bytes = bytes.map_err(|_| self.broken(ENDS_EARLY))?;
        Ok(f64::from_le_bytes(bytes))
    }

    pub(crate) fn varint(&mut self) -> Result<u32, ReadError> {
        let mut number = 0_u64;
        for shift in (0..35).step_by(7) {
            let byte = self.byte()?;
            number |= u64::from(byte & 0x7f) << shift;
            if byte < 0x80 {
                return u32::try_from(number).map_err(|_| self.broken("a number is too large"));
            }
        }
        Err(self.broken("a number is too large"))
    }

    /// The next byte that begins something.
    pub(crate) fn tag(&mut self) -> Result<u8, ReadError> {
        self.peek();
        self.byte()
    }

    pub(crate) fn byte(&mut self) -> Result<u8, ReadError> {
        let byte = self.bytes.get(self.at).copied();
        let byte = byte.ok_or_else(|| self.broken(ENDS_EARLY))?;
        self.at += 1;
        Ok(byte)
    }

    /// The next byte that begins something, without taking it. Padding in front of it is passed.
    pub(crate) fn peek(&mut self) -> Option<u8> {
        while self.bytes.get(self.at) == Some(&tag::PADDING) {
            self.at += 1;
        }
        self.bytes.get(self.at).copied()
    }

    pub(crate) fn take(&mut self, length: usize) -> Result<&'b [u8], ReadError> {
        let end = self.at.checked_add(length);
        let taken = end.and_then(|end| self.bytes.get(self.at..end));
        let taken = taken.ok_or_else(|| self.broken(ENDS_EARLY))?;
        self.at += length;
        Ok(taken)
    }

    pub(crate) fn broken(&self, what: &'static str) -> ReadError {
        ReadError { at: self.at, what }
    }
}

const ENDS_EARLY: &str = "it ends too early";

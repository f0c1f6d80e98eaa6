//! A JavaScript BigInt: a sign and a magnitude of any size, and how people write one.

use std::fmt;
use std::str::FromStr;

/// Larger magnitudes are written in hexadecimal: decimal digits take time that grows with the
/// square of their number.
const DECIMAL_WORDS_MAX: usize = 16;

/// As many decimal digits as such a magnitude can have, and some.
const DECIMAL_DIGITS_MAX: usize = 400;

/// The largest power of ten in a word, and its digits.
const TEN_POWER: u64 = 10_000_000_000_000_000_000;
const TEN_DIGITS: usize = 19;

/// An integer of any size.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct BigInt {
    negative: bool,
    /// Lowest first; the last one is not 0.
    words: Vec<u64>,
}

/// The text is no integer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("an integer is decimal, of {DECIMAL_DIGITS_MAX} digits at most, or hexadecimal after 0x")]
pub struct NotAnInteger;

impl BigInt {
    /// From a sign and words, the lowest first.
    #[must_use]
    pub fn new(negative: bool, mut words: Vec<u64>) -> Self {
        while words.last() == Some(&0) {
            words.pop();
        }
        Self {
            // There is no -0n.
            negative: negative && !words.is_empty(),
            words,
        }
    }

    /// Below 0.
    #[must_use]
    pub fn is_negative(&self) -> bool {
        self.negative
    }

    /// The magnitude, lowest word first, without zeros at its end.
    #[must_use]
    pub fn words(&self) -> &[u64] {
        &self.words
    }

    fn decimal(&self) -> String {
        let mut words = self.words.clone();
        let mut groups = Vec::new();
        while !words.is_empty() {
            let mut rest = 0_u128;
            for word in words.iter_mut().rev() {
                let whole = (rest << 64) | u128::from(*word);
                *word = low(whole / u128::from(TEN_POWER));
                rest = whole % u128::from(TEN_POWER);
            }
            groups.push(low(rest));
            while words.last() == Some(&0) {
                words.pop();
            }
        }
        let mut groups = groups.into_iter().rev();
        let mut text = groups.next().unwrap_or(0).to_string();
        groups.for_each(|group| text.push_str(&format!("{group:0TEN_DIGITS$}")));
        text
    }

    fn hexadecimal(&self) -> String {
        let mut words = self.words.iter().rev();
        let mut text = format!("0x{:x}", words.next().unwrap_or(&0));
        words.for_each(|word| text.push_str(&format!("{word:016x}")));
        text
    }
}

#[expect(clippy::cast_possible_truncation, reason = "that is what it is for")]
fn low(whole: u128) -> u64 {
    whole as u64
}

impl fmt::Display for BigInt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sign = if self.negative { "-" } else { "" };
        let digits = if self.words.len() <= DECIMAL_WORDS_MAX {
            self.decimal()
        } else {
            self.hexadecimal()
        };
        write!(f, "{sign}{digits}")
    }
}

impl FromStr for BigInt {
    type Err = NotAnInteger;

    fn from_str(text: &str) -> Result<Self, NotAnInteger> {
        let (negative, digits) = match text.strip_prefix('-') {
            Some(digits) => (true, digits),
            None => (false, text),
        };
        let words = match digits.strip_prefix("0x") {
            Some(digits) => from_hexadecimal(digits),
            None => from_decimal(digits),
        };
        words
            .map(|words| Self::new(negative, words))
            .ok_or(NotAnInteger)
    }
}

fn from_hexadecimal(digits: &str) -> Option<Vec<u64>> {
    if digits.is_empty() || !digits.bytes().all(|digit| digit.is_ascii_hexdigit()) {
        return None;
    }
    let chunks = digits.as_bytes().rchunks(16);
    let words = chunks.map(|chunk| u64::from_str_radix(std::str::from_utf8(chunk).ok()?, 16).ok());
    words.collect()
}

fn from_decimal(digits: &str) -> Option<Vec<u64>> {
    let all = digits.bytes().all(|digit| digit.is_ascii_digit());
    if digits.is_empty() || digits.len() > DECIMAL_DIGITS_MAX || !all {
        return None;
    }
    let mut words: Vec<u64> = Vec::new();
    let first = digits.len() % TEN_DIGITS;
    let (head, tail) = digits.split_at(first);
    let groups = std::iter::once(head.as_bytes()).chain(tail.as_bytes().chunks(TEN_DIGITS));
    for group in groups.filter(|group| !group.is_empty()) {
        let mut carry = u128::from(std::str::from_utf8(group).ok()?.parse::<u64>().ok()?);
        for word in &mut words {
            carry += u128::from(*word) * u128::from(TEN_POWER);
            *word = low(carry);
            carry >>= 64;
        }
        if carry > 0 {
            words.push(low(carry));
        }
    }
    Some(words)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn integers_are_written_and_read_as_people_write_them() {
        for (words, text) in [
            (vec![], "0"),
            (vec![5], "5"),
            (vec![0, 1], "18446744073709551616"),
            (vec![1, 64], "1180591620717411303425"),
            (vec![u64::MAX; 2], "340282366920938463463374607431768211455"),
        ] {
            for negative in [false, true] {
                let number = BigInt::new(negative, words.clone());
                let sign = if negative && !words.is_empty() {
                    "-"
                } else {
                    ""
                };
                assert_eq!(number.to_string(), format!("{sign}{text}"));
                assert_eq!(number.to_string().parse(), Ok(number));
            }
        }
    }

    #[test]
    fn large_ones_are_hexadecimal() {
        let largest = BigInt::new(true, vec![u64::MAX; DECIMAL_WORDS_MAX]);
        assert!(largest.to_string().len() < DECIMAL_DIGITS_MAX);
        assert_eq!(largest.to_string().parse(), Ok(largest));
        let mut words = vec![0; DECIMAL_WORDS_MAX];
        words.push(0x1f);
        let larger = BigInt::new(true, words);
        assert_eq!(larger.to_string(), format!("-0x1f{}", "0".repeat(256)));
        assert_eq!(larger.to_string().parse(), Ok(larger));
    }

    #[test]
    fn what_is_no_integer_is_refused() {
        for text in ["", "-", "0x", "1.5", "1e3", "+1", " 1", "0xg", "--1", "٣"] {
            assert_eq!(text.parse::<BigInt>(), Err(NotAnInteger), "{text}");
        }
        assert!("1".repeat(401).parse::<BigInt>().is_err());
        assert_eq!("-0".parse::<BigInt>().unwrap().to_string(), "0");
    }
}

//! Bytes that every protocol can carry unescaped, and numbers of a fixed width in them.

/// Letters, digits, `-` and `_`, the same for the same seed.
pub(crate) fn padding(seed: u64, length: usize) -> Vec<u8> {
    const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    let mut numbers = Numbers::new(seed);
    (0..length)
        .map(|_| ALPHABET[(numbers.next() >> 32) as usize & 63])
        .collect()
}

/// A small generator of numbers (xorshift64).
pub(crate) struct Numbers(u64);

impl Numbers {
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1)
    }

    pub(crate) fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }
}

/// Writes a number with leading zeros; what does not fit is cut off in front.
pub(crate) fn put_decimal(out: &mut [u8], mut number: u64) {
    for byte in out.iter_mut().rev() {
        *byte = b'0' + (number % 10) as u8;
        number /= 10;
    }
}

/// Reads a number; nothing but digits is one.
pub(crate) fn get_decimal(bytes: &[u8]) -> Option<u64> {
    if bytes.is_empty() {
        return None;
    }
    bytes.iter().try_fold(0u64, |number, byte| {
        let digit = byte.is_ascii_digit().then_some(u64::from(byte & 15))?;
        number.checked_mul(10)?.checked_add(digit)
    })
}

/// The beginning of a message, for people.
pub(crate) fn shown(bytes: &[u8]) -> String {
    const SHOWN: usize = 60;
    let beginning = String::from_utf8_lossy(&bytes[..bytes.len().min(SHOWN)]);
    format!("{beginning:?} ({} bytes)", bytes.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn decimals_round_trip() {
        let mut text = [0u8; 12];
        put_decimal(&mut text, 9_876_543_210);
        assert_eq!(get_decimal(&text), Some(9_876_543_210));
        assert_eq!(get_decimal(b"12a"), None);
        assert_eq!(get_decimal(b""), None);
        assert_eq!(get_decimal(b"99999999999999999999"), None, "does not fit");
    }

    #[test]
    fn padding_is_the_same_for_the_same_seed() {
        assert_eq!(padding(5, 40), padding(5, 40));
        assert_ne!(padding(5, 40), padding(6, 40));
        assert!(
            padding(7, 1000)
                .iter()
                .all(|b| b.is_ascii_alphanumeric() || b"-_".contains(b))
        );
    }
}

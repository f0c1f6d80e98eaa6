//! Frames as bytes: heads are read strictly, frames are written masked.

use super::error::{Error, Result};

pub(super) const CONTINUATION: u8 = 0;
pub(super) const TEXT: u8 = 1;
pub(super) const BINARY: u8 = 2;
pub(super) const CLOSE: u8 = 8;
pub(super) const PING: u8 = 9;
pub(super) const PONG: u8 = 10;

/// A payload of a control frame.
pub(super) const CONTROL_BYTES_MAX: usize = 125;
/// Longer than anything that is asked for.
const FRAME_BYTES_MAX: u64 = 1 << 30;

/// The head of a frame from the server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Head {
    pub(super) fin: bool,
    pub(super) op: u8,
    /// Bytes before the payload.
    pub(super) length: usize,
    /// Bytes of the payload.
    pub(super) payload: usize,
}

impl Head {
    /// `None` while bytes are missing.
    ///
    /// # Errors
    /// Whatever RFC 6455 does not allow.
    pub(super) fn parse(bytes: &[u8]) -> Result<Option<Self>> {
        let &[first, second, ref rest @ ..] = bytes else {
            return Ok(None);
        };
        if first & 0x70 != 0 {
            return Error::protocol(format!("reserved bits set: {first:#x}"));
        }
        if second & 0x80 != 0 {
            return Error::protocol("masked frame from server");
        }
        let (length, payload) = match second {
            126 => match rest.first_chunk() {
                Some(bytes) => (4, u64::from(u16::from_be_bytes(*bytes))),
                None => return Ok(None),
            },
            127 => match rest.first_chunk() {
                Some(bytes) => (10, u64::from_be_bytes(*bytes)),
                None => return Ok(None),
            },
            payload => (2, u64::from(payload)),
        };
        let least = [(2, 0), (4, 126), (10, 65_536)];
        if least
            .iter()
            .any(|(of, least)| *of == length && payload < *least)
        {
            return Error::protocol("length not minimal");
        }
        if payload > FRAME_BYTES_MAX {
            return Error::protocol("frame too long");
        }
        let payload = payload as usize;
        Ok(Some(Self {
            fin: first & 0x80 != 0,
            op: first & 0x0f,
            length,
            payload,
        }))
    }
}

/// Appends a whole, masked frame; the payload is in parts that follow each other.
pub(super) fn write(out: &mut Vec<u8>, op: u8, parts: &[&[u8]], mask: [u8; 4]) {
    let length: usize = parts.iter().map(|part| part.len()).sum();
    out.push(0x80 | op);
    if length < 126 {
        out.push(0x80 | length as u8);
    } else if let Ok(length) = u16::try_from(length) {
        out.push(0x80 | 126);
        out.extend_from_slice(&length.to_be_bytes());
    } else {
        out.push(0x80 | 127);
        out.extend_from_slice(&(length as u64).to_be_bytes());
    }
    out.extend_from_slice(&mask);
    let at = out.len();
    for part in parts {
        out.extend_from_slice(part);
    }
    mask_in_place(&mut out[at..], mask);
}

fn mask_in_place(bytes: &mut [u8], mask: [u8; 4]) {
    let [a, b, c, d] = mask;
    let wide = u64::from_ne_bytes([a, b, c, d, a, b, c, d]);
    let (words, rest) = bytes.as_chunks_mut();
    for word in words {
        *word = (u64::from_ne_bytes(*word) ^ wide).to_ne_bytes();
    }
    for (byte, mask) in rest.iter_mut().zip(mask.iter().cycle()) {
        *byte ^= mask;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn masking_matches_the_plain_definition() {
        for length in 0..40usize {
            let plain: Vec<u8> = (0..length).map(|i| (i * 37) as u8).collect();
            let mask = [1, 200, 3, 77];
            let mut masked = plain.clone();
            mask_in_place(&mut masked, mask);
            let slow: Vec<u8> = plain
                .iter()
                .enumerate()
                .map(|(i, x)| x ^ mask[i % 4])
                .collect();
            assert_eq!(masked, slow);
        }
    }

    #[test]
    fn heads_of_all_lengths_are_read_when_they_are_complete() {
        let head = |bytes: &[u8]| Head::parse(bytes).unwrap();
        let text = |length, payload| {
            Some(Head {
                fin: true,
                op: TEXT,
                length,
                payload,
            })
        };
        assert_eq!(head(&[0x81]), None);
        assert_eq!(head(&[0x81, 5]), text(2, 5));
        assert_eq!(head(&[0x81, 126, 1]), None);
        assert_eq!(head(&[0x81, 126, 1, 0]), text(4, 256));
        assert_eq!(head(&[0x81, 127, 0, 0, 0, 0, 0, 1, 0, 0]), text(10, 65_536));
    }

    #[test]
    fn what_a_server_must_not_send_is_refused() {
        for bytes in [
            &[0xC1, 5][..],
            &[0x81, 0x85],
            &[0x81, 126, 0, 125],
            &[0x81, 127, 0, 0, 0, 0, 0, 0, 255, 255],
            &[0x81, 127, 0, 0, 0, 1, 0, 0, 0, 0],
        ] {
            assert!(Head::parse(bytes).is_err(), "{bytes:?}");
        }
    }

    #[test]
    fn what_is_written_has_the_shortest_head_that_fits() {
        for (length, head) in [(125, 6), (126, 8), (65_535, 8), (65_536, 14)] {
            let mut out = Vec::new();
            write(&mut out, BINARY, &[&vec![7; length]], [1, 2, 3, 4]);
            assert_eq!(out.len(), head + length);
            assert_eq!(out[head..][..4], [7 ^ 1, 7 ^ 2, 7 ^ 3, 7 ^ 4]);
        }
    }
}

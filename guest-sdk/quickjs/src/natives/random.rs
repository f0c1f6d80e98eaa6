//! The contract's `random`, and `Math.random`.
//!
//! Everything that must be unguessable asks the host each time; nothing of it is kept. Only
//! `Math.random`, which promises nothing, has a state of its own here (xorshift128+): fixed while
//! the code is evaluated, seeded anew by the host when a guest starts, so that rooms made from one
//! memory image do not repeat each other.

use std::cell::Cell;

use rquickjs::{ArrayBuffer, Ctx, Result};

use super::Interfaces;
use crate::bridge::{Window, refused};
use crate::host::random;

/// Any two numbers that are not both zero.
const FIRST_STATE: [u64; 2] = [0x9e37_79b9_7f4a_7c15, 0xd1b5_4a32_d192_ed03];

thread_local! {
    static STATE: Cell<[u64; 2]> = const { Cell::new(FIRST_STATE) };
}

pub(super) fn install(native: &Interfaces<'_>) -> Result<()> {
    native.add("fill", fill)?;
    native.add("uuid", uuid)?;
    native.add("math", next)?;
    Ok(())
}

/// Takes a new state for `Math.random` from the host.
pub(crate) fn reseed(ctx: &Ctx<'_>) -> Result<()> {
    let seed = bytes::<16>(ctx)?;
    let (low, high) = seed.split_at(8);
    let half = |bytes: &[u8]| {
        bytes
            .iter()
            .fold(0, |all, byte| all << 8 | u64::from(*byte))
    };
    let state = [half(low), half(high)];
    STATE.set(if state == [0, 0] { FIRST_STATE } else { state });
    Ok(())
}

/// A number from 0 to 1, without 1.
fn next() -> f64 {
    let [mut a, b] = STATE.get();
    a ^= a << 23;
    a ^= a >> 17;
    a ^= b ^ (b >> 26);
    STATE.set([b, a]);
    // The upper 53 bits: as many as a double holds.
    (a.wrapping_add(b) >> 11) as f64 / (1u64 << 53) as f64
}

fn fill<'js>(ctx: Ctx<'js>, buffer: ArrayBuffer<'js>, offset: usize, length: usize) -> Result<()> {
    let count = u32::try_from(length).unwrap_or(u32::MAX);
    let bytes = random::bytes(count).map_err(|refusal| refused(&ctx, &refusal))?;
    Window {
        buffer,
        offset,
        length,
    }
    .write(&bytes)
}

/// A random UUID, version 4.
fn uuid(ctx: Ctx<'_>) -> Result<String> {
    let mut bytes = bytes::<16>(&ctx)?;
    bytes[6] = bytes[6] & 0x0f | 0x40;
    bytes[8] = bytes[8] & 0x3f | 0x80;
    let mut text = String::with_capacity(36);
    for (index, byte) in bytes.into_iter().enumerate() {
        if matches!(index, 4 | 6 | 8 | 10) {
            text.push('-');
        }
        for digit in [byte >> 4, byte & 0x0f] {
            text.extend(char::from_digit(u32::from(digit), 16));
        }
    }
    Ok(text)
}

fn bytes<const N: usize>(ctx: &Ctx<'_>) -> Result<[u8; N]> {
    let bytes = random::bytes(N as u32).map_err(|refusal| refused(ctx, &refusal))?;
    let message = "the host gave fewer random bytes than asked for";
    bytes
        .try_into()
        .map_err(|_| rquickjs::Exception::throw_internal(ctx, message))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_lie_between_zero_and_one_and_fill_that_range() {
        let all: Vec<f64> = (0..10_000).map(|_| next()).collect();
        assert!(all.iter().all(|number| (0.0..1.0).contains(number)));
        let mean = all.iter().sum::<f64>() / 10_000.0;
        assert!((mean - 0.5).abs() < 0.02, "{mean}");
    }
}

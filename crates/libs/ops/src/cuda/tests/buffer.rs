//! Memory as kernels see it, between margins that nobody may touch.
#![expect(unsafe_code, reason = "kernels are handed addresses")]

use crate::cuda::plan::Real;
use half::bf16;

/// Bytes before and behind; a multiple of 16, as memory on a card begins at.
const MARGIN: usize = 64;
/// As `f32` and as `bf16`, bytes of this value are NaN.
const POISON: u8 = 0xFF;

#[derive(Clone, Copy)]
#[repr(C, align(64))]
struct Line([u8; 64]);

/// An aligned buffer.
pub(super) struct Buffer {
    lines: Vec<Line>,
    len: usize,
}

impl Buffer {
    /// So many bytes of poison.
    pub(super) fn poisoned(len: usize) -> Self {
        let lines = vec![Line([POISON; 64]); (len + 2 * MARGIN).div_ceil(64)];
        Self { lines, len }
    }

    /// So many floats of poison.
    pub(super) fn floats(count: usize) -> Self {
        Self::poisoned(4 * count)
    }

    /// So many activations of poison.
    pub(super) fn reals(real: Real, count: usize) -> Self {
        Self::poisoned(if real == Real::F32 { 4 } else { 2 } * count)
    }

    pub(super) fn from_bytes(bytes: &[u8]) -> Self {
        let mut buffer = Self::poisoned(bytes.len());
        buffer.restore(bytes);
        buffer
    }

    pub(super) fn from_floats(values: &[f32]) -> Self {
        let bytes: Vec<u8> = values.iter().flat_map(|value| value.to_le_bytes()).collect();
        Self::from_bytes(&bytes)
    }

    /// Activations, rounded where they are kept in bf16.
    pub(super) fn from_reals(real: Real, values: &[f32]) -> Self {
        if real == Real::F32 {
            return Self::from_floats(values);
        }
        let bytes = values.iter().flat_map(|value| bf16::from_f32(*value).to_le_bytes());
        Self::from_bytes(&bytes.collect::<Vec<u8>>())
    }

    pub(super) fn address(&self) -> u64 {
        self.all().as_ptr() as u64 + MARGIN as u64
    }

    fn all(&self) -> &[u8] {
        // SAFETY: lines are bytes without padding, one after the other.
        unsafe { std::slice::from_raw_parts(self.lines.as_ptr().cast(), self.lines.len() * 64) }
    }

    pub(super) fn bytes(&self) -> &[u8] {
        &self.all()[MARGIN..][..self.len]
    }

    pub(super) fn restore(&mut self, bytes: &[u8]) {
        assert_eq!(bytes.len(), self.len);
        for (place, byte) in (MARGIN..).zip(bytes) {
            self.lines[place / 64].0[place % 64] = *byte;
        }
    }

    pub(super) fn check_margins(&self, kernel: &str) {
        let (before, rest) = self.all().split_at(MARGIN);
        let is_poison = |bytes: &[u8]| bytes.iter().all(|byte| *byte == POISON);
        assert!(is_poison(before) && is_poison(&rest[self.len..]), "{kernel} writes outside");
    }

    pub(super) fn as_floats(&self) -> Vec<f32> {
        let (words, _) = self.bytes().as_chunks::<4>();
        words.iter().map(|word| f32::from_le_bytes(*word)).collect()
    }

    pub(super) fn as_doubles(&self) -> Vec<f64> {
        let (words, _) = self.bytes().as_chunks::<8>();
        words.iter().map(|word| f64::from_le_bytes(*word)).collect()
    }

    pub(super) fn as_reals(&self, real: Real) -> Vec<f32> {
        if real == Real::F32 {
            return self.as_floats();
        }
        let (words, _) = self.bytes().as_chunks::<2>();
        words.iter().map(|word| bf16::from_le_bytes(*word).to_f32()).collect()
    }
}

#[test]
fn a_write_beyond_the_end_is_seen() {
    let mut buffer = Buffer::from_floats(&[1.0, 2.0]);
    buffer.check_margins("none");
    buffer.lines[(MARGIN + 8) / 64].0[(MARGIN + 8) % 64] = 0;
    assert!(std::panic::catch_unwind(|| buffer.check_margins("test")).is_err());
}

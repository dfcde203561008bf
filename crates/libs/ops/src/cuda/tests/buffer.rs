//! Memory of kernels between guard bytes.
#![expect(unsafe_code, reason = "kernels take addresses")]

use crate::cuda::launch::ActDtype;
use half::bf16;

/// Guard bytes before and after; a multiple of the alignment of memory on a GPU.
const GUARD_BYTES: usize = 64;
/// NaN as `f32` and as `bf16`.
const NAN_BYTE: u8 = 0xFF;

#[derive(Clone, Copy)]
#[repr(C, align(64))]
struct Line([u8; 64]);

/// An aligned buffer.
pub(super) struct Buffer {
    lines: Vec<Line>,
    len: usize,
}

impl Buffer {
    /// Bytes of NaN.
    pub(super) fn nan(len: usize) -> Self {
        let lines = vec![Line([NAN_BYTE; 64]); (len + 2 * GUARD_BYTES).div_ceil(64)];
        Self { lines, len }
    }

    /// NaN as `f32`.
    pub(super) fn floats(count: usize) -> Self {
        Self::nan(4 * count)
    }

    /// NaN as activations.
    pub(super) fn act(dtype: ActDtype, count: usize) -> Self {
        Self::nan(if dtype == ActDtype::F32 { 4 } else { 2 } * count)
    }

    pub(super) fn from_bytes(bytes: &[u8]) -> Self {
        let mut buffer = Self::nan(bytes.len());
        buffer.restore(bytes);
        buffer
    }

    pub(super) fn from_floats(values: &[f32]) -> Self {
        let bytes: Vec<u8> = values.iter().flat_map(|value| value.to_le_bytes()).collect();
        Self::from_bytes(&bytes)
    }

    /// Activations, rounded to their type.
    pub(super) fn from_act(dtype: ActDtype, values: &[f32]) -> Self {
        if dtype == ActDtype::F32 {
            return Self::from_floats(values);
        }
        let bytes = values.iter().flat_map(|value| bf16::from_f32(*value).to_le_bytes());
        Self::from_bytes(&bytes.collect::<Vec<u8>>())
    }

    pub(super) fn address(&self) -> u64 {
        self.all().as_ptr() as u64 + GUARD_BYTES as u64
    }

    fn all(&self) -> &[u8] {
        // SAFETY: lines are consecutive bytes without padding.
        unsafe { std::slice::from_raw_parts(self.lines.as_ptr().cast(), self.lines.len() * 64) }
    }

    pub(super) fn bytes(&self) -> &[u8] {
        &self.all()[GUARD_BYTES..][..self.len]
    }

    pub(super) fn restore(&mut self, bytes: &[u8]) {
        assert_eq!(bytes.len(), self.len);
        for (offset, byte) in (GUARD_BYTES..).zip(bytes) {
            self.lines[offset / 64].0[offset % 64] = *byte;
        }
    }

    pub(super) fn check_guards(&self, kernel: &str) {
        let (before, rest) = self.all().split_at(GUARD_BYTES);
        let is_nan = |bytes: &[u8]| bytes.iter().all(|byte| *byte == NAN_BYTE);
        assert!(is_nan(before) && is_nan(&rest[self.len..]), "{kernel} writes out of bounds");
    }

    pub(super) fn f32_values(&self) -> Vec<f32> {
        let (words, _) = self.bytes().as_chunks::<4>();
        words.iter().map(|word| f32::from_le_bytes(*word)).collect()
    }

    pub(super) fn f64_values(&self) -> Vec<f64> {
        let (words, _) = self.bytes().as_chunks::<8>();
        words.iter().map(|word| f64::from_le_bytes(*word)).collect()
    }

    pub(super) fn act_values(&self, dtype: ActDtype) -> Vec<f32> {
        if dtype == ActDtype::F32 {
            return self.f32_values();
        }
        let (words, _) = self.bytes().as_chunks::<2>();
        words.iter().map(|word| bf16::from_le_bytes(*word).to_f32()).collect()
    }
}

#[test]
fn a_write_out_of_bounds_is_detected() {
    let mut buffer = Buffer::from_floats(&[1.0, 2.0]);
    buffer.check_guards("none");
    buffer.lines[(GUARD_BYTES + 8) / 64].0[(GUARD_BYTES + 8) % 64] = 0;
    assert!(std::panic::catch_unwind(|| buffer.check_guards("test")).is_err());
}

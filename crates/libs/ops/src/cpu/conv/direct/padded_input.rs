//! Zero-padded copies of a map, so that kernels need no bounds checks.
#![expect(unsafe_code, reason = "the map's rows are viewed as words or as bf16")]

use crate::cpu::buffers::{Scratch, Shared};
use crate::cpu::simd::{GemmDtype, bf16_bits, multiversion_loops};
use crate::geometry::ConvGeometry;
use rayon::prelude::*;
use std::marker::PhantomData;

/// Words after the last pixel that may be read; their values are not used.
const SLACK: usize = 64;

/// Where a map `[N, H, W, C]` lies in its padded copy.
pub(super) struct PaddedLayout {
    map: [usize; 4],
    top: usize,
    left: usize,
    height: usize,
    width: usize,
}

impl PaddedLayout {
    /// The input with its padding.
    pub(super) fn of_input(g: &ConvGeometry) -> Self {
        let p = g.padding;
        let map = [g.n, g.h, g.w, g.c_in];
        Self { map, top: p, left: p, height: g.h + 2 * p, width: g.w + 2 * p }
    }

    /// The output's gradient with the zeros that the input gradient's taps read.
    pub(super) fn of_output_gradient(g: &ConvGeometry) -> Self {
        let before = |axis: usize| g.kernel[axis].div_ceil(g.stride) - 1;
        let after = |size: usize| (size - 1 + g.padding) / g.stride + 1;
        let (top, left) = (before(0), before(1));
        Self {
            map: [g.n, g.h_out, g.w_out, g.c_out],
            top,
            left,
            height: top + g.h_out.max(after(g.h)),
            width: left + g.w_out.max(after(g.w)),
        }
    }

    fn has_padding(&self) -> bool {
        self.map[1] != self.height || self.map[2] != self.width
    }
}

/// The padded map: `[N, height, width, pixel_len]` words.
pub(super) struct PaddedInput<'a> {
    start: Shared,
    /// Words that may be read.
    len: usize,
    height: usize,
    width: usize,
    /// Words of a pixel.
    pub(super) pixel_len: usize,
    _copy: Option<Scratch>,
    _map: PhantomData<&'a [f32]>,
}

impl<'a> PaddedInput<'a> {
    /// The map itself if it is `f32` without padding, else a copy.
    pub(super) fn new(dtype: GemmDtype, map: &'a [f32], layout: &PaddedLayout) -> Self {
        let PaddedLayout { map: [n, h, w, c], height, width, .. } = *layout;
        assert_eq!(map.len(), n * h * w * c, "the map has the size of the layer");
        let pixel_len = c.div_ceil(dtype.values_per_word());
        let new = |start, len, copy| Self {
            start,
            len,
            height,
            width,
            pixel_len,
            _copy: copy,
            _map: PhantomData,
        };
        if !layout.has_padding() && !dtype.is_bf16() {
            return new(Shared::new(map.as_ptr()), map.len(), None);
        }
        let len = n * height * width * pixel_len;
        let mut copy = Scratch::take(len + SLACK);
        let words = copy.slice(len + SLACK);
        words[len..].fill(0.0);
        let rows = words[..len].par_chunks_mut(width * pixel_len).with_min_len(4);
        rows.enumerate().for_each(|(line, to)| {
            let y = (line % height).wrapping_sub(layout.top);
            let row = (y < h).then(|| &map[(line / height * h + y) * w * c..][..w * c]);
            fill_row(dtype, layout, row, to);
        });
        new(Shared::new(copy.as_ptr()), len + SLACK, Some(copy))
    }

    /// Words of a row.
    pub(super) fn row_len(&self) -> usize {
        self.width * self.pixel_len
    }

    /// Words of an image.
    pub(super) fn image_len(&self) -> usize {
        self.height * self.row_len()
    }

    pub(super) fn words(&self) -> &[f32] {
        // SAFETY: the map or the copy lives as long as this.
        unsafe { std::slice::from_raw_parts(self.start.get(), self.len) }
    }
}

/// One padded row from a row of the map, if it has one there.
fn fill_row(dtype: GemmDtype, layout: &PaddedLayout, row: Option<&[f32]>, to: &mut [f32]) {
    let Some(row) = row else { return to.fill(0.0) };
    let [.., w, c] = layout.map;
    let pixel_len = c.div_ceil(dtype.values_per_word());
    let (left, middle) = (layout.left * pixel_len, w * pixel_len);
    to[..left].fill(0.0);
    to[left + middle..].fill(0.0);
    let to = &mut to[left..left + middle];
    if !dtype.is_bf16() {
        return to.copy_from_slice(row);
    }
    let halves = as_bf16(to);
    if c.is_multiple_of(2) {
        return round_all(dtype.level, halves, row);
    }
    for (to, from) in halves.chunks_exact_mut(2 * pixel_len).zip(row.chunks_exact(c)) {
        round_all(dtype.level, &mut to[..c], from);
        to[c] = 0;
    }
}

/// Words as the bf16 that they hold.
fn as_bf16(words: &mut [f32]) -> &mut [u16] {
    // SAFETY: a word is two bf16, and any bits are valid for both.
    unsafe { std::slice::from_raw_parts_mut(words.as_mut_ptr().cast(), words.len() * 2) }
}

multiversion_loops! {
    fn round_all(to: &mut [u16], from: &[f32]) {
        for (to, from) in to.iter_mut().zip(from) {
            *to = bf16_bits(*from);
        }
    }
}

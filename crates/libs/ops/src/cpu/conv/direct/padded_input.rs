//! A map of words with zeros around it, so that no kernel meets an edge.
#![expect(unsafe_code, reason = "the map's rows are seen as words or as bf16")]

use crate::cpu::buffers::{Scratch, Shared};
use crate::cpu::simd::{GemmDtype, bf16_bits, multiversion_loops};
use crate::geometry::ConvGeometry;
use rayon::prelude::*;
use std::marker::PhantomData;

/// GemmDtype behind the last pixel that may be read (and mean nothing).
const SLACK: usize = 64;

/// Where a map `[N, H, W, C]` lies in a larger one.
pub(super) struct Frame {
    map: [usize; 4],
    top: usize,
    left: usize,
    height: usize,
    width: usize,
}

impl Frame {
    /// The input with its padding.
    pub(super) fn around(g: &ConvGeometry) -> Self {
        let p = g.padding;
        let map = [g.n, g.h, g.w, g.c_in];
        Self { map, top: p, left: p, height: g.h + 2 * p, width: g.w + 2 * p }
    }

    /// The output's gradient with the zeros that the input gradient's taps meet.
    pub(super) fn behind(g: &ConvGeometry) -> Self {
        let lead = |axis: usize| g.kernel[axis].div_ceil(g.stride) - 1;
        let last = |size: usize| (size - 1 + g.padding) / g.stride + 1;
        let (top, left) = (lead(0), lead(1));
        Self {
            map: [g.n, g.h_out, g.w_out, g.c_out],
            top,
            left,
            height: top + g.h_out.max(last(g.h)),
            width: left + g.w_out.max(last(g.w)),
        }
    }

    fn is_tight(&self) -> bool {
        self.map[1] == self.height && self.map[2] == self.width
    }
}

/// The framed map: `[N, height, width, pixel]` words.
pub(super) struct Framed<'a> {
    start: Shared,
    /// GemmDtype that may be read.
    len: usize,
    height: usize,
    width: usize,
    /// GemmDtype of a pixel.
    pub(super) pixel: usize,
    _own: Option<Scratch>,
    _map: PhantomData<&'a [f32]>,
}

impl<'a> Framed<'a> {
    /// The map itself where it can be read as it is, a copy otherwise.
    pub(super) fn new(dtype: GemmDtype, map: &'a [f32], frame: &Frame) -> Self {
        let Frame { map: [n, h, w, c], height, width, .. } = *frame;
        assert_eq!(map.len(), n * h * w * c, "the map has the size of the layer");
        let pixel = c.div_ceil(dtype.values_per_word());
        let of = |start, len, own| Self {
            start,
            len,
            height,
            width,
            pixel,
            _own: own,
            _map: PhantomData,
        };
        if frame.is_tight() && !dtype.is_bf16() {
            return of(Shared::new(map.as_ptr()), map.len(), None);
        }
        let len = n * height * width * pixel;
        let mut own = Scratch::take(len + SLACK);
        let values = own.slice(len + SLACK);
        values[len..].fill(0.0);
        let rows = values[..len].par_chunks_mut(width * pixel).with_min_len(4);
        rows.enumerate().for_each(|(line, to)| {
            let y = (line % height).wrapping_sub(frame.top);
            let row = (y < h).then(|| &map[(line / height * h + y) * w * c..][..w * c]);
            fill_row(dtype, frame, row, to);
        });
        of(Shared::new(own.as_ptr()), len + SLACK, Some(own))
    }

    /// GemmDtype of a row.
    pub(super) fn row(&self) -> usize {
        self.width * self.pixel
    }

    /// GemmDtype of an image.
    pub(super) fn image(&self) -> usize {
        self.height * self.row()
    }

    pub(super) fn words(&self) -> &[f32] {
        // SAFETY: the map or the copy lives as long as this.
        unsafe { std::slice::from_raw_parts(self.start.get(), self.len) }
    }
}

/// One row of the frame from a row of the map, if it has one.
fn fill_row(dtype: GemmDtype, frame: &Frame, row: Option<&[f32]>, to: &mut [f32]) {
    let Some(row) = row else { return to.fill(0.0) };
    let [.., w, c] = frame.map;
    let pixel = c.div_ceil(dtype.values_per_word());
    let (left, middle) = (frame.left * pixel, w * pixel);
    to[..left].fill(0.0);
    to[left + middle..].fill(0.0);
    let to = &mut to[left..left + middle];
    if !dtype.is_bf16() {
        return to.copy_from_slice(row);
    }
    let halves = halves(to);
    if c.is_multiple_of(2) {
        return round_all(dtype.level, halves, row);
    }
    for (to, from) in halves.chunks_exact_mut(2 * pixel).zip(row.chunks_exact(c)) {
        round_all(dtype.level, &mut to[..c], from);
        to[c] = 0;
    }
}

/// GemmDtype as their bf16.
fn halves(words: &mut [f32]) -> &mut [u16] {
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

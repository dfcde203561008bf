//! The weight gradient as a product over pixels: `dw [o, patch] = dy^T [o, pixels] patches`.
//!
//! Tasks own some columns of the patch and a part of the pixels. A task packs its columns of a
//! block of patches into panels, which stay in its cache, and adds their product to its sum; the
//! parts are added in order. With bf16 pairs a word holds one value of two neighbouring pixels.
#![expect(unsafe_code, reason = "tasks write disjoint parts of shared buffers")]

use super::padded_input::{PaddedInput, PaddedLayout};
use crate::cpu::buffers::{Scratch, Shared, zeros};
use crate::cpu::gemm::{DEPTH, Gemm, gemm_with_dtype};
use crate::cpu::simd::{GemmDtype, bf16_pair, multiversion_loops};
use crate::geometry::ConvGeometry;
use rayon::prelude::*;
use std::ops::Range;

/// Panels of a task.
const PANELS_PER_TASK: usize = 4;
/// The least number of tasks, if there are enough pixels.
const MIN_TASKS: usize = 16;

/// How the work is partitioned.
struct Partition<'a> {
    dtype: GemmDtype,
    g: &'a ConvGeometry,
    input: PaddedInput<'a>,
    /// Words of the sum over pixels.
    steps: usize,
    /// Values of a run of the patch, and the panels that it fills.
    run_len: usize,
    panels_per_run: usize,
    /// Tasks across the patch, and the columns of each.
    groups: usize,
    group_width: usize,
    /// Parts of the steps, and the steps of each.
    parts: usize,
    steps_per_part: usize,
}

impl<'a> Partition<'a> {
    fn new(dtype: GemmDtype, g: &'a ConvGeometry, x: &'a [f32]) -> Self {
        let input = PaddedInput::new(dtype, x, &PaddedLayout::of_input(g));
        let steps = g.rows_out().div_ceil(dtype.values_per_word());
        let run_len = g.kernel[1] * input.pixel_len * dtype.values_per_word();
        let panels_per_run = run_len.div_ceil(dtype.panel_width());
        let panels = g.kernel[0] * panels_per_run;
        let panels_per_group = PANELS_PER_TASK.min(panels);
        let groups = panels.div_ceil(panels_per_group);
        let steps_per_part = steps.div_ceil(MIN_TASKS.div_ceil(groups)).next_multiple_of(DEPTH);
        Self {
            dtype,
            g,
            input,
            steps,
            run_len,
            panels_per_run,
            groups,
            group_width: panels_per_group * dtype.panel_width(),
            parts: steps.div_ceil(steps_per_part),
            steps_per_part,
        }
    }

    /// Where the patch of an output pixel begins.
    fn patch(&self, pixel: usize) -> usize {
        let g = self.g;
        let (x, y, n) = (pixel % g.w_out, pixel / g.w_out % g.h_out, pixel / (g.w_out * g.h_out));
        n * self.input.image_len()
            + y * g.stride * self.input.row_len()
            + x * g.stride * self.input.pixel_len
    }

    /// The panels of a group; the last group may have fewer.
    fn panels(&self, group: usize) -> Range<usize> {
        let count = self.group_width / self.dtype.panel_width();
        group * count..((group + 1) * count).min(self.g.kernel[0] * self.panels_per_run)
    }
}

/// The gradient of `w`.
pub(in crate::cpu::conv) fn weight_gradient(
    dtype: GemmDtype,
    g: &ConvGeometry,
    x: &[f32],
    dy: &[f32],
) -> Vec<f32> {
    assert_eq!(dy.len(), g.len_out(), "the gradient has the size of the output");
    let partition = Partition::new(dtype, g, x);
    let paired = dtype.is_bf16().then(|| pair_rows(dtype, dy, g.c_out));
    let dy = Shared::new(paired.as_ref().map_or(dy.as_ptr(), Scratch::as_ptr));
    let sum_len = g.c_out * partition.group_width;
    let tasks = partition.parts * partition.groups;
    let mut sums = Scratch::take(tasks * sum_len);
    let shared = sums.shared_mut();
    (0..tasks).into_par_iter().with_max_len(1).for_each(|task| {
        // SAFETY: each task has its own sum; the gradient has a row for each step.
        unsafe { sum_part(&partition, task, dy, shared.get().add(task * sum_len)) }
    });
    let sums = &*sums.slice(tasks * sum_len);
    let mut dw = zeros(g.len_weight());
    dw.par_chunks_mut(g.len_weight() / g.c_out).with_min_len(8).enumerate().for_each(|(o, dw)| {
        unpack(&partition, sums, o, dw);
    });
    dw
}

/// # Safety
/// `dy` has a row of `c_out` words for each step; `sum` is writable for `[c_out, group_width]`.
unsafe fn sum_part(partition: &Partition, task: usize, dy: Shared, sum: *mut f32) {
    let part = task / partition.groups;
    let panels = partition.panels(task % partition.groups);
    let (panel_width, c_out) = (partition.dtype.panel_width(), partition.g.c_out);
    let mut packed = Scratch::take(DEPTH * partition.group_width);
    let steps_per_part = partition.steps_per_part;
    let steps = part * steps_per_part..((part + 1) * steps_per_part).min(partition.steps);
    for start in steps.clone().step_by(DEPTH) {
        let k = DEPTH.min(steps.end - start);
        let block = packed.slice(k * panels.len() * panel_width);
        pack_patches(partition, panels.clone(), start..start + k, block);
        // SAFETY: the panels are this task's scratch, the rest is the caller's promise.
        unsafe {
            let product = Gemm {
                m: c_out,
                n: panels.len() * panel_width,
                k,
                a: dy.get().add(start * c_out),
                a_row: 1,
                a_col: c_out,
                b: packed.as_ptr(),
                b_panel: k * panel_width,
                b_row: panel_width,
                c: sum,
                c_row: partition.group_width,
                accumulate: start > steps.start,
            };
            gemm_with_dtype(partition.dtype, product);
        }
    }
}

/// Packs some panels of the patches of some steps: `[panel][step][column]`.
fn pack_patches(partition: &Partition, panels: Range<usize>, steps: Range<usize>, to: &mut [f32]) {
    let dtype = partition.dtype;
    let (panel_width, k) = (dtype.panel_width(), steps.len());
    let values_per_word = dtype.values_per_word();
    let last = partition.g.rows_out() - 1;
    // The last of an odd number of pixels is paired with itself; its gradient there is zero.
    let pixels = steps.start * values_per_word..steps.end * values_per_word;
    let patches: Vec<usize> = pixels.map(|pixel| partition.patch(pixel.min(last))).collect();
    for (j, to) in panels.zip(to.chunks_exact_mut(k * panel_width)) {
        let column = j % partition.panels_per_run * panel_width;
        let shift =
            j / partition.panels_per_run * partition.input.row_len() + column / values_per_word;
        let x = &partition.input.words()[shift..];
        if dtype.is_bf16() {
            interleave_rows(dtype.level, to, x, &patches);
        } else {
            let columns = panel_width.min(partition.run_len - column);
            copy_rows(dtype.level, to, x, &patches, columns);
        }
    }
}

multiversion_loops! {
    /// One row of a panel per patch.
    fn copy_rows(to: &mut [f32], x: &[f32], patches: &[usize], columns: usize) {
        let panel_width = to.len() / patches.len();
        for (to, patch) in to.chunks_exact_mut(panel_width).zip(patches) {
            to[..columns].copy_from_slice(&x[*patch..][..columns]);
            // The product of what lies beyond the run is dropped.
            to[columns..].fill(0.0);
        }
    }
}

multiversion_loops! {
    /// One row of a panel for two patches: their values side by side.
    fn interleave_rows(to: &mut [f32], x: &[f32], patches: &[usize]) {
        for (to, patches) in to.chunks_exact_mut(32).zip(patches.chunks_exact(2)) {
            let (a, b) = (&x[patches[0]..][..16], &x[patches[1]..][..16]);
            for i in 0..16 {
                let (a, b) = (a[i].to_bits(), b[i].to_bits());
                to[2 * i] = f32::from_bits((a & 0xffff) | (b << 16));
                to[2 * i + 1] = f32::from_bits((a >> 16) | (b & 0xffff_0000));
            }
        }
    }
}

/// Two neighbouring rows as one of bf16 pairs; a missing last row is zero.
fn pair_rows(dtype: GemmDtype, rows: &[f32], columns: usize) -> Scratch {
    let len = rows.len().div_ceil(2 * columns) * columns;
    let mut paired = Scratch::take(len);
    let zero = vec![0.0; columns];
    let pairs = paired.slice(len).par_chunks_mut(columns).zip(rows.par_chunks(2 * columns));
    pairs.with_min_len(16).for_each(|(to, rows)| {
        let (a, b) = rows.split_at(columns);
        pair_all(dtype.level, to, a, if b.is_empty() { &zero } else { b });
    });
    paired
}

multiversion_loops! {
    fn pair_all(to: &mut [f32], a: &[f32], b: &[f32]) {
        for ((to, a), b) in to.iter_mut().zip(a).zip(b) {
            *to = bf16_pair(*a, *b);
        }
    }
}

/// Adds the parts in order and reorders `[(ky), (kx, i)]` of one output channel to `[i, ky, kx]`.
fn unpack(partition: &Partition, sums: &[f32], o: usize, dw: &mut [f32]) {
    let ([kh, kw], c_in) = (partition.g.kernel, partition.g.c_in);
    let width = partition.group_width;
    let sum_len = partition.g.c_out * width;
    let pixel_values = partition.input.pixel_len * partition.dtype.values_per_word();
    let run_stride = partition.panels_per_run * partition.dtype.panel_width();
    for ky in 0..kh {
        for kx in 0..kw {
            let first = ky * run_stride + kx * pixel_values;
            let mut i = 0;
            // One group of columns at a time.
            while i < c_in {
                let (group, column) = ((first + i) / width, (first + i) % width);
                let count = (width - column).min(c_in - i);
                let start = group * sum_len + o * width + column;
                let to = dw[(i * kh + ky) * kw + kx..].iter_mut().step_by(kh * kw).take(count);
                add_parts(to, &sums[start..], partition.groups * sum_len);
                i += count;
            }
        }
    }
}

/// Sums of values that are `stride` apart, in order.
fn add_parts<'a>(to: impl Iterator<Item = &'a mut f32>, sums: &[f32], stride: usize) {
    if sums.len() <= stride {
        to.zip(sums).for_each(|(to, sum)| *to = *sum);
        return;
    }
    for (i, to) in to.enumerate() {
        *to = sums[i..].iter().step_by(stride).sum();
    }
}

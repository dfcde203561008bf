//! The weight gradient: a product over pixels, `dw [o, patch] = dy^T [o, pixels] patches`.
//!
//! Tasks own some columns of the patch and a part of the pixels. A task packs its columns of a
//! block of patches into panels, which stay in its cache, and adds their product to its sum; the
//! parts are added in order. With pairs of bf16 a word holds one value of two neighbouring pixels.
#![expect(unsafe_code, reason = "tasks write disjoint parts of shared buffers")]

use super::padded_input::{Frame, Framed};
use crate::cpu::buffers::{Scratch, Shared, zeros};
use crate::cpu::gemm::{DEPTH, Gemm, gemm_words};
use crate::cpu::simd::{GemmDtype, bf16_pair, multiversion_loops};
use crate::geometry::ConvGeometry;
use rayon::prelude::*;
use std::ops::Range;

/// Panels of a task.
const GROUP: usize = 4;
/// Tasks, at least, where there are enough pixels.
const TASKS: usize = 16;

/// How the work is cut.
struct Plan<'a> {
    dtype: GemmDtype,
    g: &'a ConvGeometry,
    framed: Framed<'a>,
    /// GemmDtype of the sum over pixels.
    steps: usize,
    /// Values of a run of the patch, and the panels that it fills.
    run: usize,
    panels_a_run: usize,
    /// Tasks across, their columns, and parts of the steps.
    groups: usize,
    width: usize,
    share: usize,
    parts: usize,
}

impl<'a> Plan<'a> {
    fn new(dtype: GemmDtype, g: &'a ConvGeometry, x: &'a [f32]) -> Self {
        let framed = Framed::new(dtype, x, &Frame::around(g));
        let steps = g.rows_out().div_ceil(dtype.values_per_word());
        let run = g.kernel[1] * framed.pixel * dtype.values_per_word();
        let panels_a_run = run.div_ceil(dtype.panel());
        let panels = g.kernel[0] * panels_a_run;
        let group = GROUP.min(panels);
        let groups = panels.div_ceil(group);
        let share = steps.div_ceil(TASKS.div_ceil(groups)).next_multiple_of(DEPTH);
        let (width, parts) = (group * dtype.panel(), steps.div_ceil(share));
        Self { dtype, g, framed, steps, run, panels_a_run, groups, width, share, parts }
    }

    /// Where the patch of an output pixel begins.
    fn patch(&self, pixel: usize) -> usize {
        let g = self.g;
        let (x, y, n) = (pixel % g.w_out, pixel / g.w_out % g.h_out, pixel / (g.w_out * g.h_out));
        n * self.framed.image()
            + y * g.stride * self.framed.row()
            + x * g.stride * self.framed.pixel
    }

    /// The panels of a group that exist.
    fn panels(&self, group: usize) -> Range<usize> {
        let width = self.width / self.dtype.panel();
        group * width..((group + 1) * width).min(self.g.kernel[0] * self.panels_a_run)
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
    let plan = Plan::new(dtype, g, x);
    let paired = dtype.is_bf16().then(|| pair_rows(dtype, dy, g.c_out));
    let dy = Shared::new(paired.as_ref().map_or(dy.as_ptr(), Scratch::as_ptr));
    let size = g.c_out * plan.width;
    let mut sums = Scratch::take(plan.parts * plan.groups * size);
    let shared = sums.shared();
    (0..plan.parts * plan.groups).into_par_iter().with_max_len(1).for_each(|task| {
        // SAFETY: each task has its own sum; the gradient has a row for each step.
        unsafe { sum_part(&plan, task, dy, shared.get().add(task * size)) }
    });
    let sums = &*sums.slice(plan.parts * plan.groups * size);
    let mut dw = zeros(g.len_weight());
    dw.par_chunks_mut(g.len_weight() / g.c_out).with_min_len(8).enumerate().for_each(|(o, dw)| {
        turn(&plan, sums, o, dw);
    });
    dw
}

/// # Safety
/// `dy` has a row of `c_out` words for each step; `sum` is writable for `[c_out, width]`.
unsafe fn sum_part(plan: &Plan, task: usize, dy: Shared, sum: *mut f32) {
    let (part, panels) = (task / plan.groups, plan.panels(task % plan.groups));
    let (panel, c_out) = (plan.dtype.panel(), plan.g.c_out);
    let mut block = Scratch::take(DEPTH * plan.width);
    let steps = part * plan.share..((part + 1) * plan.share).min(plan.steps);
    for start in steps.clone().step_by(DEPTH) {
        let k = DEPTH.min(steps.end - start);
        gather(plan, panels.clone(), start..start + k, block.slice(k * panels.len() * panel));
        // SAFETY: the panels are this task's scratch, the rest is the caller's promise.
        unsafe {
            let product = Gemm {
                m: c_out,
                n: panels.len() * panel,
                k,
                a: dy.get().add(start * c_out),
                a_row: 1,
                a_col: c_out,
                b: block.as_ptr(),
                b_panel: k * panel,
                b_row: panel,
                c: sum,
                c_row: plan.width,
                accumulate: start > steps.start,
            };
            gemm_words(plan.dtype, product);
        }
    }
}

/// Packs some panels of the patches of some steps: `[panel][step][column]`.
fn gather(plan: &Plan, panels: Range<usize>, steps: Range<usize>, to: &mut [f32]) {
    let (panel, k) = (plan.dtype.panel(), steps.len());
    let values = plan.dtype.values_per_word();
    let last = plan.g.rows_out() - 1;
    // Of an odd number of pixels the last goes with itself: its gradient there is zero.
    let pixels = steps.start * values..steps.end * values;
    let patches: Vec<usize> = pixels.map(|pixel| plan.patch(pixel.min(last))).collect();
    for (j, to) in panels.zip(to.chunks_exact_mut(k * panel)) {
        let column = j % plan.panels_a_run * panel;
        let shift = j / plan.panels_a_run * plan.framed.row() + column / values;
        let x = &plan.framed.words()[shift..];
        if plan.dtype.is_bf16() {
            cross(plan.dtype.level, to, x, &patches);
        } else {
            copy(plan.dtype.level, to, x, (&patches, panel.min(plan.run - column)));
        }
    }
}

multiversion_loops! {
    /// One row of a panel a patch.
    fn copy(to: &mut [f32], x: &[f32], patches: (&[usize], usize)) {
        let (patches, columns) = patches;
        let panel = to.len() / patches.len();
        for (to, patch) in to.chunks_exact_mut(panel).zip(patches) {
            to[..columns].copy_from_slice(&x[*patch..][..columns]);
            // What lies beyond the run is multiplied too, and then left out.
            to[columns..].fill(0.0);
        }
    }
}

multiversion_loops! {
    /// One row of a panel for two patches: their values side by side.
    fn cross(to: &mut [f32], x: &[f32], patches: &[usize]) {
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

/// Two neighbouring rows as one of dtype; a missing last row is zero.
fn pair_rows(dtype: GemmDtype, rows: &[f32], columns: usize) -> Scratch {
    let len = rows.len().div_ceil(2 * columns) * columns;
    let mut paired = Scratch::take(len);
    let (to, zero) = (paired.slice(len).par_chunks_mut(columns), vec![0.0; columns]);
    to.zip(rows.par_chunks(2 * columns)).with_min_len(16).for_each(|(to, rows)| {
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

/// Adds the parts in order and turns `[(ky), (kx, i)]` of one output channel into `[i, ky, kx]`.
fn turn(plan: &Plan, sums: &[f32], o: usize, dw: &mut [f32]) {
    let ([kh, kw], c_in, width) = (plan.g.kernel, plan.g.c_in, plan.width);
    let (size, pixel) = (plan.g.c_out * width, plan.framed.pixel * plan.dtype.values_per_word());
    for ky in 0..kh {
        for kx in 0..kw {
            let first = ky * plan.panels_a_run * plan.dtype.panel() + kx * pixel;
            let mut i = 0;
            // As far as one group of columns goes.
            while i < c_in {
                let (group, column) = ((first + i) / width, (first + i) % width);
                let count = (width - column).min(c_in - i);
                let at = group * size + o * width + column;
                let to = dw[(i * kh + ky) * kw + kx..].iter_mut().step_by(kh * kw).take(count);
                add_parts(to, &sums[at..], plan.groups * size);
                i += count;
            }
        }
    }
}

/// Sums of values that are `step` apart, in order.
fn add_parts<'a>(to: impl Iterator<Item = &'a mut f32>, sums: &[f32], step: usize) {
    if sums.len() <= step {
        to.zip(sums).for_each(|(to, sum)| *to = *sum);
        return;
    }
    for (i, to) in to.enumerate() {
        *to = sums[i..].iter().step_by(step).sum();
    }
}

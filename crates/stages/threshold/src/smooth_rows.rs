//! The blurred counts of each sample, for the mean over samples.
//!
//! Of a label most samples are wholly predicted or not at all. Those counts are whole numbers,
//! kept from one evaluation to the next: only what a cut has passed since is changed. On top
//! come, afresh each time, the few samples that are partly predicted.
//!
//! A walk down a ranking jumps about among the rows, so it is done block by block of rows, each with
//! its own part of every ranking: what it jumps about in fits into the cache, however many rows there
//! are. Blocks are evaluated side by side and summed in their order. So no result depends on the
//! number of threads or on what was evaluated before.

use crate::depth::{Soft, blur};
use crate::smooth::{Axis, Sloped};
use rayon::prelude::*;

/// Rows of a block.
const ROWS: usize = 4096;
/// The bit of a cell that says whether the label is there.
const TRUTH: u16 = 1 << 15;

/// The samples of a problem; none where the metric is no mean over samples.
pub(crate) struct Rows(Vec<Block>);

/// Some rows.
struct Block {
    /// β² times the labels of each row.
    weights: Vec<f64>,
    /// 1 + β².
    factor: f64,
    parts: Vec<Part>,
    /// Hits and predictions of each row among the samples that are wholly predicted.
    whole: Vec<(u16, u16)>,
    /// Blurred hits and blurred predictions of each row; then what one more of each brings.
    blurred: Vec<(f64, f64)>,
}

/// The block's part of a label's ranking.
struct Part {
    /// The depth of each sample.
    places: Vec<f64>,
    /// Its row in the block and whether it is a hit.
    cells: Vec<u16>,
    /// How many of them are wholly predicted.
    end: usize,
}

impl Rows {
    /// Nothing is predicted; `positives` holds the labels of each row.
    pub(crate) fn new(positives: &[u16], beta: f64, axes: &[Axis<'_>]) -> Self {
        if positives.is_empty() {
            return Self(Vec::new()); // the rankings may have forgotten their rows
        }
        let n_blocks = positives.len().div_ceil(ROWS);
        let parts: Vec<Vec<Part>> = axes.par_iter().map(|axis| parts(axis, n_blocks)).collect();
        let mut parts: Vec<_> = parts.into_iter().map(Vec::into_iter).collect();
        let blocks = positives.chunks(ROWS).map(|positives| Block {
            weights: positives.iter().map(|&there| beta * beta * f64::from(there)).collect(),
            factor: 1.0 + beta * beta,
            parts: parts.iter_mut().filter_map(Iterator::next).collect(),
            whole: vec![(0, 0); positives.len()],
            blurred: vec![(0.0, 0.0); positives.len()],
        });
        Self(blocks.collect())
    }

    /// The sum over rows of the blurred F, and its slope along each axis.
    pub(crate) fn sum(&mut self, axes: &[Axis<'_>], depths: &[f64], width: f64) -> Sloped {
        let evaluate = |block: &mut Block| block.sum(axes, depths, width);
        let sums: Vec<Sloped> = match &mut self.0[..] {
            // Waking a thread would take longer.
            [block] => vec![evaluate(block)],
            blocks => blocks.par_iter_mut().map(evaluate).collect(),
        };
        let mut total = Sloped { value: 0.0, slopes: vec![0.0; axes.len()] };
        for sum in sums {
            total.value += sum.value;
            for (total, slope) in total.slopes.iter_mut().zip(sum.slopes) {
                *total += slope;
            }
        }
        total
    }
}

/// A ranking, dealt out to the blocks of its rows.
fn parts(axis: &Axis<'_>, n_blocks: usize) -> Vec<Part> {
    let places = axis.depth.places();
    let (rows, truth) = (&axis.column.rows()[..places.len()], axis.column.truth());
    let mut lengths = vec![0; n_blocks];
    for &row in rows {
        lengths[row as usize / ROWS] += 1;
    }
    let empty = |length| Part {
        places: Vec::with_capacity(length),
        cells: Vec::with_capacity(length),
        end: 0,
    };
    let mut parts: Vec<Part> = lengths.into_iter().map(empty).collect();
    for ((&place, &row), &truth) in places.iter().zip(rows).zip(truth) {
        let part = &mut parts[row as usize / ROWS];
        let row = u16::try_from(row as usize % ROWS).expect("a row of a block");
        part.places.push(place);
        part.cells.push(row | if truth { TRUTH } else { 0 });
    }
    parts
}

impl Block {
    fn sum(&mut self, axes: &[Axis<'_>], depths: &[f64], width: f64) -> Sloped {
        for ((axis, &x), part) in axes.iter().zip(depths).zip(&mut self.parts) {
            part.predict(x - axis.width(width), &mut self.whole);
        }
        for (row, &(hits, predicted)) in self.blurred.iter_mut().zip(&self.whole) {
            *row = (f64::from(hits), f64::from(predicted));
        }
        for ((axis, &x), part) in axes.iter().zip(depths).zip(&self.parts) {
            part.walk_blurred(axis, (x, width), |row, hit, part| {
                let (hits, predicted) = &mut self.blurred[row];
                *hits += if hit { part.count } else { 0.0 };
                *predicted += part.count;
            });
        }
        let value = self.turn_into_gains();
        let slope = |((axis, &x), part): ((&Axis<'_>, &f64), &Part)| {
            let mut slope = 0.0;
            part.walk_blurred(axis, (x, width), |row, is_hit, part| {
                let (hit, predicted) = self.blurred[row];
                slope += part.slope * (predicted + if is_hit { hit } else { 0.0 });
            });
            slope
        };
        let slopes = axes.iter().zip(depths).zip(&self.parts).map(slope).collect();
        Sloped { value, slopes }
    }

    /// The sum of F over the rows; puts what one more hit and one more prediction bring in the
    /// place of the blurred counts.
    fn turn_into_gains(&mut self) -> f64 {
        let mut sum = 0.0;
        for (row, &weight) in self.blurred.iter_mut().zip(&self.weights) {
            let (hits, predicted) = *row;
            let denominator = weight + predicted;
            // Where nothing is there nor predicted F is 0 and nothing hangs on it yet.
            let inverse = if denominator > 0.0 { 1.0 / denominator } else { 0.0 };
            let each = self.factor * inverse;
            sum += each * hits;
            *row = (each, -each * hits * inverse);
        }
        sum
    }
}

impl Part {
    /// Predicts the samples above depth `x`, no others.
    fn predict(&mut self, x: f64, whole: &mut [(u16, u16)]) {
        let end = self.cut(x);
        let from = std::mem::replace(&mut self.end, end);
        for &cell in &self.cells[from.min(end)..end] {
            let (hits, predicted) = &mut whole[row(cell)];
            (*hits, *predicted) = (*hits + u16::from(is_hit(cell)), *predicted + 1);
        }
        for &cell in &self.cells[end.min(from)..from] {
            let (hits, predicted) = &mut whole[row(cell)];
            (*hits, *predicted) = (*hits - u16::from(is_hit(cell)), *predicted - 1);
        }
    }

    /// How many samples lie above `x`.
    fn cut(&self, x: f64) -> usize {
        self.places.partition_point(|&place| place < x)
    }

    /// Calls `visit` with row, truth and share of every sample that is partly predicted.
    fn walk_blurred(
        &self,
        axis: &Axis<'_>,
        (x, width): (f64, f64),
        mut visit: impl FnMut(usize, bool, Soft),
    ) {
        let width = axis.width(width);
        let partly = self.cut(x - width)..self.cut(x + width);
        for (&place, &cell) in self.places[partly.clone()].iter().zip(&self.cells[partly]) {
            visit(row(cell), is_hit(cell), blur((x - place) / width, width));
        }
    }
}

fn row(cell: u16) -> usize {
    usize::from(cell & !TRUTH)
}

fn is_hit(cell: u16) -> bool {
    cell & TRUTH != 0
}

#[cfg(test)]
mod tests {
    use crate::smooth::Smooth;
    use crate::testing::case;

    #[test]
    fn what_was_evaluated_before_leaves_no_trace() {
        let problem = case("samples-f2", 9000, 6).problem();
        let (used, at) = (Smooth::new(&problem, 0..3), [0.31, 0.42, 0.53]);
        for (depths, width) in
            [([0.9, 0.1, 0.5], 0.25), ([0.2, 0.2, 1.0], 0.01), ([0.0, 1.0, 0.7], 0.0)]
        {
            used.at(&depths, width);
            for width in [0.2, 0.003, 0.0] {
                let (again, fresh) =
                    (used.at(&at, width), Smooth::new(&problem, 0..3).at(&at, width));
                assert_eq!(again.value.to_bits(), fresh.value.to_bits(), "{width}");
                assert_eq!(again.slopes, fresh.slopes, "{width}");
            }
        }
    }
}

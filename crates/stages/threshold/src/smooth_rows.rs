//! The blurred counts of each sample, for the mean over samples.
//!
//! Of a label most samples are wholly predicted or not at all. Those counts are whole numbers,
//! kept from one evaluation to the next: only what a cut has passed since is changed. On top
//! come, afresh each time, the few samples that are partly predicted. The counts of the two halves
//! of the labels are kept apart and summed side by side; rows are summed in blocks of a fixed
//! size. So no result depends on the number of threads or on what was evaluated before.

use crate::smooth::Axis;
use rayon::prelude::*;

/// Rows summed at a time.
const BLOCK: usize = 4096;

/// The samples of a problem; none where the metric is no mean over samples.
pub(crate) struct Rows<'a> {
    positives: &'a [u16],
    /// β².
    square: f64,
    halves: [Half; 2],
}

/// What some labels contribute to each row.
#[derive(Default)]
struct Half {
    /// How many samples of each label are wholly predicted.
    ends: Vec<usize>,
    /// Hits and predictions of each row among them.
    whole: Vec<(u16, u16)>,
    /// Blurred hits and blurred predictions of each row.
    blurred: Vec<(f64, f64)>,
}

impl<'a> Rows<'a> {
    pub(crate) fn new(positives: &'a [u16], beta: f64, n_axes: usize) -> Self {
        let half = |n_axes: usize| Half {
            ends: vec![0; n_axes],
            whole: vec![(0, 0); positives.len()],
            blurred: vec![(0.0, 0.0); positives.len()],
        };
        let halves = [half(n_axes / 2), half(n_axes - n_axes / 2)];
        Self { positives, square: beta * beta, halves }
    }

    /// The sum over rows of the blurred F.
    pub(crate) fn total(&mut self, axes: &[Axis<'_>], depths: &[f64], width: f64) -> f64 {
        let (first, second) = axes.split_at(axes.len() / 2);
        let (first_depths, second_depths) = depths.split_at(first.len());
        let [a, b] = &mut self.halves;
        rayon::join(|| a.sum(first, first_depths, width), || b.sum(second, second_depths, width));
        let square = self.square;
        let blocks = a.blurred.par_chunks_mut(BLOCK).zip(b.blurred.par_chunks(BLOCK));
        let blocks = blocks.zip(self.positives.par_chunks(BLOCK));
        let sums: Vec<f64> = blocks
            .map(|((rows, others), positives)| block(rows, others, positives, square))
            .collect();
        sums.into_iter().sum()
    }

    /// After [`Self::total`]: what one more hit and one more prediction of each row bring.
    pub(crate) fn each(&self) -> &[(f64, f64)] {
        &self.halves[0].blurred
    }
}

/// The sum of F over a block of rows; puts what more hits and predictions bring in their place.
fn block(rows: &mut [(f64, f64)], others: &[(f64, f64)], positives: &[u16], square: f64) -> f64 {
    let mut sum = 0.0;
    for ((row, other), &positives) in rows.iter_mut().zip(others).zip(positives) {
        let (hits, predicted) = (row.0 + other.0, row.1 + other.1);
        let denominator = square * f64::from(positives) + predicted;
        // Where nothing is there nor predicted F is 0 and nothing hangs on it yet.
        let inverse = if denominator > 0.0 { 1.0 / denominator } else { 0.0 };
        let each = (1.0 + square) * inverse;
        sum += each * hits;
        *row = (each, -each * hits * inverse);
    }
    sum
}

impl Half {
    fn sum(&mut self, axes: &[Axis<'_>], depths: &[f64], width: f64) {
        for ((axis, &x), end) in axes.iter().zip(depths).zip(&mut self.ends) {
            let from = std::mem::replace(end, axis.whole(x, width));
            shift(&mut self.whole, axis, from, *end);
        }
        for (row, &(hits, predicted)) in self.blurred.iter_mut().zip(&self.whole) {
            *row = (f64::from(hits), f64::from(predicted));
        }
        for (axis, &x) in axes.iter().zip(depths) {
            axis.walk_blurred(x, width, |row, truth, part| {
                let (hits, predicted) = &mut self.blurred[row];
                *hits += if truth { part.count } else { 0.0 };
                *predicted += part.count;
            });
        }
    }
}

/// Predicts the first `to` samples of a label instead of the first `from`.
fn shift(rows: &mut [(u16, u16)], axis: &Axis<'_>, from: usize, to: usize) {
    let samples = |places: std::ops::Range<usize>| {
        axis.column.rows()[places.clone()].iter().zip(&axis.column.truth()[places])
    };
    for (&row, &truth) in samples(from.min(to)..to) {
        let (hits, predicted) = &mut rows[row as usize];
        (*hits, *predicted) = (*hits + u16::from(truth), *predicted + 1);
    }
    for (&row, &truth) in samples(to.min(from)..from) {
        let (hits, predicted) = &mut rows[row as usize];
        (*hits, *predicted) = (*hits - u16::from(truth), *predicted - 1);
    }
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

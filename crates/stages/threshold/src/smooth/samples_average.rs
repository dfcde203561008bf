//! The smoothed mean of F over samples.
//!
//! Most samples are either predicted in full or not at all by a label. Those counts are integers,
//! kept from one evaluation to the next: only samples between the old cut and the new one are
//! updated. The few samples within the smoothing width are added at each evaluation.
//!
//! A walk down a ranking accesses the samples in random order, so it is done in blocks of samples,
//! each with its own part of every ranking, whose counts fit into the cache. Blocks are evaluated in
//! parallel and summed in their order, so the result does not depend on the number of threads or on
//! earlier evaluations.

use super::rank_coordinate::{RankCoordinate, SmoothCount, smooth_step};
use rayon::prelude::*;

/// Samples of a block.
const BLOCK_SAMPLES: usize = 4096;
/// The bit of a block entry that says whether the sample is a positive.
const POSITIVE: u16 = 1 << 15;

/// A value with its gradient.
#[derive(Clone, Debug, Default)]
pub(crate) struct ValueAndGrad {
    pub(crate) value: f64,
    pub(crate) gradient: Vec<f64>,
}

/// The samples of a problem in blocks; empty unless the metric is a mean over samples.
pub(crate) struct SamplesAverage(Vec<Block>);

struct Block {
    /// β² times the number of positive labels of each sample.
    weighted_positives: Vec<f64>,
    /// 1 + β².
    factor: f64,
    rankings: Vec<BlockRanking>,
    /// Counts of each sample over the labels that predict it in full.
    full: Vec<FullCounts>,
    smooth: Vec<SmoothF>,
}

#[derive(Clone, Copy, Default)]
struct FullCounts {
    hits: u16,
    predicted: u16,
}

/// A sample's smoothed counts and the partial derivatives of its F.
#[derive(Clone, Copy, Default)]
struct SmoothF {
    hits: f64,
    predicted: f64,
    by_hits: f64,
    by_predicted: f64,
}

/// The block's part of a label's ranking.
struct BlockRanking {
    /// The coordinate of each sample.
    positions: Vec<f64>,
    /// The sample's index in the block, and [`POSITIVE`].
    entries: Vec<u16>,
    /// How many of them are predicted in full.
    full_end: usize,
}

impl SamplesAverage {
    /// Nothing is predicted; `positives` is the number of positive labels of each sample.
    pub(crate) fn new(positives: &[u16], beta: f64, coordinates: &[RankCoordinate<'_>]) -> Self {
        let n_blocks = positives.len().div_ceil(BLOCK_SAMPLES);
        let parts: Vec<Vec<BlockRanking>> =
            coordinates.par_iter().map(|label| split_ranking(label, n_blocks)).collect();
        let mut parts: Vec<_> = parts.into_iter().map(Vec::into_iter).collect();
        let blocks = positives.chunks(BLOCK_SAMPLES).map(|positives| Block {
            weighted_positives: positives.iter().map(|&n| beta * beta * f64::from(n)).collect(),
            factor: 1.0 + beta * beta,
            rankings: parts.iter_mut().filter_map(Iterator::next).collect(),
            full: vec![FullCounts::default(); positives.len()],
            smooth: vec![SmoothF::default(); positives.len()],
        });
        Self(blocks.collect())
    }

    /// The sum over samples of the smoothed F at `x`, and its gradient.
    pub(crate) fn sum(
        &mut self,
        coordinates: &[RankCoordinate<'_>],
        x: &[f64],
        width: f64,
    ) -> ValueAndGrad {
        let points: Vec<Point> = coordinates
            .iter()
            .zip(x)
            .map(|(coordinate, &x)| Point { x, width: coordinate.label_width(width) })
            .collect();
        let sums: Vec<ValueAndGrad> = match &mut self.0[..] {
            // For one block the hand-over to another thread takes longer than the work.
            [block] => vec![block.sum(&points)],
            blocks => blocks.par_iter_mut().map(|block| block.sum(&points)).collect(),
        };
        let mut total = ValueAndGrad { value: 0.0, gradient: vec![0.0; coordinates.len()] };
        for sum in sums {
            total.value += sum.value;
            for (total, slope) in total.gradient.iter_mut().zip(sum.gradient) {
                *total += slope;
            }
        }
        total
    }
}

/// A label's coordinate and smoothing width.
struct Point {
    x: f64,
    width: f64,
}

/// Distributes a ranking to the blocks of its samples.
fn split_ranking(coordinate: &RankCoordinate<'_>, n_blocks: usize) -> Vec<BlockRanking> {
    if n_blocks == 0 {
        return Vec::new();
    }
    let positions = coordinate.positions();
    let indices = &coordinate.ranking.indices()[..positions.len()];
    let mut lengths = vec![0; n_blocks];
    for &index in indices {
        lengths[index as usize / BLOCK_SAMPLES] += 1;
    }
    let empty = |length| BlockRanking {
        positions: Vec::with_capacity(length),
        entries: Vec::with_capacity(length),
        full_end: 0,
    };
    let mut parts: Vec<BlockRanking> = lengths.into_iter().map(empty).collect();
    for ((&position, &index), &truth) in
        positions.iter().zip(indices).zip(coordinate.ranking.truth())
    {
        let part = &mut parts[index as usize / BLOCK_SAMPLES];
        let index = u16::try_from(index as usize % BLOCK_SAMPLES).expect("an index in the block");
        part.positions.push(position);
        part.entries.push(index | if truth { POSITIVE } else { 0 });
    }
    parts
}

impl Block {
    fn sum(&mut self, points: &[Point]) -> ValueAndGrad {
        for (point, ranking) in points.iter().zip(&mut self.rankings) {
            ranking.predict_above(point.x - point.width, &mut self.full);
        }
        for (smooth, full) in self.smooth.iter_mut().zip(&self.full) {
            smooth.hits = f64::from(full.hits);
            smooth.predicted = f64::from(full.predicted);
        }
        for (point, ranking) in points.iter().zip(&self.rankings) {
            for partial in ranking.partially_predicted(point) {
                let smooth = &mut self.smooth[partial.index];
                smooth.hits += if partial.is_positive { partial.share.count } else { 0.0 };
                smooth.predicted += partial.share.count;
            }
        }
        let value = self.sum_f();
        let slope = |(point, ranking): (&Point, &BlockRanking)| {
            let mut slope = 0.0;
            for partial in ranking.partially_predicted(point) {
                let SmoothF { by_hits, by_predicted, .. } = self.smooth[partial.index];
                let by_hits = if partial.is_positive { by_hits } else { 0.0 };
                slope += partial.share.slope * (by_predicted + by_hits);
            }
            slope
        };
        ValueAndGrad { value, gradient: points.iter().zip(&self.rankings).map(slope).collect() }
    }

    /// The sum of F over the samples; also computes the partial derivatives of each F.
    fn sum_f(&mut self) -> f64 {
        let mut sum = 0.0;
        for (smooth, &positives) in self.smooth.iter_mut().zip(&self.weighted_positives) {
            let denominator = positives + smooth.predicted;
            // Without positives and predictions F is 0, and so are its derivatives.
            let inverse = if denominator > 0.0 { 1.0 / denominator } else { 0.0 };
            let each = self.factor * inverse;
            sum += each * smooth.hits;
            smooth.by_hits = each;
            smooth.by_predicted = -each * smooth.hits * inverse;
        }
        sum
    }
}

/// A sample within the smoothing width.
struct Partial {
    index: usize,
    is_positive: bool,
    /// The share of it that is predicted.
    share: SmoothCount,
}

impl BlockRanking {
    /// Predicts exactly the samples above `x` in full.
    fn predict_above(&mut self, x: f64, counts: &mut [FullCounts]) {
        let end = self.cut(x);
        let from = std::mem::replace(&mut self.full_end, end);
        for &entry in &self.entries[from.min(end)..end] {
            let counts = &mut counts[usize::from(entry & !POSITIVE)];
            counts.hits += u16::from(entry & POSITIVE != 0);
            counts.predicted += 1;
        }
        for &entry in &self.entries[end.min(from)..from] {
            let counts = &mut counts[usize::from(entry & !POSITIVE)];
            counts.hits -= u16::from(entry & POSITIVE != 0);
            counts.predicted -= 1;
        }
    }

    /// How many samples are above `x`.
    fn cut(&self, x: f64) -> usize {
        self.positions.partition_point(|&position| position < x)
    }

    /// The samples within the smoothing width.
    fn partially_predicted(&self, &Point { x, width }: &Point) -> impl Iterator<Item = Partial> {
        let range = self.cut(x - width)..self.cut(x + width);
        let samples = self.positions[range.clone()].iter().zip(&self.entries[range]);
        samples.map(move |(&position, &entry)| Partial {
            index: usize::from(entry & !POSITIVE),
            is_positive: entry & POSITIVE != 0,
            share: smooth_step((x - position) / width, width),
        })
    }
}

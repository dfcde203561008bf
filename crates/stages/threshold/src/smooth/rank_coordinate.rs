//! A label's ranking as a coordinate in [0, 1]: the variable of the smoothed search.
//!
//! F changes only where the threshold passes a score, and scores are unevenly spaced: as a function
//! of the threshold F is flat over most of [0, 1] and steep over the rest. The rank coordinate x in
//! [0, 1] goes down the ranking instead: each positive takes up 1/2P of it and each negative above
//! the last positive 1/2N, so that hits and misses are both evenly spaced. Below the last positive F
//! cannot rise, so x = 1 is there. The coordinate is a decreasing function of the threshold,
//! one-to-one up to ties.
//!
//! Smoothed with a triangular kernel of half-width w, the number of hits (or misses) above x is
//! Σ s((x - u)/w) over their coordinates u, s a quadratic S-curve. With prefix sums of 1, u
//! and u² that takes three look-ups, whatever w: B(v) = ½ Σ_{u<v} (v-u)² gives
//! (B(x+w) - 2B(x) + B(x-w)) / w², and its slope likewise with one power less. Prefix sums are
//! stored for every 32nd sample and the rest is added up: a quarter of the memory of storing all.

use hpa_metrics::Ranking;

/// Samples between two entries of the prefix sums.
const BLOCK: usize = 32;

/// A smoothed count and its derivative in the coordinate.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct SmoothCount {
    pub(crate) count: f64,
    pub(crate) slope: f64,
}

/// Smoothed hits and misses above a coordinate.
#[derive(Clone, Copy, Debug)]
pub(crate) struct SmoothCounts {
    pub(crate) hits: SmoothCount,
    pub(crate) misses: SmoothCount,
}

/// A label's samples by rank coordinate.
#[derive(Clone, Debug)]
pub(crate) struct RankCoordinate<'a> {
    pub(crate) label: usize,
    pub(crate) ranking: &'a Ranking,
    /// The coordinate of each sample down to the last positive, in the order of the ranking.
    positions: Vec<f64>,
    /// Whether each of them is a positive.
    truth: &'a [bool],
    /// Entry `i`: moments of the misses and of the hits among the first `32 i` samples.
    prefix_moments: Vec<[Moments; 2]>,
}

impl<'a> RankCoordinate<'a> {
    /// The coordinate of a label; `None` when no positive can be predicted.
    pub(crate) fn new(label: usize, ranking: &'a Ranking) -> Option<Self> {
        let predictable = ranking.scores().partition_point(|&score| score > 0.0);
        let last = ranking.truth()[..predictable].iter().rposition(|&truth| truth)?;
        // Including the samples tied with the last positive.
        let end = ranking.scores().partition_point(|&score| score >= ranking.scores()[last]);
        let truth = &ranking.truth()[..end];
        let hits = truth.iter().filter(|&&truth| truth).count();
        let misses = end - hits;
        let share = if misses == 0 { 1.0 } else { 0.5 };
        let weight = |truth: bool| share / if truth { hits as f64 } else { misses as f64 };
        let mut positions = Vec::with_capacity(end);
        let (mut start, mut above) = (0, 0.0);
        while start < end {
            let next = ranking.next_cut(start).expect("scores above 0 go on to the end");
            let mass: f64 = truth[start..next].iter().map(|&truth| weight(truth)).sum();
            positions.resize(next, above + mass / 2.0);
            (start, above) = (next, above + mass);
        }
        let mut prefix_moments = Vec::with_capacity(end / BLOCK + 1);
        let mut moments = [Moments::default(); 2];
        for (positions, truth) in positions.chunks(BLOCK).zip(truth.chunks(BLOCK)) {
            prefix_moments.push(moments);
            add_moments(&mut moments, positions, truth);
        }
        prefix_moments.push(moments);
        Some(Self { label, ranking, positions, truth, prefix_moments })
    }

    /// The smallest useful width: it spans about one positive.
    pub(crate) fn min_width(&self) -> f64 {
        0.25 / self.ranking.positives() as f64
    }

    /// The width for this label when that of all labels is `width`.
    pub(crate) fn label_width(&self, width: f64) -> f64 {
        if width > 0.0 { width.max(self.min_width()) } else { 0.0 }
    }

    /// Hits and misses above `x`, smoothed over [`Self::label_width`]; exact at width 0.
    pub(crate) fn counts(&self, x: f64, width: f64) -> SmoothCounts {
        let width = self.label_width(width);
        let [misses, hits] = if width == 0.0 {
            self.moments_above(x).map(|moments| SmoothCount { count: moments.count, slope: 0.0 })
        } else {
            let [low, middle, high] = [x - width, x, x + width].map(|v| {
                let moments = self.moments_above(v);
                moments.map(|moments| (moments.squares_below(v), moments.distances_below(v)))
            });
            let square = width * width;
            [0, 1].map(|kind| SmoothCount {
                count: (high[kind].0 - 2.0 * middle[kind].0 + low[kind].0) / square,
                slope: (high[kind].1 - 2.0 * middle[kind].1 + low[kind].1) / square,
            })
        };
        SmoothCounts { hits, misses }
    }

    /// The moments of the misses and of the hits above `x`.
    fn moments_above(&self, x: f64) -> [Moments; 2] {
        let count = self.cut(x);
        let block = count / BLOCK;
        let mut moments = self.prefix_moments[block];
        let rest = block * BLOCK..count;
        add_moments(&mut moments, &self.positions[rest.clone()], &self.truth[rest]);
        moments
    }

    /// How many samples are above `x`: always a cut of the ranking.
    pub(crate) fn cut(&self, x: f64) -> usize {
        self.positions.partition_point(|&position| position < x)
    }

    /// The coordinate of a cut, midway between the samples on both sides of it.
    pub(crate) fn at_cut(&self, predicted: usize) -> f64 {
        let position = |rank: usize| *self.positions.get(rank).unwrap_or(&1.0);
        f64::midpoint(predicted.checked_sub(1).map_or(0.0, position), position(predicted))
    }

    /// `x` moved up past the misses below the last hit above it: each of them lowers any F.
    pub(crate) fn move_to_hit(&self, x: f64) -> f64 {
        let Some(hit) = self.truth[..self.cut(x)].iter().rposition(|&truth| truth) else {
            return x;
        };
        let hit = self.positions[hit];
        self.at_cut(self.positions.partition_point(|&position| position <= hit))
    }

    /// The coordinate of each sample down to the last positive, in the order of the ranking.
    pub(crate) fn positions(&self) -> &[f64] {
        &self.positions
    }
}

/// The number of coordinates, their sum and their sum of squares.
#[derive(Clone, Copy, Debug, Default)]
struct Moments {
    count: f64,
    sum: f64,
    squares: f64,
}

impl Moments {
    /// B(v) = ½ Σ (v-u)² over coordinates u that are all below v.
    fn squares_below(self, v: f64) -> f64 {
        0.5 * (self.count * v * v - 2.0 * v * self.sum + self.squares)
    }

    /// Its derivative Σ (v-u).
    fn distances_below(self, v: f64) -> f64 {
        self.count * v - self.sum
    }
}

/// Adds samples to the moments of the misses and of the hits.
fn add_moments(moments: &mut [Moments; 2], positions: &[f64], truth: &[bool]) {
    for (&position, &truth) in positions.iter().zip(truth) {
        let moments = &mut moments[usize::from(truth)];
        moments.count += 1.0;
        moments.sum += position;
        moments.squares += position * position;
    }
}

/// The S-curve at `t`, the integral of the triangular kernel on [-1, 1]; its slope is that of a
/// kernel of half-width `width`.
pub(crate) fn smooth_step(t: f64, width: f64) -> SmoothCount {
    let rest = 1.0 - t.abs();
    if rest <= 0.0 {
        return SmoothCount { count: if t > 0.0 { 1.0 } else { 0.0 }, slope: 0.0 };
    }
    let tail = rest * rest / 2.0;
    SmoothCount { count: if t > 0.0 { 1.0 - tail } else { tail }, slope: rest / width }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{case, cases};
    use proptest::prelude::*;

    #[test]
    fn the_look_up_equals_the_sum_over_samples() {
        let problem = case("macro-f1", 800, 5).problem();
        let coordinate = RankCoordinate::new(1, &problem.rankings()[1]).unwrap();
        for (x, width) in [(0.2, 0.1), (0.5, 0.02), (0.9, 0.3), (0.0, 0.05), (1.0, 0.25)] {
            let SmoothCounts { hits, misses } = coordinate.counts(x, width);
            let mut sum = SmoothCount::default();
            for position in &coordinate.positions {
                let part = smooth_step((x - position) / width, width);
                sum.count += part.count;
                sum.slope += part.slope;
            }
            assert!((hits.count + misses.count - sum.count).abs() < 1e-7, "{x} {width}");
            assert!((hits.slope + misses.slope - sum.slope).abs() < 1e-5, "{x} {width}");
        }
    }

    #[test]
    fn the_slope_is_the_central_difference() {
        let problem = case("macro-f1", 800, 5).problem();
        let coordinate = RankCoordinate::new(0, &problem.rankings()[0]).unwrap();
        for x in [0.1, 0.37, 0.8] {
            let step = 1e-5;
            let hits = |x: f64| coordinate.counts(x, 0.1).hits;
            let difference = (hits(x + step).count - hits(x - step).count) / (2.0 * step);
            let slope = hits(x).slope;
            assert!((slope - difference).abs() < 1e-4 * slope, "{slope} {difference}");
        }
    }

    proptest! {
        #[test]
        fn every_cut_down_to_the_last_positive_has_a_coordinate(case in cases()) {
            for ranking in case.problem().rankings() {
                let Some(coordinate) = RankCoordinate::new(0, ranking) else { continue };
                for cut in ranking.cuts().filter(|cut| cut.predicted < coordinate.positions.len()) {
                    let x = coordinate.at_cut(cut.predicted);
                    prop_assert_eq!(coordinate.cut(x), cut.predicted);
                    let SmoothCounts { hits, misses } = coordinate.counts(x, 0.0);
                    let exact = (cut.counts.true_positives as f64, cut.counts.false_positives as f64);
                    prop_assert_eq!((hits.count, misses.count), exact);
                }
            }
        }
    }
}

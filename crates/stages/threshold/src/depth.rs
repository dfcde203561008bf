//! One label's ranking as a landscape without empty plains: the coordinate of the search.
//!
//! F changes only where the threshold passes a score, and scores crowd: measured in scores,
//! most of [0, 1] is flat and the rest is a cliff. *Depth* x in [0, 1] goes down the
//! ranking instead: each positive takes up 1/2P of it and each negative above the
//! last positive 1/2N, so that hits and misses both fall due at an even pace. Deeper than the
//! last positive no F can rise, so x = 1 is there. A threshold rising through the
//! scores is a depth falling through [0, 1], one to one up to ties.
//!
//! Blurred with a triangle of half-width w, the number of hits (or misses) above x is
//! Σ s((x - u)/w) over their depths u, s a quadratic S-curve. With prefix sums of 1, u
//! and u² that takes three look-ups, whatever w: B(v) = ½ Σ_{u<v} (v-u)² gives
//! (B(x+w) - 2B(x) + B(x-w)) / w², and its slope likewise with one power less. The sums are
//! kept for every 32nd sample and the rest is added up: a quarter of the memory of keeping all.

use hpa_metrics::Ranking;

/// A blurred count and its slope.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Soft {
    pub(crate) count: f64,
    pub(crate) slope: f64,
}

/// How many depths there are, their sum and their sum of squares.
#[derive(Clone, Copy, Debug, Default)]
struct Moments {
    count: f64,
    sum: f64,
    squares: f64,
}

/// Samples between two entries of the prefix sums.
const BLOCK: usize = 32;

/// A label's samples by depth.
#[derive(Clone, Debug)]
pub(crate) struct Depth<'a> {
    /// Depth of each sample down to the last positive, in the order of the ranking.
    places: Vec<f64>,
    /// Whether each of them is a hit.
    truth: &'a [bool],
    /// Entry `i`: the misses and the hits among the first `32 i` samples.
    sums: Vec<[Moments; 2]>,
    positives: f64,
}

impl<'a> Depth<'a> {
    /// The landscape of a label; `None` when no positive can be predicted.
    pub(crate) fn new(column: &'a Ranking) -> Option<Self> {
        let reachable = column.scores().partition_point(|&score| score > 0.0);
        let last = column.truth()[..reachable].iter().rposition(|&truth| truth)?;
        // Ties with the last positive belong to it.
        let end = column.scores().partition_point(|&score| score >= column.scores()[last]);
        let truth = &column.truth()[..end];
        let hits = truth.iter().filter(|&&truth| truth).count();
        let misses = end - hits;
        let share = if misses == 0 { 1.0 } else { 0.5 };
        let weight = |truth: bool| share / if truth { hits as f64 } else { misses as f64 };
        let mut places = Vec::with_capacity(end);
        let (mut start, mut above) = (0, 0.0);
        while start < end {
            let next = column.next_cut(start).expect("scores above 0 go on to the end");
            let mass: f64 = truth[start..next].iter().map(|&truth| weight(truth)).sum();
            places.resize(next, above + mass / 2.0);
            (start, above) = (next, above + mass);
        }
        let mut sums = Vec::with_capacity(end / BLOCK + 1);
        let mut sum = [Moments::default(); 2];
        for (places, truth) in places.chunks(BLOCK).zip(truth.chunks(BLOCK)) {
            sums.push(sum);
            add(&mut sum, places, truth);
        }
        sums.push(sum);
        Some(Self { places, truth, sums, positives: column.positives() as f64 })
    }

    /// Labels that are there, predicted or not.
    pub(crate) fn positives(&self) -> f64 {
        self.positives
    }

    /// The narrowest useful blur: it spans about one positive.
    pub(crate) fn finest(&self) -> f64 {
        0.25 / self.positives
    }

    /// Blurred hits and misses above `x`; exact ones at width 0.
    pub(crate) fn soft(&self, x: f64, width: f64) -> (Soft, Soft) {
        if width == 0.0 {
            let exact = self.above(x).map(|moments| Soft { count: moments.count, slope: 0.0 });
            return (exact[1], exact[0]);
        }
        let square = width * width;
        let [low, middle, high] = [x - width, x, x + width].map(|v| {
            self.above(v).map(|moments| (moments.squares_below(v), moments.distances_below(v)))
        });
        let soft = |kind: usize| Soft {
            count: (high[kind].0 - 2.0 * middle[kind].0 + low[kind].0) / square,
            slope: (high[kind].1 - 2.0 * middle[kind].1 + low[kind].1) / square,
        };
        (soft(1), soft(0))
    }

    /// The misses and the hits above `x`.
    fn above(&self, x: f64) -> [Moments; 2] {
        let count = self.cut(x);
        let block = count / BLOCK;
        let mut sums = self.sums[block];
        let rest = block * BLOCK..count;
        add(&mut sums, &self.places[rest.clone()], &self.truth[rest]);
        sums
    }

    /// How many samples lie above `x`: always a cut of the ranking.
    pub(crate) fn cut(&self, x: f64) -> usize {
        self.places.partition_point(|&place| place < x)
    }

    /// A depth that predicts the first `predicted` samples, midway to the next one.
    pub(crate) fn of_cut(&self, predicted: usize) -> f64 {
        let above =
            predicted.checked_sub(1).map_or(0.0, |last| *self.places.get(last).unwrap_or(&1.0));
        f64::midpoint(above, *self.places.get(predicted).unwrap_or(&1.0))
    }

    /// `x` moved up past the misses below the last hit above it: each of them lowers any F.
    pub(crate) fn at_hit(&self, x: f64) -> f64 {
        let Some(hit) = self.truth[..self.cut(x)].iter().rposition(|&truth| truth) else {
            return x;
        };
        let hit = self.places[hit];
        self.of_cut(self.places.partition_point(|&place| place <= hit))
    }

    /// The depth of each sample down to the last positive, in the order of the ranking.
    pub(crate) fn places(&self) -> &[f64] {
        &self.places
    }
}

/// Adds samples to the sums of the misses and of the hits.
fn add(sums: &mut [Moments; 2], places: &[f64], truth: &[bool]) {
    for (&place, &truth) in places.iter().zip(truth) {
        let moments = &mut sums[usize::from(truth)];
        moments.count += 1.0;
        moments.sum += place;
        moments.squares += place * place;
    }
}

impl Moments {
    /// B(v) = ½ Σ (v-u)² over depths u that are all below v.
    fn squares_below(self, v: f64) -> f64 {
        0.5 * (self.count * v * v - 2.0 * v * self.sum + self.squares)
    }

    /// Its slope Σ (v-u).
    fn distances_below(self, v: f64) -> f64 {
        self.count * v - self.sum
    }
}

/// The S-curve: integral of the triangle on [-1, 1], at `t`; its slope is that of a blur by `width`.
pub(crate) fn blur(t: f64, width: f64) -> Soft {
    let rest = 1.0 - t.abs();
    if rest <= 0.0 {
        return Soft { count: if t > 0.0 { 1.0 } else { 0.0 }, slope: 0.0 };
    }
    let tail = rest * rest / 2.0;
    Soft { count: if t > 0.0 { 1.0 - tail } else { tail }, slope: rest / width }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{case, cases};
    use proptest::prelude::*;

    #[test]
    fn the_look_up_equals_the_sum_over_samples() {
        let problem = case("macro-f1", 800, 5).problem();
        let depth = Depth::new(&problem.columns()[1]).unwrap();
        for (x, width) in [(0.2, 0.1), (0.5, 0.02), (0.9, 0.3), (0.0, 0.05), (1.0, 0.25)] {
            let (hits, misses) = depth.soft(x, width);
            let mut sum = Soft::default();
            for place in 0..depth.places.len() {
                let part = blur((x - depth.places[place]) / width, width);
                sum = Soft { count: sum.count + part.count, slope: sum.slope + part.slope };
            }
            assert!((hits.count + misses.count - sum.count).abs() < 1e-7, "{x} {width}");
            assert!((hits.slope + misses.slope - sum.slope).abs() < 1e-5, "{x} {width}");
        }
    }

    #[test]
    fn the_slope_is_the_central_difference() {
        let problem = case("macro-f1", 800, 5).problem();
        let depth = Depth::new(&problem.columns()[0]).unwrap();
        for x in [0.1, 0.37, 0.8] {
            let step = 1e-5;
            let at = |x: f64| depth.soft(x, 0.1).0.count;
            let difference = (at(x + step) - at(x - step)) / (2.0 * step);
            let slope = depth.soft(x, 0.1).0.slope;
            assert!((slope - difference).abs() < 1e-4 * slope, "{slope} {difference}");
        }
    }

    proptest! {
        #[test]
        fn every_cut_down_to_the_last_positive_has_a_depth(case in cases()) {
            for column in case.problem().columns() {
                let Some(depth) = Depth::new(column) else { continue };
                for cut in column.cuts().filter(|cut| cut.predicted < depth.places.len()) {
                    let x = depth.of_cut(cut.predicted);
                    prop_assert_eq!(depth.cut(x), cut.predicted);
                    let (hits, misses) = depth.soft(x, 0.0);
                    let exact = (cut.counts.true_positives as f64, cut.counts.false_positives as f64);
                    prop_assert_eq!((hits.count, misses.count), exact);
                }
            }
        }
    }
}

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
//! (B(x+w) - 2B(x) + B(x-w)) / w², and its slope likewise with one power less.

use hpa_metrics::Ranking;

/// A blurred count and its slope.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Soft {
    pub(crate) count: f64,
    pub(crate) slope: f64,
}

/// The depths of one kind of sample, with their prefix sums.
#[derive(Clone, Debug, Default)]
struct Steps {
    depths: Vec<f64>,
    /// Sum and sum of squares of the first k depths.
    sums: Vec<(f64, f64)>,
}

/// A label's samples by depth.
#[derive(Clone, Debug)]
pub(crate) struct Depth {
    hits: Steps,
    misses: Steps,
    /// Depth of each sample down to the last positive, in the order of the ranking.
    places: Vec<f64>,
    positives: f64,
}

impl Depth {
    /// The landscape of a label; `None` when no positive can be predicted.
    pub(crate) fn new(column: &Ranking) -> Option<Self> {
        let reachable = column.scores().partition_point(|&score| score > 0.0);
        let last = column.truth()[..reachable].iter().rposition(|&truth| truth)?;
        // Ties with the last positive belong to it.
        let end = column.scores().partition_point(|&score| score >= column.scores()[last]);
        let truth = &column.truth()[..end];
        let hits = truth.iter().filter(|&&truth| truth).count();
        let misses = end - hits;
        let share = if misses == 0 { 1.0 } else { 0.5 };
        let weight = |truth: bool| share / if truth { hits as f64 } else { misses as f64 };
        let mut depth = Self {
            hits: Steps::default(),
            misses: Steps::default(),
            places: Vec::with_capacity(end),
            positives: column.positives() as f64,
        };
        let (mut start, mut above) = (0, 0.0);
        while start < end {
            let next = column.next_cut(start).expect("scores above 0 go on to the end");
            let mass: f64 = truth[start..next].iter().map(|&truth| weight(truth)).sum();
            for &truth in &truth[start..next] {
                let steps = if truth { &mut depth.hits } else { &mut depth.misses };
                steps.push(above + mass / 2.0);
                depth.places.push(above + mass / 2.0);
            }
            (start, above) = (next, above + mass);
        }
        Some(depth)
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
        (self.hits.soft(x, width), self.misses.soft(x, width))
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

    /// The share of the sample at `place` that counts as predicted, and its slope in x.
    pub(crate) fn blur(&self, place: usize, x: f64, width: f64) -> Soft {
        blur((x - self.places[place]) / width, width)
    }
}

/// The S-curve: integral of the triangle on [-1, 1], at `t`.
fn blur(t: f64, width: f64) -> Soft {
    let rest = 1.0 - t.abs();
    if rest <= 0.0 {
        return Soft { count: if t > 0.0 { 1.0 } else { 0.0 }, slope: 0.0 };
    }
    let tail = rest * rest / 2.0;
    Soft { count: if t > 0.0 { 1.0 - tail } else { tail }, slope: rest / width }
}

impl Steps {
    fn push(&mut self, depth: f64) {
        let (sum, squares) = self.sums.last().copied().unwrap_or_default();
        self.depths.push(depth);
        self.sums.push((sum + depth, squares + depth * depth));
    }

    fn soft(&self, x: f64, width: f64) -> Soft {
        if width == 0.0 {
            return Soft { count: self.depths.partition_point(|&u| u < x) as f64, slope: 0.0 };
        }
        let (high, middle, low) = (self.above(x + width), self.above(x), self.above(x - width));
        let square = width * width;
        Soft {
            count: (high.0 - 2.0 * middle.0 + low.0) / square,
            slope: (high.1 - 2.0 * middle.1 + low.1) / square,
        }
    }

    /// B(v) = ½ Σ (v-u)² and its slope Σ (v-u), over the depths u above v.
    fn above(&self, v: f64) -> (f64, f64) {
        let count = self.depths.partition_point(|&u| u < v);
        let Some(&(sum, squares)) = count.checked_sub(1).map(|last| &self.sums[last]) else {
            return (0.0, 0.0);
        };
        let count = count as f64;
        (0.5 * (count * v * v - 2.0 * v * sum + squares), count * v - sum)
    }
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
                let part = depth.blur(place, x, width);
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

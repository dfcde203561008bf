//! The metric, blurred: every label's cut at a depth is smeared over a width, so that there
//! is a slope to follow; that of a rare label never over less than spans one of its positives.
//! At width 0 it is the exact metric.
//!
//! Variables: one depth in [0, 1] a label. Macro and micro averages need three look-ups a
//! label; the samples average walks over the samples that are at least partly predicted.

use crate::Problem;
use crate::depth::{Depth, Soft};
use crate::smooth_rows::Rows;
use hpa_metrics::{Average, Metric, Ranking};
use std::cell::RefCell;

/// A label that can be searched: its number, samples and landscape.
pub(crate) struct Axis<'a> {
    pub(crate) label: usize,
    pub(crate) column: &'a Ranking,
    pub(crate) depth: Depth<'a>,
}

/// The blurred metric of some labels of a problem.
pub(crate) struct Smooth<'a> {
    problem: &'a Problem,
    axes: Vec<Axis<'a>>,
    rows: RefCell<Rows>,
}

/// A value with its slope along each axis.
#[derive(Clone, Debug, Default)]
pub(crate) struct Sloped {
    pub(crate) value: f64,
    pub(crate) slopes: Vec<f64>,
}

impl<'a> Smooth<'a> {
    /// The metric as a function of the cuts of `labels`; those that cannot be predicted
    /// right have no axis.
    pub(crate) fn new(problem: &'a Problem, labels: std::ops::Range<usize>) -> Self {
        let find = |label: usize| {
            let column = &problem.columns()[label];
            Some(Axis { label, column, depth: Depth::new(column)? })
        };
        let axes: Vec<Axis<'_>> = labels.filter_map(find).collect();
        let rows = Rows::new(problem.row_positives(), problem.metric().beta(), &axes);
        Self { problem, axes, rows: RefCell::new(rows) }
    }

    pub(crate) fn axes(&self) -> &[Axis<'a>] {
        &self.axes
    }

    /// The blurred metric at `depths`; a mean over labels is one over the axes only.
    pub(crate) fn at(&self, depths: &[f64], width: f64) -> Sloped {
        let metric = self.problem.metric();
        let soft = || {
            let pairs = self.axes.iter().zip(depths);
            pairs.map(|(axis, &x)| axis.depth.soft(x, axis.width(width)))
        };
        match metric.average {
            Average::Macro => {
                let each = soft().zip(&self.axes).map(|((hits, misses), axis)| {
                    let positives = axis.depth.positives();
                    let parts =
                        Parts::new(metric, hits.count, hits.count + misses.count, positives);
                    (parts.f(), parts.slope(hits, misses))
                });
                let (values, slopes): (Vec<f64>, Vec<f64>) = each.unzip();
                let n = self.axes.len() as f64;
                let slopes = slopes.into_iter().map(|slope| slope / n).collect();
                Sloped { value: values.into_iter().sum::<f64>() / n, slopes }
            }
            Average::Micro => {
                let pairs: Vec<(Soft, Soft)> = soft().collect();
                let hits = pairs.iter().map(|pair| pair.0.count).sum();
                let predicted = pairs.iter().map(|pair| pair.0.count + pair.1.count).sum();
                // Labels without an axis still have positives to miss.
                let positives =
                    self.problem.columns().iter().map(Ranking::positives).sum::<usize>();
                let parts = Parts::new(metric, hits, predicted, positives as f64);
                let slopes = pairs.into_iter().map(|(hits, misses)| parts.slope(hits, misses));
                Sloped { value: parts.f(), slopes: slopes.collect() }
            }
            Average::Samples => self.samples(depths, width),
        }
    }

    fn samples(&self, depths: &[f64], width: f64) -> Sloped {
        let sum = self.rows.borrow_mut().sum(&self.axes, depths, width);
        let n = self.problem.n_samples() as f64;
        let slopes = sum.slopes.into_iter().map(|slope| slope / n).collect();
        Sloped { value: sum.value / n, slopes }
    }
}

impl Axis<'_> {
    /// The blur of this axis when that of the whole is `width`: not narrower than makes sense.
    pub(crate) fn width(&self, width: f64) -> f64 {
        if width > 0.0 { width.max(self.depth.finest()) } else { 0.0 }
    }
}

/// F = (1 + β²)·hits / (β²·positives + predicted), of blurred counts.
struct Parts {
    factor: f64,
    hits: f64,
    denominator: f64,
}

impl Parts {
    fn new(metric: Metric, hits: f64, predicted: f64, positives: f64) -> Self {
        let square = metric.beta() * metric.beta();
        Self { factor: 1.0 + square, hits, denominator: square * positives + predicted }
    }

    fn f(&self) -> f64 {
        if self.denominator > 0.0 { self.factor * self.hits / self.denominator } else { 0.0 }
    }

    fn slope(&self, hits: Soft, misses: Soft) -> f64 {
        if self.denominator <= 0.0 {
            return 0.0;
        }
        let predicted = hits.slope + misses.slope;
        self.factor * (hits.slope - self.hits * predicted / self.denominator) / self.denominator
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tally::Tally;
    use crate::testing::case;

    const METRICS: [&str; 4] = ["macro-f1", "micro-f2", "samples-f1", "samples-f2"];

    #[test]
    fn each_slope_is_the_central_difference() {
        for metric in METRICS {
            let problem = case(metric, 700, 6).problem();
            let smooth = Smooth::new(&problem, 0..3);
            let at = [0.5, 0.4, 0.3];
            let slopes = smooth.at(&at, 0.2).slopes;
            for axis in 0..3 {
                let mut ends = [at, at];
                ends[0][axis] -= 1e-5;
                ends[1][axis] += 1e-5;
                let [low, high] = ends.map(|depths| smooth.at(&depths, 0.2).value);
                let difference = (high - low) / 2e-5;
                assert!(
                    (slopes[axis] - difference).abs() < 1e-6,
                    "{metric}: {slopes:?} {difference}"
                );
            }
        }
    }

    #[test]
    fn at_width_zero_it_is_the_exact_metric() {
        for metric in METRICS {
            let problem = case(metric, 700, 6).problem();
            let smooth = Smooth::new(&problem, 0..3);
            let depths = [0.31, 0.42, 0.53];
            let mut tally = Tally::new(&problem);
            for (axis, &x) in smooth.axes().iter().zip(&depths) {
                tally.move_to(axis.label, axis.depth.cut(x));
            }
            assert!((smooth.at(&depths, 0.0).value - tally.score()).abs() < 1e-12, "{metric}");
        }
    }
}

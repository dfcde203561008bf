//! The metric, smoothed: each label's cut is blurred over a width of its rank coordinate, so that
//! there is a gradient; never over less than one positive of the label. At width 0 it is the exact
//! metric.
//!
//! Variables: one rank coordinate in [0, 1] per label. Macro and micro averages take three look-ups a
//! label; the samples average walks over the samples that are at least partly predicted.

mod rank_coordinate;
mod samples_average;

pub(crate) use rank_coordinate::RankCoordinate;
pub(crate) use samples_average::ValueAndGrad;

use crate::Problem;
use hpa_metrics::{Average, Metric, Ranking};
use rank_coordinate::SmoothCounts;
use samples_average::SamplesAverage;
use std::cell::RefCell;

/// The smoothed metric of some labels of a problem.
pub(crate) struct SmoothMetric<'a> {
    problem: &'a Problem,
    coordinates: Vec<RankCoordinate<'a>>,
    samples: RefCell<SamplesAverage>,
}

impl<'a> SmoothMetric<'a> {
    /// The metric as a function of the cuts of `labels`; those of which no positive can be predicted
    /// have no coordinate.
    pub(crate) fn new(problem: &'a Problem, labels: std::ops::Range<usize>) -> Self {
        let coordinate = |label: usize| RankCoordinate::new(label, &problem.rankings()[label]);
        let coordinates: Vec<RankCoordinate<'_>> = labels.filter_map(coordinate).collect();
        let beta = problem.metric().beta();
        let samples = SamplesAverage::new(problem.sample_positives(), beta, &coordinates);
        Self { problem, coordinates, samples: RefCell::new(samples) }
    }

    pub(crate) fn coordinates(&self) -> &[RankCoordinate<'a>] {
        &self.coordinates
    }

    /// The smoothed metric at `x`; a mean over labels is one over those with a coordinate.
    pub(crate) fn evaluate(&self, x: &[f64], width: f64) -> ValueAndGrad {
        let metric = self.problem.metric();
        let counts = || {
            let pairs = self.coordinates.iter().zip(x);
            pairs.map(|(coordinate, &x)| coordinate.counts(x, width))
        };
        match metric.average {
            Average::Macro => {
                let of_label = |(counts, coordinate): (SmoothCounts, &RankCoordinate<'_>)| {
                    let predicted = counts.hits.count + counts.misses.count;
                    let positives = coordinate.ranking.positives() as f64;
                    let f = SmoothF::new(metric, counts.hits.count, predicted, positives);
                    (f.value(), f.slope(counts))
                };
                let (values, slopes): (Vec<f64>, Vec<f64>) =
                    counts().zip(&self.coordinates).map(of_label).unzip();
                let n = self.coordinates.len() as f64;
                ValueAndGrad {
                    value: values.into_iter().sum::<f64>() / n,
                    gradient: slopes.into_iter().map(|slope| slope / n).collect(),
                }
            }
            Average::Micro => {
                let counts: Vec<SmoothCounts> = counts().collect();
                let hits = counts.iter().map(|counts| counts.hits.count).sum();
                let predicted =
                    counts.iter().map(|counts| counts.hits.count + counts.misses.count).sum();
                // Including the positives of labels without a coordinate.
                let positives =
                    self.problem.rankings().iter().map(Ranking::positives).sum::<usize>();
                let f = SmoothF::new(metric, hits, predicted, positives as f64);
                let gradient = counts.into_iter().map(|counts| f.slope(counts)).collect();
                ValueAndGrad { value: f.value(), gradient }
            }
            Average::Samples => {
                let sum = self.samples.borrow_mut().sum(&self.coordinates, x, width);
                let n = self.problem.n_samples() as f64;
                let gradient = sum.gradient.into_iter().map(|slope| slope / n).collect();
                ValueAndGrad { value: sum.value / n, gradient }
            }
        }
    }
}

/// F = (1 + β²)·hits / (β²·positives + predicted) of smoothed counts.
struct SmoothF {
    factor: f64,
    hits: f64,
    denominator: f64,
}

impl SmoothF {
    fn new(metric: Metric, hits: f64, predicted: f64, positives: f64) -> Self {
        let square = metric.beta() * metric.beta();
        Self { factor: 1.0 + square, hits, denominator: square * positives + predicted }
    }

    fn value(&self) -> f64 {
        if self.denominator > 0.0 { self.factor * self.hits / self.denominator } else { 0.0 }
    }

    /// The derivative of F in the coordinate of a label with these counts.
    fn slope(&self, SmoothCounts { hits, misses }: SmoothCounts) -> f64 {
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
    use crate::score::IncrementalScore;
    use crate::testing::case;

    const METRICS: [&str; 4] = ["macro-f1", "micro-f2", "samples-f1", "samples-f2"];

    #[test]
    fn the_gradient_is_the_central_difference() {
        for metric in METRICS {
            let problem = case(metric, 700, 6).problem();
            let smooth = SmoothMetric::new(&problem, 0..3);
            let x = [0.5, 0.4, 0.3];
            let gradient = smooth.evaluate(&x, 0.2).gradient;
            for label in 0..3 {
                let [low, high] = [-1e-5, 1e-5].map(|step| {
                    let mut moved = x;
                    moved[label] += step;
                    smooth.evaluate(&moved, 0.2).value
                });
                let difference = (high - low) / 2e-5;
                let error = (gradient[label] - difference).abs();
                assert!(error < 1e-6, "{metric}: {gradient:?} {difference}");
            }
        }
    }

    #[test]
    fn at_width_zero_it_is_the_exact_metric() {
        for metric in METRICS {
            let problem = case(metric, 700, 6).problem();
            let smooth = SmoothMetric::new(&problem, 0..3);
            let x = [0.31, 0.42, 0.53];
            let mut score = IncrementalScore::new(&problem);
            for (coordinate, &x) in smooth.coordinates().iter().zip(&x) {
                score.move_to(coordinate.label, coordinate.cut(x));
            }
            let difference = smooth.evaluate(&x, 0.0).value - score.value();
            assert!(difference.abs() < 1e-12, "{metric}");
        }
    }

    #[test]
    fn earlier_evaluations_do_not_change_a_result() {
        let problem = case("samples-f2", 9000, 6).problem();
        let (used, x) = (SmoothMetric::new(&problem, 0..3), [0.31, 0.42, 0.53]);
        for (earlier, width) in
            [([0.9, 0.1, 0.5], 0.25), ([0.2, 0.2, 1.0], 0.01), ([0.0, 1.0, 0.7], 0.0)]
        {
            used.evaluate(&earlier, width);
            for width in [0.2, 0.003, 0.0] {
                let again = used.evaluate(&x, width);
                let fresh = SmoothMetric::new(&problem, 0..3).evaluate(&x, width);
                assert_eq!(again.value.to_bits(), fresh.value.to_bits(), "{width}");
                assert_eq!(again.gradient, fresh.gradient, "{width}");
            }
        }
    }
}

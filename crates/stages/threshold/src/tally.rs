//! The metric, kept up to date while cuts move.
//!
//! Moving one label's cut looks the hits above it up in a table (macro, micro) or touches the
//! samples that it passes (samples), never the others; reading the score costs the number of
//! labels (macro) or nothing (micro, samples). The sum over samples is kept
//! in fixed point, so that going there and back gives the same number to the last bit and
//! equal scores compare equal.

use crate::Problem;
use hpa_metrics::{Average, Counts};

/// One unit of the fixed-point sum is 2^-60: below the rounding of any F in f64.
const UNITS: f64 = (1_u64 << 60) as f64;

/// A state of the search: which samples of each label are predicted.
#[derive(Clone, Debug)]
pub(crate) struct Tally<'a> {
    problem: &'a Problem,
    cuts: Vec<usize>,
    counts: Vec<Counts>,
    label_f: Vec<f64>,
    total: Counts,
    rows: Vec<RowCounts>,
    row_sum: i128,
}

#[derive(Clone, Copy, Debug, Default)]
struct RowCounts {
    hits: u16,
    predicted: u16,
}

impl<'a> Tally<'a> {
    /// Nothing is predicted.
    pub(crate) fn new(problem: &'a Problem) -> Self {
        let counts: Vec<Counts> = problem.columns().iter().map(|column| column.counts(0)).collect();
        Self {
            problem,
            cuts: vec![0; counts.len()],
            label_f: vec![0.0; counts.len()],
            total: counts.iter().copied().sum(),
            counts,
            rows: vec![RowCounts::default(); problem.row_positives().len()],
            row_sum: 0,
        }
    }

    /// What these thresholds predict.
    pub(crate) fn at(problem: &'a Problem, thresholds: &[f64]) -> Self {
        let mut tally = Self::new(problem);
        tally.move_all(thresholds);
        tally
    }

    pub(crate) fn move_all(&mut self, thresholds: &[f64]) {
        for (label, &threshold) in thresholds.iter().enumerate() {
            self.move_to(label, self.problem.columns()[label].predicted(threshold));
        }
    }

    pub(crate) fn cut(&self, label: usize) -> usize {
        self.cuts[label]
    }

    /// Predicts the first `cut` samples of the label, no others.
    pub(crate) fn move_to(&mut self, label: usize, cut: usize) {
        let column = &self.problem.columns()[label];
        let from = std::mem::replace(&mut self.cuts[label], cut);
        let (passed, added) = if cut > from { (from..cut, true) } else { (cut..from, false) };
        let hits = (column.hits(passed.end) - column.hits(passed.start)) as u64;
        let misses = passed.len() as u64 - hits;
        let counts = &mut self.counts[label];
        for counts in [counts, &mut self.total] {
            shift(counts, hits, misses, added);
        }
        match self.problem.metric().average {
            Average::Macro => {
                self.label_f[label] = self.counts[label].f_beta(self.problem.metric().beta());
            }
            Average::Micro => {}
            Average::Samples => {
                for place in passed {
                    self.pass(column.rows()[place] as usize, column.truth()[place], added);
                }
            }
        }
    }

    fn pass(&mut self, row: usize, truth: bool, added: bool) {
        let before = self.row_f(row);
        let counts = &mut self.rows[row];
        let hit = u16::from(truth);
        if added {
            *counts = RowCounts { hits: counts.hits + hit, predicted: counts.predicted + 1 };
        } else {
            *counts = RowCounts { hits: counts.hits - hit, predicted: counts.predicted - 1 };
        }
        self.row_sum += self.row_f(row) - before;
    }

    /// A sample's F in units.
    fn row_f(&self, row: usize) -> i128 {
        let RowCounts { hits, predicted } = self.rows[row];
        if hits == 0 {
            return 0;
        }
        let square = self.problem.metric().beta().powi(2);
        let there = f64::from(self.problem.row_positives()[row]);
        let f = (1.0 + square) * f64::from(hits) / (square * there + f64::from(predicted));
        #[expect(clippy::cast_possible_truncation, reason = "an F of at most 1: below 2^60")]
        let units = (f * UNITS) as i64;
        i128::from(units)
    }

    /// The metric now.
    pub(crate) fn score(&self) -> f64 {
        match self.problem.metric().average {
            Average::Macro => self.label_f.iter().sum::<f64>() / self.label_f.len() as f64,
            Average::Micro => self.total.f_beta(self.problem.metric().beta()),
            Average::Samples if self.problem.n_samples() == 0 => 0.0,
            Average::Samples => self.row_sum as f64 / UNITS / self.problem.n_samples() as f64,
        }
    }

    /// The threshold of each label, between the scores on both sides of its cut.
    pub(crate) fn thresholds(&self) -> Vec<f64> {
        let columns = self.problem.columns().iter();
        columns.zip(&self.cuts).map(|(column, &cut)| column.threshold(cut)).collect()
    }
}

fn shift(counts: &mut Counts, hits: u64, misses: u64, added: bool) {
    if added {
        counts.true_positives += hits;
        counts.false_negatives -= hits;
        counts.false_positives += misses;
    } else {
        counts.true_positives -= hits;
        counts.false_negatives += hits;
        counts.false_positives -= misses;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{case, cases};
    use hpa_metrics::Outcomes;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn the_tally_agrees_with_counting_afresh(
            case in cases(),
            walk in prop::collection::vec((0_usize..3, 0.0..=1.0), 1..12),
        ) {
            let problem = case.problem();
            let mut tally = Tally::new(&problem);
            let mut thresholds = vec![1.0; 3];
            for (label, threshold) in walk {
                thresholds[label] = threshold;
                tally.move_to(label, problem.columns()[label].predicted(threshold));
                let decided: Vec<bool> = case.scores.iter().enumerate()
                    .map(|(place, &score)| f64::from(score) > thresholds[place % 3]).collect();
                let fresh = Outcomes::new(&case.truth, &decided, 3).score(problem.metric());
                prop_assert!((tally.score() - fresh).abs() < 1e-12, "{} {fresh}", tally.score());
            }
            let there = Tally::at(&problem, &thresholds).score();
            prop_assert_eq!(tally.score().to_bits(), there.to_bits());
        }
    }

    #[test]
    fn there_and_back_is_the_same_to_the_last_bit() {
        let problem = case("samples-f2", 500, 7).problem();
        let mut tally = Tally::at(&problem, &[0.3, 0.4, 0.5]);
        let before = tally.score();
        for step in 0..400 {
            tally.move_to(step % 3, (step * 37) % 400);
        }
        tally.move_all(&[0.3, 0.4, 0.5]);
        assert_eq!(tally.score().to_bits(), before.to_bits());
    }
}

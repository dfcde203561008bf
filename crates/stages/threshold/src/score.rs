//! The metric as a function of the cuts, updated incrementally.
//!
//! Moving one label's cut is a look-up of the hits above it (macro, micro) or a walk over the
//! samples between the old cut and the new one (samples); reading the score is a sum over the labels
//! (macro) or free (micro, samples). The sum over samples is in fixed point, so that moving a cut
//! there and back gives the same bits and equal scores compare equal.

use crate::Problem;
use hpa_metrics::{Average, Counts};

/// One unit of the fixed-point sum is 2^-60: below the rounding of any F in f64.
const UNITS: f64 = (1_u64 << 60) as f64;

/// The metric at one cut per label.
#[derive(Clone, Debug)]
pub(crate) struct IncrementalScore<'a> {
    problem: &'a Problem,
    cuts: Vec<usize>,
    counts: Vec<Counts>,
    label_f: Vec<f64>,
    total: Counts,
    samples: Vec<SampleCounts>,
    sample_f_sum: i128,
}

#[derive(Clone, Copy, Debug, Default)]
struct SampleCounts {
    hits: u16,
    predicted: u16,
}

impl<'a> IncrementalScore<'a> {
    /// The score when nothing is predicted.
    pub(crate) fn new(problem: &'a Problem) -> Self {
        let counts: Vec<Counts> =
            problem.rankings().iter().map(|ranking| ranking.counts(0)).collect();
        Self {
            problem,
            cuts: vec![0; counts.len()],
            label_f: vec![0.0; counts.len()],
            total: counts.iter().copied().sum(),
            counts,
            samples: vec![SampleCounts::default(); problem.sample_positives().len()],
            sample_f_sum: 0,
        }
    }

    /// The score at these thresholds.
    pub(crate) fn at(problem: &'a Problem, thresholds: &[f64]) -> Self {
        let mut score = Self::new(problem);
        score.move_all(thresholds);
        score
    }

    /// Moves every label's cut to its threshold.
    pub(crate) fn move_all(&mut self, thresholds: &[f64]) {
        for (label, &threshold) in thresholds.iter().enumerate() {
            self.move_to(label, self.problem.rankings()[label].predicted(threshold));
        }
    }

    /// How many samples of the label are predicted.
    pub(crate) fn cut(&self, label: usize) -> usize {
        self.cuts[label]
    }

    /// Predicts exactly the first `cut` samples of the label.
    pub(crate) fn move_to(&mut self, label: usize, cut: usize) {
        let ranking = &self.problem.rankings()[label];
        let from = std::mem::replace(&mut self.cuts[label], cut);
        let (passed, added) = if cut > from { (from..cut, true) } else { (cut..from, false) };
        let hits = (ranking.hits(passed.end) - ranking.hits(passed.start)) as u64;
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
                for rank in passed {
                    let sample = ranking.indices()[rank] as usize;
                    self.update_sample(sample, ranking.truth()[rank], added);
                }
            }
        }
    }

    fn update_sample(&mut self, sample: usize, truth: bool, added: bool) {
        let before = self.sample_f(sample);
        let counts = &mut self.samples[sample];
        if added {
            counts.hits += u16::from(truth);
            counts.predicted += 1;
        } else {
            counts.hits -= u16::from(truth);
            counts.predicted -= 1;
        }
        self.sample_f_sum += self.sample_f(sample) - before;
    }

    /// A sample's F in units of the fixed-point sum.
    fn sample_f(&self, sample: usize) -> i128 {
        let SampleCounts { hits, predicted } = self.samples[sample];
        if hits == 0 {
            return 0;
        }
        let square = self.problem.metric().beta().powi(2);
        let positives = f64::from(self.problem.sample_positives()[sample]);
        let f = (1.0 + square) * f64::from(hits) / (square * positives + f64::from(predicted));
        #[expect(clippy::cast_possible_truncation, reason = "an F of at most 1: below 2^60")]
        let units = (f * UNITS) as i64;
        i128::from(units)
    }

    /// The metric at the current cuts.
    pub(crate) fn value(&self) -> f64 {
        match self.problem.metric().average {
            Average::Macro => self.label_f.iter().sum::<f64>() / self.label_f.len() as f64,
            Average::Micro => self.total.f_beta(self.problem.metric().beta()),
            Average::Samples if self.problem.n_samples() == 0 => 0.0,
            Average::Samples => self.sample_f_sum as f64 / UNITS / self.problem.n_samples() as f64,
        }
    }

    /// The threshold of each label's cut.
    pub(crate) fn thresholds(&self) -> Vec<f64> {
        let columns = self.problem.rankings().iter();
        columns.zip(&self.cuts).map(|(ranking, &cut)| ranking.threshold(cut)).collect()
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
    use hpa_metrics::Confusion;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn the_score_equals_one_counted_from_scratch(
            case in cases(),
            walk in prop::collection::vec((0_usize..3, 0.0..=1.0), 1..12),
        ) {
            let problem = case.problem();
            let mut score = IncrementalScore::new(&problem);
            let mut thresholds = vec![1.0; 3];
            for (label, threshold) in walk {
                thresholds[label] = threshold;
                score.move_to(label, problem.rankings()[label].predicted(threshold));
                let predicted: Vec<bool> = case.scores.iter().enumerate()
                    .map(|(index, &score)| f64::from(score) > thresholds[index % 3]).collect();
                let fresh = Confusion::new(&case.truth, &predicted, 3).score(problem.metric());
                prop_assert!((score.value() - fresh).abs() < 1e-12, "{} {fresh}", score.value());
            }
            let direct = IncrementalScore::at(&problem, &thresholds).value();
            prop_assert_eq!(score.value().to_bits(), direct.to_bits());
        }
    }

    #[test]
    fn moving_there_and_back_gives_the_same_bits() {
        let problem = case("samples-f2", 500, 7).problem();
        let mut score = IncrementalScore::at(&problem, &[0.3, 0.4, 0.5]);
        let before = score.value();
        for step in 0..400 {
            score.move_to(step % 3, (step * 37) % 400);
        }
        score.move_all(&[0.3, 0.4, 0.5]);
        assert_eq!(score.value().to_bits(), before.to_bits());
    }
}

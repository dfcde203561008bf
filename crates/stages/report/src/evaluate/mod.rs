//! Macro F1 of every model and threshold method, with 95 % intervals.
//!
//! All systems (a model with one threshold set) of a split are scored on the same resamples of
//! its groups, so the difference of two has a paired interval. A label with no positives and no
//! predictions scores 0 and stays in the mean.
//!
//! The table has three kinds of rows: split `oof`, metric `macro-f1` (every sample with
//! thresholds fitted without its fold); split `oof`, metric `macro-f1-fitted` (thresholds fitted
//! on the same samples: optimistic); split `test`, metric `macro-f1`.

pub(crate) mod gallery;
pub(crate) mod labels;

use crate::data::{RunData, Split, ThresholdSet};
use hpa_artifacts::{ScoreRow, Scores, above_thresholds};
use hpa_core::Seed;
use hpa_metrics::{Bootstrap, Confusion, Metric};
use rayon::prelude::*;

/// The method that the others are compared with.
const BASELINE: &str = "fixed:0.5";

/// A value with its 95 % interval.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Score {
    /// The value on the samples as they are.
    pub value: f64,
    /// 2.5 % of the resamples are lower.
    pub low: f64,
    /// 2.5 % of the resamples are higher.
    pub high: f64,
}

/// The scores of one model with one threshold set.
#[derive(Clone, Debug, PartialEq)]
pub struct Evaluation {
    /// Index in [`RunData::models`].
    pub model: usize,
    /// Index in the model's threshold sets.
    pub threshold_set: usize,
    /// Out of fold, with thresholds fitted without the sample's fold.
    pub held_out: Option<Score>,
    /// Out of fold, with thresholds fitted on the same samples.
    pub fitted: Option<Score>,
    /// On the test split.
    pub test: Option<Score>,
    /// Difference to the same model's held-out score at 0.5.
    pub held_out_gain: Option<Score>,
    /// Difference to the same model's test score at 0.5.
    pub test_gain: Option<Score>,
}

impl Evaluation {
    /// The method of its thresholds.
    pub(crate) fn method<'a>(&self, run: &'a RunData) -> &'a str {
        &run.models[self.model].threshold_sets[self.threshold_set].method
    }
}

/// Parameters of the bootstrap.
#[derive(Clone, Copy, Debug)]
pub struct Resampling {
    /// How many resamples.
    pub replicates: u32,
    /// Their seed.
    pub seed: Seed,
}

/// A score and its difference to the baseline's.
#[derive(Clone, Copy, Default)]
struct ScoreAndGain {
    score: Option<Score>,
    gain: Option<Score>,
}

/// Scores every model with every threshold set.
#[must_use]
pub fn evaluate(run: &RunData, resampling: Resampling) -> Vec<Evaluation> {
    let n_labels = run.names.count();
    let mut systems: Vec<(usize, usize)> = Vec::new(); // indices of model and threshold set
    for (model, result) in run.models.iter().enumerate() {
        systems.extend((0..result.threshold_sets.len()).map(|set| (model, set)));
    }
    // The same model's system at 0.5, unless it is that system itself.
    let baseline = |system: &(usize, usize)| {
        let is_baseline = |&(model, set): &(usize, usize)| {
            model == system.0 && run.models[model].threshold_sets[set].method == BASELINE
        };
        systems.iter().position(is_baseline).filter(|&index| systems[index] != *system)
    };
    let baselines: Vec<Option<usize>> = systems.iter().map(baseline).collect();
    let score = |split: &Split, predict: &(dyn Fn(usize, usize) -> Option<Vec<bool>> + Sync)| {
        let confusion: Vec<Option<Confusion>> = systems
            .par_iter()
            .map(|&(model, set)| {
                Some(Confusion::new(&split.truth, &predict(model, set)?, n_labels))
            })
            .collect();
        let bootstrap = Bootstrap::new(&split.groups, resampling.replicates, resampling.seed);
        score_all(&confusion, &baselines, &bootstrap)
    };
    let held_out = score(&run.oof, &|model, set| held_out_predictions(run, model, set));
    let fitted = score(&run.oof, &|model, set| {
        let model = &run.models[model];
        Some(fitted_predictions(model.oof.as_ref()?, &model.threshold_sets[set]))
    });
    let test = run.test.as_ref().map(|split| {
        score(split, &|model, set| {
            let model = &run.models[model];
            Some(fitted_predictions(model.test.as_ref()?, &model.threshold_sets[set]))
        })
    });
    let test = test.unwrap_or_else(|| vec![ScoreAndGain::default(); systems.len()]);
    (0..systems.len())
        .map(|index| Evaluation {
            model: systems[index].0,
            threshold_set: systems[index].1,
            held_out: held_out[index].score,
            fitted: fitted[index].score,
            test: test[index].score,
            held_out_gain: held_out[index].gain,
            test_gain: test[index].gain,
        })
        .collect()
}

/// The evaluation with the highest held-out score, or test score if nothing is out of fold; the
/// first of equal ones.
#[must_use]
pub fn best(evaluations: &[Evaluation]) -> Option<&Evaluation> {
    let highest = |score: fn(&Evaluation) -> Option<Score>| {
        let scored = evaluations.iter().filter_map(|it| Some((it, score(it)?.value)));
        scored.reduce(|best, next| if next.1 > best.1 { next } else { best }).map(|(it, _)| it)
    };
    highest(|evaluation| evaluation.held_out)
        .or_else(|| highest(|evaluation| evaluation.test))
        .or_else(|| highest(|evaluation| evaluation.fitted))
}

/// The rows of `scores.parquet`.
#[must_use]
pub fn score_table(run: &RunData, evaluations: &[Evaluation]) -> Scores {
    let mut rows = Vec::new();
    for evaluation in evaluations {
        let kinds = [
            ("oof", "macro-f1", evaluation.held_out),
            ("oof", "macro-f1-fitted", evaluation.fitted),
            ("test", "macro-f1", evaluation.test),
        ];
        for (split, metric, score) in kinds {
            if let Some(Score { value, low, high }) = score {
                rows.push(ScoreRow {
                    name: run.models[evaluation.model].name.clone(),
                    split: split.to_owned(),
                    method: evaluation.method(run).to_owned(),
                    metric: metric.to_owned(),
                    value,
                    low,
                    high,
                });
            }
        }
    }
    Scores { rows }
}

/// Out-of-fold predictions, each with the thresholds fitted without the sample's fold.
pub(crate) fn held_out_predictions(run: &RunData, model: usize, set: usize) -> Option<Vec<bool>> {
    let model = &run.models[model];
    let by_fold = model.threshold_sets[set].thresholds.by_fold(usize::from(run.fold_count)).ok()?;
    let of_sample = |sample: usize| by_fold[run.oof.folds[sample].index()].as_slice();
    Some(above_thresholds(model.oof.as_ref()?, run.names.count(), of_sample))
}

/// Predictions with the thresholds fitted on all samples.
pub(crate) fn fitted_predictions(scores: &[f32], set: &ThresholdSet) -> Vec<bool> {
    let thresholds = set.thresholds.fitted();
    above_thresholds(scores, thresholds.len(), |_| &thresholds)
}

/// The score of each system and its gain over its baseline.
fn score_all(
    systems: &[Option<Confusion>],
    baselines: &[Option<usize>],
    bootstrap: &Bootstrap,
) -> Vec<ScoreAndGain> {
    let statistic = |weights: Option<&[u32]>| -> Vec<f64> {
        let score = |confusion: &Option<Confusion>| match (confusion, weights) {
            (None, _) => 0.0,
            (Some(confusion), None) => confusion.score(Metric::MACRO_F1),
            (Some(confusion), Some(weights)) => confusion.weighted_score(Metric::MACRO_F1, weights),
        };
        let values: Vec<f64> = systems.par_iter().map(score).collect();
        let gain = |(value, base): (&f64, &Option<usize>)| base.map_or(0.0, |b| value - values[b]);
        let gains: Vec<f64> = values.iter().zip(baselines).map(gain).collect();
        [values, gains].concat()
    };
    let values = statistic(None);
    let intervals = bootstrap.intervals(|weights| statistic(Some(weights)));
    let score = |index: usize| Score {
        value: values[index],
        low: intervals[index].low,
        high: intervals[index].high,
    };
    let count = systems.len();
    let is_scored = |index: usize| systems[index].is_some();
    (0..count)
        .map(|index| {
            let base = baselines[index].filter(|&base| is_scored(index) && is_scored(base));
            ScoreAndGain {
                score: is_scored(index).then(|| score(index)),
                gain: base.map(|_| score(count + index)),
            }
        })
        .collect()
}

//! Who scored what: macro F1 of every entrant by every method, with 95 % intervals.
//!
//! All systems of a part are scored on the same resamples of its groups, so the difference
//! of two has a paired interval. A label with no positives and no predictions scores 0 and
//! stays in the mean.
//!
//! The table has three kinds of rows: split `oof`, metric `macro-f1` (every sample decided
//! by thresholds fitted without its fold); split `oof`, metric `macro-f1-fitted` (decided by
//! thresholds fitted on the same samples: optimistic); split `test`, metric `macro-f1`.

use crate::align::Part;
use crate::run::{Chosen, Run};
use hpa_artifacts::{ScoreRow, Scores};
use hpa_core::{Probability, Seed};
use hpa_metrics::{Bootstrap, Metric, Outcomes};
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

/// What one entrant scores by one method.
#[derive(Clone, Debug, PartialEq)]
pub struct Verdict {
    /// Its place in [`Run::entrants`].
    pub entrant: usize,
    /// The method's place among the entrant's.
    pub chosen: usize,
    /// Out of fold, by thresholds fitted without the sample's fold.
    pub held_out: Option<Score>,
    /// Out of fold, by thresholds fitted on the same samples.
    pub fitted: Option<Score>,
    /// On the test part.
    pub test: Option<Score>,
    /// How much more than the same entrant's held-out score at 0.5.
    pub held_out_gain: Option<Score>,
    /// How much more than the same entrant's test score at 0.5.
    pub test_gain: Option<Score>,
}

/// How intervals are drawn.
#[derive(Clone, Copy, Debug)]
pub struct Resampling {
    /// How many resamples.
    pub replicates: u32,
    /// Their seed.
    pub seed: Seed,
}

/// Scores every entrant by every method.
#[must_use]
pub fn judge(run: &Run, resampling: Resampling) -> Vec<Verdict> {
    let systems: Vec<(usize, usize)> = (0..)
        .zip(&run.entrants)
        .flat_map(|(entrant, it)| (0..it.chosen.len()).map(move |chosen| (entrant, chosen)))
        .collect();
    let outcomes = |decide: fn(&Run, (usize, usize)) -> Option<Outcomes>| -> Vec<_> {
        systems.par_iter().map(|&system| decide(run, system)).collect()
    };
    let baselines: Vec<Option<usize>> =
        systems.iter().map(|&system| baseline(run, &systems, system)).collect();
    let score = |part: &Part, decided: Vec<Option<Outcomes>>| {
        let bootstrap = Bootstrap::new(&part.groups, resampling.replicates, resampling.seed);
        score_all(&decided, &baselines, &bootstrap)
    };
    let held_out = score(&run.oof, outcomes(held_out));
    let fitted = score(&run.oof, outcomes(fitted));
    let test = run.test.as_ref().map(|part| score(part, outcomes(test)));
    (0..)
        .zip(&systems)
        .map(|(place, &(entrant, chosen)): (usize, _)| Verdict {
            entrant,
            chosen,
            held_out: held_out[place].0,
            fitted: fitted[place].0,
            test: test.as_ref().and_then(|scores| scores[place].0),
            held_out_gain: held_out[place].1,
            test_gain: test.as_ref().and_then(|scores| scores[place].1),
        })
        .collect()
}

/// The verdict with the highest held-out score; the highest test score where nothing is out
/// of fold; the first among equals.
#[must_use]
pub fn best(verdicts: &[Verdict]) -> Option<&Verdict> {
    let highest = |score: fn(&Verdict) -> Option<Score>| {
        let scored = verdicts.iter().filter_map(|v| Some((v, score(v)?.value)));
        scored.reduce(|best, next| if next.1 > best.1 { next } else { best }).map(|(v, _)| v)
    };
    highest(|v| v.held_out).or_else(|| highest(|v| v.test)).or_else(|| highest(|v| v.fitted))
}

/// The table that is written beside the page.
#[must_use]
pub fn score_table(run: &Run, verdicts: &[Verdict]) -> Scores {
    let mut rows = Vec::new();
    for verdict in verdicts {
        let entrant = &run.entrants[verdict.entrant];
        let kinds = [
            ("oof", "macro-f1", verdict.held_out),
            ("oof", "macro-f1-fitted", verdict.fitted),
            ("test", "macro-f1", verdict.test),
        ];
        for (split, metric, score) in kinds {
            if let Some(Score { value, low, high }) = score {
                rows.push(ScoreRow {
                    name: entrant.name.clone(),
                    split: split.to_owned(),
                    method: entrant.chosen[verdict.chosen].method.clone(),
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

/// Decisions out of fold, each by the thresholds fitted without the sample's fold.
#[must_use]
pub(crate) fn held_out_decisions(run: &Run, entrant: usize, chosen: usize) -> Option<Vec<bool>> {
    let entrant = &run.entrants[entrant];
    let (scores, rows) = (entrant.oof.as_ref()?, &entrant.chosen[chosen].thresholds.rows);
    let thresholds: Vec<&Vec<_>> =
        rows.iter().map(|row| row.fold_threshold.as_ref()).collect::<Option<_>>()?;
    let decide = |(scores, fold): (&[f32], &hpa_core::Fold)| -> Vec<bool> {
        let pairs = scores.iter().zip(&thresholds);
        pairs.map(|(&score, label)| label[fold.index()].accepts(probability(score))).collect()
    };
    Some(scores.chunks_exact(rows.len()).zip(&run.oof.folds).flat_map(decide).collect())
}

/// Decisions by the thresholds fitted on everything.
#[must_use]
pub(crate) fn decisions(scores: &[f32], chosen: &Chosen) -> Vec<bool> {
    let rows = &chosen.thresholds.rows;
    let thresholds = rows.iter().map(|row| row.threshold).cycle();
    let pairs = scores.iter().zip(thresholds);
    pairs.map(|(&score, threshold)| threshold.accepts(probability(score))).collect()
}

fn probability(score: f32) -> Probability {
    Probability::try_from(score).expect("checked while the file was read")
}

fn held_out(run: &Run, (entrant, chosen): (usize, usize)) -> Option<Outcomes> {
    let decided = held_out_decisions(run, entrant, chosen)?;
    Some(Outcomes::new(&run.oof.truth, &decided, run.names.count()))
}

fn fitted(run: &Run, (entrant, chosen): (usize, usize)) -> Option<Outcomes> {
    let entrant = &run.entrants[entrant];
    let decided = decisions(entrant.oof.as_ref()?, &entrant.chosen[chosen]);
    Some(Outcomes::new(&run.oof.truth, &decided, run.names.count()))
}

fn test(run: &Run, (entrant, chosen): (usize, usize)) -> Option<Outcomes> {
    let entrant = &run.entrants[entrant];
    let decided = decisions(entrant.test.as_ref()?, &entrant.chosen[chosen]);
    Some(Outcomes::new(&run.test.as_ref()?.truth, &decided, run.names.count()))
}

/// The same entrant's system at 0.5, unless this is it.
fn baseline(run: &Run, systems: &[(usize, usize)], system: (usize, usize)) -> Option<usize> {
    let is_baseline = |&(entrant, chosen): &(usize, usize)| {
        entrant == system.0 && run.entrants[entrant].chosen[chosen].method == BASELINE
    };
    systems.iter().position(is_baseline).filter(|&place| systems[place] != system)
}

/// The score of each system and its gain over its baseline.
fn score_all(
    systems: &[Option<Outcomes>],
    baselines: &[Option<usize>],
    bootstrap: &Bootstrap,
) -> Vec<(Option<Score>, Option<Score>)> {
    let statistic = |weights: Option<&[u32]>| -> Vec<f64> {
        let score = |outcomes: &Option<Outcomes>| match (outcomes, weights) {
            (None, _) => 0.0,
            (Some(outcomes), None) => outcomes.score(Metric::MACRO_F1),
            (Some(outcomes), Some(weights)) => outcomes.weighted_score(Metric::MACRO_F1, weights),
        };
        let values: Vec<f64> = systems.par_iter().map(score).collect();
        let gain = |(value, base): (&f64, &Option<usize>)| base.map_or(0.0, |b| value - values[b]);
        let gains: Vec<f64> = values.iter().zip(baselines).map(gain).collect();
        [values, gains].concat()
    };
    let values = statistic(None);
    let intervals = bootstrap.intervals(|weights| statistic(Some(weights)));
    let score = |place: usize| Score {
        value: values[place],
        low: intervals[place].low,
        high: intervals[place].high,
    };
    let count = systems.len();
    let there = |place: usize| systems[place].is_some();
    (0..count)
        .map(|place| {
            let base = baselines[place].filter(|&base| there(place) && there(base));
            (there(place).then(|| score(place)), base.map(|_| score(count + place)))
        })
        .collect()
}

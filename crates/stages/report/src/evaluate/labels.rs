//! Per-label results: F1 against the threshold, AUC, and F1 at the fitted thresholds.

use super::{Evaluation, fitted_predictions, held_out_predictions};
use crate::data::{ModelResult, RunData, Split};
use hpa_artifacts::ThresholdRow;
use hpa_metrics::{Confusion, Counts, Ranking};

/// Steps of the threshold from 0 to 1 at which a curve is drawn.
const STEPS: u32 = 200;

/// F1 of one label over its threshold.
#[derive(Clone, Debug)]
pub(crate) struct Curve {
    /// Samples with the label.
    pub support: usize,
    /// Area under the ROC curve, if there are positives and negatives.
    pub auc: Option<f64>,
    /// Threshold and F1; points inside horizontal runs are left out.
    pub points: Vec<(f64, f64)>,
    /// Threshold and its F1 on the same samples, of each method.
    pub markers: Vec<(f64, f64)>,
}

/// One row of the table of labels.
#[derive(Clone, Debug)]
pub(crate) struct LabelRow {
    /// Out-of-fold samples with the label.
    pub support: usize,
    /// The threshold fitted on all out-of-fold samples.
    pub threshold: f64,
    /// Lowest and highest threshold fitted without a fold.
    pub fold_thresholds: Option<(f64, f64)>,
    /// F1 at `threshold` on the samples it was fitted on.
    pub fitted: Option<f64>,
    /// F1 with thresholds fitted without the sample's fold.
    pub held_out: Option<f64>,
    /// Out-of-fold area under the ROC curve.
    pub auc: Option<f64>,
    /// Results on the test split, if it is labelled.
    pub test: Option<TestLabel>,
}

/// Results of one label on the test split.
#[derive(Clone, Copy, Debug)]
pub(crate) struct TestLabel {
    /// Test samples with the label.
    pub support: usize,
    /// F1 at `threshold`.
    pub f1: f64,
    /// Area under the ROC curve.
    pub auc: Option<f64>,
}

/// The samples of a model's curves: out of fold, or test if there are no others.
#[must_use]
pub(crate) fn curve_split<'a>(
    run: &'a RunData,
    model: &'a ModelResult,
) -> Option<(&'a Split, &'a [f32])> {
    let test = || Some((run.test.as_ref()?, model.test.as_deref()?));
    model.oof.as_deref().map(|scores| (&run.oof, scores)).or_else(test)
}

/// The curve of every label; none if the model has no scored predictions.
#[must_use]
pub(crate) fn curves(run: &RunData, model: &ModelResult) -> Vec<Curve> {
    let Some((split, scores)) = curve_split(run, model) else { return Vec::new() };
    let rankings = rankings(split, scores, run.names.count());
    let curve = |label: usize| {
        let ranking: &Ranking = &rankings[label];
        let f1 = f1_by_count(ranking);
        let at = |threshold: f64| (threshold, f1[ranking.predicted(threshold)]);
        let thresholds =
            model.threshold_sets.iter().map(|set| set.thresholds.rows[label].threshold.get());
        let grid = (0..=STEPS).map(|step| at(f64::from(step) / f64::from(STEPS)));
        Curve {
            support: ranking.positives(),
            auc: ranking.roc_auc(),
            points: without_flat_runs(grid.collect()),
            markers: thresholds.map(at).collect(),
        }
    };
    (0..rankings.len()).map(curve).collect()
}

/// The table of labels of one model and method.
#[must_use]
pub(crate) fn label_rows(run: &RunData, evaluation: &Evaluation) -> Vec<LabelRow> {
    let n_labels = run.names.count();
    let model = &run.models[evaluation.model];
    let set = &model.threshold_sets[evaluation.threshold_set];
    let aucs = |split: &Split, scores: &[f32]| -> Vec<Option<f64>> {
        rankings(split, scores, n_labels).iter().map(Ranking::roc_auc).collect()
    };
    let held_out = held_out_predictions(run, evaluation.model, evaluation.threshold_set)
        .map(|predicted| label_counts(&run.oof, &predicted, n_labels));
    let oof = model.oof.as_ref().map(|scores| {
        (label_counts(&run.oof, &fitted_predictions(scores, set), n_labels), aucs(&run.oof, scores))
    });
    let test = run.test.as_ref().zip(model.test.as_ref()).map(|(split, scores)| {
        (label_counts(split, &fitted_predictions(scores, set), n_labels), aucs(split, scores))
    });
    let support = run.oof.label_counts(n_labels);
    let f1 = |counts: &Vec<Counts>, label: usize| counts[label].f1();
    let row = |(label, row): (usize, &ThresholdRow)| LabelRow {
        support: support[label],
        threshold: row.threshold.get(),
        fold_thresholds: row.fold_threshold.as_ref().map(|folds| {
            let folds = || folds.iter().map(|threshold| threshold.get());
            (folds().fold(1.0, f64::min), folds().fold(0.0, f64::max))
        }),
        fitted: oof.as_ref().map(|(counts, _)| f1(counts, label)),
        held_out: held_out.as_ref().map(|counts| f1(counts, label)),
        auc: oof.as_ref().and_then(|(_, aucs)| aucs[label]),
        test: test.as_ref().map(|(counts, aucs)| {
            let support = usize::try_from(counts[label].positives()).unwrap_or(usize::MAX);
            TestLabel { support, f1: f1(counts, label), auc: aucs[label] }
        }),
    };
    set.thresholds.rows.iter().enumerate().map(row).collect()
}

fn label_counts(split: &Split, predicted: &[bool], n_labels: usize) -> Vec<Counts> {
    Confusion::new(&split.truth, predicted, n_labels).label_counts()
}

fn rankings(split: &Split, scores: &[f32], n_labels: usize) -> Vec<Ranking> {
    let ranking = |label: usize| {
        let column: Vec<f32> = scores.iter().skip(label).step_by(n_labels).copied().collect();
        let truth: Vec<bool> = split.truth.iter().skip(label).step_by(n_labels).copied().collect();
        Ranking::new(&column, &truth).expect("probabilities were checked while they were read")
    };
    (0..n_labels).map(ranking).collect()
}

/// F1 when the first 0, 1, 2, … samples are predicted positive.
fn f1_by_count(ranking: &Ranking) -> Vec<f64> {
    let positives = ranking.positives() as u64;
    let mut counts = Counts { false_negatives: positives, ..Counts::default() };
    let mut f1 = vec![counts.f1()];
    for &positive in ranking.truth() {
        counts.true_positives += u64::from(positive);
        counts.false_negatives -= u64::from(positive);
        counts.false_positives += u64::from(!positive);
        f1.push(counts.f1());
    }
    f1
}

fn without_flat_runs(points: Vec<(f64, f64)>) -> Vec<(f64, f64)> {
    let same = |a: f64, b: f64| (a - b).abs() < 5e-4;
    let mut kept: Vec<(f64, f64)> = Vec::new();
    for point in points {
        match kept.as_mut_slice() {
            [.., before, last] if same(before.1, last.1) && same(last.1, point.1) => *last = point,
            _ => kept.push(point),
        }
    }
    kept
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn f1_by_count_agrees_with_the_counts() {
        let ranking = Ranking::new(&[0.9, 0.1, 0.6, 0.4], &[true, true, false, true]).unwrap();
        for (predicted, f1) in f1_by_count(&ranking).into_iter().enumerate() {
            assert!((f1 - ranking.counts(predicted).f1()).abs() < 1e-15);
        }
    }

    #[test]
    fn the_ends_of_flat_runs_are_kept() {
        let flat: Vec<(f64, f64)> = (0..9).map(|x| (f64::from(x), f64::from(x / 3))).collect();
        let kept = without_flat_runs(flat);
        let xs: Vec<f64> = kept.iter().map(|point| point.0).collect();
        assert_eq!(format!("{xs:?}"), "[0.0, 2.0, 3.0, 5.0, 6.0, 8.0]");
    }
}

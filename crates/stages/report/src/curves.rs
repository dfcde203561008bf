//! One label at a time: F1 over the threshold, and how the chosen thresholds do.

use crate::align::Part;
use crate::run::{Entrant, Run};
use crate::verdict::{Verdict, decisions, held_out_decisions};
use hpa_metrics::{Counts, Outcomes, Ranking};

/// Steps of the threshold from 0 to 1 at which a curve is drawn.
const STEPS: u32 = 200;

/// F1 of one label over its threshold.
#[derive(Clone, Debug)]
pub(crate) struct Curve {
    /// Samples that carry the label.
    pub support: usize,
    /// Area under the ROC curve, where both kinds of samples are there.
    pub auc: Option<f64>,
    /// Threshold and F1; points inside a straight run are left out.
    pub points: Vec<(f64, f64)>,
    /// Of each method: threshold and the F1 it gives on the same samples.
    pub marks: Vec<(f64, f64)>,
}

/// One line of the table of labels.
#[derive(Clone, Debug)]
pub(crate) struct LabelLine {
    /// Out-of-fold samples that carry the label.
    pub support: usize,
    /// The threshold fitted on all out-of-fold samples.
    pub threshold: f64,
    /// Lowest and highest threshold fitted without a fold.
    pub fold_thresholds: Option<(f64, f64)>,
    /// F1 by `threshold` on the samples it was fitted on.
    pub fitted: Option<f64>,
    /// F1 of the decisions by thresholds fitted without the sample's fold.
    pub held_out: Option<f64>,
    /// Out-of-fold area under the ROC curve.
    pub auc: Option<f64>,
    /// Test samples that carry the label, F1 and area under the ROC curve there.
    pub test: Option<(usize, f64, Option<f64>)>,
}

/// The samples an entrant's curves are drawn on: out of fold, or test where that is all.
#[must_use]
pub(crate) fn part_of<'a>(run: &'a Run, entrant: &'a Entrant) -> Option<(&'a Part, &'a [f32])> {
    let test = || Some((run.test.as_ref()?, entrant.test.as_deref()?));
    entrant.oof.as_deref().map(|scores| (&run.oof, scores)).or_else(test)
}

/// The curve of every label; none where the entrant has no scored predictions.
#[must_use]
pub(crate) fn curves(run: &Run, entrant: &Entrant) -> Vec<Curve> {
    let Some((part, scores)) = part_of(run, entrant) else { return Vec::new() };
    let rankings = rankings(part, scores, run.names.count());
    let curve = |(label, ranking): (usize, &Ranking)| {
        let f1 = f1_by_count(ranking);
        let at = |threshold: f64| (threshold, f1[ranking.predicted(threshold)]);
        let thresholds =
            entrant.chosen.iter().map(|chosen| chosen.thresholds.rows[label].threshold.get());
        let grid = (0..=STEPS).map(|step| at(f64::from(step) / f64::from(STEPS)));
        Curve {
            support: ranking.positives(),
            auc: ranking.roc_auc(),
            points: without_straight_runs(grid.collect()),
            marks: thresholds.map(at).collect(),
        }
    };
    rankings.iter().enumerate().map(|(label, ranking)| curve((label, ranking))).collect()
}

/// The table of labels of one entrant and method.
#[must_use]
pub(crate) fn label_lines(run: &Run, verdict: &Verdict) -> Vec<LabelLine> {
    let n_labels = run.names.count();
    let entrant = &run.entrants[verdict.entrant];
    let chosen = &entrant.chosen[verdict.chosen];
    let aucs = |part: &Part, scores: &[f32]| -> Vec<Option<f64>> {
        rankings(part, scores, n_labels).iter().map(Ranking::roc_auc).collect()
    };
    let held_out = held_out_decisions(run, verdict.entrant, verdict.chosen)
        .map(|decided| label_counts(&run.oof, &decided, n_labels));
    let oof = entrant.oof.as_ref().map(|scores| {
        (label_counts(&run.oof, &decisions(scores, chosen), n_labels), aucs(&run.oof, scores))
    });
    let test = run.test.as_ref().zip(entrant.test.as_ref()).map(|(part, scores)| {
        (label_counts(part, &decisions(scores, chosen), n_labels), aucs(part, scores))
    });
    let support = run.oof.label_counts(n_labels);
    let f1 = |counts: &Vec<Counts>, label: usize| counts[label].f1();
    let line = |(label, row): (usize, &hpa_artifacts::ThresholdRow)| LabelLine {
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
            let positives = usize::try_from(counts[label].positives()).unwrap_or(usize::MAX);
            (positives, f1(counts, label), aucs[label])
        }),
    };
    chosen.thresholds.rows.iter().enumerate().map(|(label, row)| line((label, row))).collect()
}

fn label_counts(part: &Part, decided: &[bool], n_labels: usize) -> Vec<Counts> {
    Outcomes::new(&part.truth, decided, n_labels).label_counts()
}

fn rankings(part: &Part, scores: &[f32], n_labels: usize) -> Vec<Ranking> {
    let ranking = |label: usize| {
        let column: Vec<f32> = scores.iter().skip(label).step_by(n_labels).copied().collect();
        let truth: Vec<bool> = part.truth.iter().skip(label).step_by(n_labels).copied().collect();
        Ranking::new(&column, &truth).expect("probabilities were checked while they were read")
    };
    (0..n_labels).map(ranking).collect()
}

/// F1 when the first 0, 1, 2 … samples are predicted.
fn f1_by_count(ranking: &Ranking) -> Vec<f64> {
    let positives = ranking.positives() as u64;
    let mut counts = Counts { false_negatives: positives, ..Counts::default() };
    let mut f1 = vec![counts.f1()];
    for &there in ranking.truth() {
        counts.true_positives += u64::from(there);
        counts.false_negatives -= u64::from(there);
        counts.false_positives += u64::from(!there);
        f1.push(counts.f1());
    }
    f1
}

fn without_straight_runs(points: Vec<(f64, f64)>) -> Vec<(f64, f64)> {
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
    fn the_ends_of_straight_runs_stay() {
        let flat: Vec<(f64, f64)> = (0..9).map(|x| (f64::from(x), f64::from(x / 3))).collect();
        let kept = without_straight_runs(flat);
        let xs: Vec<f64> = kept.iter().map(|point| point.0).collect();
        assert_eq!(format!("{xs:?}"), "[0.0, 2.0, 3.0, 5.0, 6.0, 8.0]");
    }
}

//! How even a split came out.

use crate::Roster;
use hpa_artifacts::Folds;
use hpa_core::{LabelNames, LabelSet};
use serde::Serialize;
use std::fmt::Write as _;

/// The figures that `--json` prints.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Summary {
    /// Samples in each fold.
    pub fold_sizes: Vec<u64>,
    /// Samples of each label in each fold: `[folds][labels]`.
    pub label_counts: Vec<Vec<u64>>,
    /// How far each count is from an equal share of its label: `[folds][labels]`.
    pub deviations: Vec<Vec<f64>>,
    /// The largest difference, over labels and folds, between a count and an equal share.
    pub largest_deviation: f64,
    /// Groups of at least two samples.
    pub groups: usize,
    /// Samples in those groups.
    pub grouped_samples: usize,
    /// Samples in the largest group.
    pub largest_group: usize,
    /// Groups whose samples do not all carry the same labels.
    pub conflicts: usize,
    /// Test samples that show the field of a training sample; null when not looked for.
    pub twins: Option<usize>,
}

/// Counts what each fold holds; `folds` has the roster's samples in its order.
#[must_use]
pub fn summarize(folds: &Folds, roster: &Roster<'_>, names: &LabelNames) -> Summary {
    let n_folds = usize::from(folds.count.get());
    let mut fold_sizes = vec![0; n_folds];
    let mut label_counts = vec![vec![0; names.count()]; n_folds];
    for (row, labelled) in folds.rows.iter().zip(&roster.rows) {
        fold_sizes[row.fold.index()] += 1;
        for label in labelled.labels.as_slice() {
            label_counts[row.fold.index()][label.index()] += 1;
        }
    }
    let deviations = deviations(&label_counts);
    let largest_deviation =
        deviations.iter().flatten().fold(0.0, |largest, one: &f64| f64::max(largest, one.abs()));
    let members = members(folds);
    let together = || members.iter().filter(|group| group.len() > 1);
    Summary {
        fold_sizes,
        label_counts,
        deviations,
        largest_deviation,
        groups: together().count(),
        grouped_samples: together().map(Vec::len).sum(),
        largest_group: members.iter().map(Vec::len).max().unwrap_or(0),
        conflicts: together().filter(|group| disagree(group, roster)).count(),
        twins: None,
    }
}

fn deviations(counts: &[Vec<u64>]) -> Vec<Vec<f64>> {
    let share = |label: usize| {
        counts.iter().map(|fold| fold[label]).sum::<u64>() as f64 / counts.len() as f64
    };
    let from_share = |(label, &count): (usize, &u64)| count as f64 - share(label);
    counts.iter().map(|fold| fold.iter().enumerate().map(from_share).collect()).collect()
}

/// The rows of each group.
fn members(folds: &Folds) -> Vec<Vec<usize>> {
    let n_groups = folds.rows.iter().map(|row| row.group as usize + 1).max().unwrap_or(0);
    let mut members = vec![Vec::new(); n_groups];
    for (place, row) in folds.rows.iter().enumerate() {
        members[row.group as usize].push(place);
    }
    members
}

/// The groups whose samples do not all carry the same labels, each as one line of text.
///
/// Such groups are no error: annotators differ, and a field may have been labelled twice.
#[must_use]
pub fn conflicts(folds: &Folds, roster: &Roster<'_>) -> Vec<String> {
    let labels = |place: usize| -> &LabelSet { &roster.rows[place].labels };
    let differ = |group: &&Vec<usize>| disagree(group, roster);
    let line = |group: &Vec<usize>| {
        let samples =
            group.iter().take(4).map(|&at| format!("{} ({})", folds.rows[at].id, labels(at)));
        samples.collect::<Vec<_>>().join(", ")
    };
    members(folds).iter().filter(differ).map(line).collect()
}

fn disagree(group: &[usize], roster: &Roster<'_>) -> bool {
    group.iter().any(|&at| roster.rows[at].labels != roster.rows[group[0]].labels)
}

/// The groups of at least two samples as a table `Group,Id,Labels,Agree`.
#[must_use]
pub fn groups_csv(folds: &Folds, roster: &Roster<'_>) -> String {
    let mut table = String::from("Group,Id,Labels,Agree\n");
    for group in members(folds).iter().filter(|group| group.len() > 1) {
        let agree = if disagree(group, roster) { "no" } else { "yes" };
        for &at in group {
            let (row, labels) = (&folds.rows[at], &roster.rows[at].labels);
            // Writing to a string cannot fail.
            let _ = writeln!(table, "{},{},{labels},{agree}", row.group, row.id);
        }
    }
    table
}

//! Summary of a split: fold sizes, label counts, deviations, groups of duplicates.

use crate::SampleList;
use hpa_artifacts::Folds;
use hpa_core::{LabelNames, LabelSet};
use serde::Serialize;
use std::fmt::Write as _;

/// The result that `--json` prints.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Summary {
    /// Samples in each fold.
    pub fold_sizes: Vec<u64>,
    /// Samples of each label in each fold: `[folds][labels]`.
    pub label_counts: Vec<Vec<u64>>,
    /// Difference of each count from an equal share of its label: `[folds][labels]`.
    pub deviations: Vec<Vec<f64>>,
    /// Largest absolute deviation.
    pub largest_deviation: f64,
    /// Number of groups of at least two samples.
    pub groups: usize,
    /// Samples in these groups.
    pub grouped_samples: usize,
    /// Samples in the largest group.
    pub largest_group: usize,
    /// Groups whose samples differ in their labels.
    pub conflicts: usize,
    /// Test samples that are near duplicates of a training sample; null without test images.
    pub leaks: Option<usize>,
}

/// Summarizes the folds, whose rows are in the order of `samples`.
#[must_use]
pub fn summarize(folds: &Folds, samples: &SampleList<'_>, names: &LabelNames) -> Summary {
    let n_folds = usize::from(folds.count.get());
    let mut fold_sizes = vec![0; n_folds];
    let mut label_counts = vec![vec![0; names.count()]; n_folds];
    for (row, labelled) in folds.rows.iter().zip(&samples.rows) {
        fold_sizes[row.fold.index()] += 1;
        for label in labelled.labels.as_slice() {
            label_counts[row.fold.index()][label.index()] += 1;
        }
    }
    let deviations = deviations(&label_counts);
    let largest_deviation =
        deviations.iter().flatten().fold(0.0, |largest, one: &f64| f64::max(largest, one.abs()));
    let members = members(folds);
    let duplicates = || members.iter().filter(|group| group.len() > 1);
    Summary {
        fold_sizes,
        label_counts,
        deviations,
        largest_deviation,
        groups: duplicates().count(),
        grouped_samples: duplicates().map(Vec::len).sum(),
        largest_group: members.iter().map(Vec::len).max().unwrap_or(0),
        conflicts: duplicates().filter(|group| has_label_conflict(group, samples)).count(),
        leaks: None,
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
    for (index, row) in folds.rows.iter().enumerate() {
        members[row.group as usize].push(index);
    }
    members
}

/// The groups whose samples differ in their labels, each as one line of text.
///
/// Such groups are not an error: annotators differ, and a field may have been labelled twice.
#[must_use]
pub fn label_conflicts(folds: &Folds, samples: &SampleList<'_>) -> Vec<String> {
    let labels = |index: usize| -> &LabelSet { &samples.rows[index].labels };
    let differ = |group: &&Vec<usize>| has_label_conflict(group, samples);
    let line = |group: &Vec<usize>| {
        let samples = group
            .iter()
            .take(4)
            .map(|&index| format!("{} ({})", folds.rows[index].id, labels(index)));
        samples.collect::<Vec<_>>().join(", ")
    };
    members(folds).iter().filter(differ).map(line).collect()
}

fn has_label_conflict(group: &[usize], samples: &SampleList<'_>) -> bool {
    group.iter().any(|&index| samples.rows[index].labels != samples.rows[group[0]].labels)
}

/// The groups of at least two samples as a table `Group,Id,Labels,Agree`.
#[must_use]
pub fn groups_csv(folds: &Folds, samples: &SampleList<'_>) -> String {
    let mut table = String::from("Group,Id,Labels,Agree\n");
    for group in members(folds).iter().filter(|group| group.len() > 1) {
        let agree = if has_label_conflict(group, samples) { "no" } else { "yes" };
        for &index in group {
            let (row, labels) = (&folds.rows[index], &samples.rows[index].labels);
            // Writing to a string cannot fail.
            let _ = writeln!(table, "{},{},{labels},{agree}", row.group, row.id);
        }
    }
    table
}

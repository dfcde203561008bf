//! Iterative stratification: multi-label folds, the rarest label first.
//!
//! Of the labels with unassigned samples take the one with the fewest; assign each of its groups
//! to the fold that has the fewest samples of the label, among equals to the smallest fold, among
//! these at random; repeat. Groups without labels come last and fill the smallest folds. All
//! folds have the same target, so the fold that needs a label most is the one with the fewest.
//!
//! A group is a set of duplicates or a single sample. Groups with several samples of the label
//! are assigned before those with one, which can still balance them. The first groups, as many
//! as there are folds, go to different folds, because an empty fold never has more of anything
//! than another; so no fold stays empty.
//!
//! Source: Sechidis, Tsoumakas & Vlahavas, *On the Stratification of Multi-Label Data*,
//! ECML PKDD 2011, algorithm 1; groups and integer counts are our additions.

use crate::{SampleList, SplitError};
use hpa_artifacts::{FoldRow, Folds};
use hpa_core::{Fold, FoldCount, LabelNames, LabelSet, Rng, Seed};

/// Samples that must be in the same fold.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Group {
    /// Number of samples.
    size: u32,
    /// Label index and number of samples with it, ascending.
    labels: Vec<(usize, u32)>,
}

/// Assigns samples to folds, given the group of each.
///
/// # Errors
/// When there are fewer groups than folds.
pub fn assign_folds(
    samples: &SampleList<'_>,
    group_ids: &[u32],
    names: &LabelNames,
    count: FoldCount,
    seed: Seed,
) -> Result<Folds, SplitError> {
    let groups = collect_groups(samples.rows.iter().map(|row| &row.labels), group_ids);
    let group_folds = stratify(&groups, names.count(), count, seed)?;
    let rows = samples.rows.iter().zip(group_ids).map(|(row, &group)| FoldRow {
        id: row.id.clone(),
        fold: group_folds[group as usize],
        group,
    });
    Ok(Folds { count, rows: rows.collect() })
}

/// The label counts of each group; sample `i` belongs to `group_ids[i]`, numbered without gaps.
fn collect_groups<'a>(labels: impl Iterator<Item = &'a LabelSet>, group_ids: &[u32]) -> Vec<Group> {
    let n_groups = group_ids.iter().max().map_or(0, |largest| *largest as usize + 1);
    let mut groups = vec![Group::default(); n_groups];
    for (labels, &id) in labels.zip(group_ids) {
        let group = &mut groups[id as usize];
        group.size += 1;
        for label in labels.as_slice() {
            match group.labels.iter_mut().find(|(known, _)| *known == label.index()) {
                Some((_, count)) => *count += 1,
                None => group.labels.push((label.index(), 1)),
            }
        }
    }
    for group in &mut groups {
        group.labels.sort_unstable();
    }
    groups
}

/// The fold of each group.
fn stratify(
    groups: &[Group],
    n_labels: usize,
    count: FoldCount,
    seed: Seed,
) -> Result<Vec<Fold>, SplitError> {
    if groups.len() < usize::from(count.get()) {
        return Err(SplitError::TooFewGroups { folds: count.get(), groups: groups.len() });
    }
    let mut stratification = IterativeStratification::new(groups, n_labels, count, seed);
    while let Some(label) = stratification.rarest_label() {
        for group in stratification.unassigned_with(label) {
            stratification.assign(group, Some(label));
        }
    }
    for group in stratification.order.clone() {
        if stratification.folds[group].is_none() {
            stratification.assign(group, None);
        }
    }
    // All groups are assigned, so none is dropped here.
    Ok(stratification.folds.into_iter().flatten().collect())
}

/// State of the algorithm.
struct IterativeStratification<'a> {
    groups: &'a [Group],
    count: FoldCount,
    rng: Rng,
    /// Group indices in random order.
    order: Vec<usize>,
    /// The fold of each group, once assigned.
    folds: Vec<Option<Fold>>,
    /// Unassigned samples of each label.
    remaining: Vec<u64>,
    /// Samples of each label in each fold: `[folds][labels]`.
    label_counts: Vec<Vec<u64>>,
    fold_sizes: Vec<u64>,
}

impl<'a> IterativeStratification<'a> {
    fn new(groups: &'a [Group], n_labels: usize, count: FoldCount, seed: Seed) -> Self {
        let mut rng = seed.derive("split").rng();
        let mut order: Vec<usize> = (0..groups.len()).collect();
        rng.shuffle(&mut order);
        let mut remaining = vec![0; n_labels];
        for &(label, samples) in groups.iter().flat_map(|group| &group.labels) {
            remaining[label] += u64::from(samples);
        }
        let n_folds = usize::from(count.get());
        Self {
            groups,
            count,
            rng,
            order,
            folds: vec![None; groups.len()],
            remaining,
            label_counts: vec![vec![0; n_labels]; n_folds],
            fold_sizes: vec![0; n_folds],
        }
    }

    /// The label with the fewest unassigned samples, the first among equals.
    fn rarest_label(&self) -> Option<usize> {
        let labels = (0..self.remaining.len()).filter(|&label| self.remaining[label] > 0);
        labels.min_by_key(|&label| self.remaining[label])
    }

    /// The unassigned groups with the label, those with several samples of it first, otherwise in
    /// random order.
    fn unassigned_with(&self, label: usize) -> Vec<usize> {
        let samples = |group: usize| {
            let counts = &self.groups[group].labels;
            let position = counts.binary_search_by_key(&label, |&(label, _)| label).ok()?;
            Some(counts[position].1)
        };
        let unassigned = self.order.iter().filter(|&&group| self.folds[group].is_none());
        let mut found: Vec<(u32, usize)> =
            unassigned.filter_map(|&group| Some((samples(group)?, group))).collect();
        found.sort_by_key(|&(samples, _)| std::cmp::Reverse(samples));
        found.into_iter().map(|(_, group)| group).collect()
    }

    fn assign(&mut self, group: usize, label: Option<usize>) {
        let fold = self.most_needed_fold(label);
        self.folds[group] = Some(fold);
        let Group { size, labels } = &self.groups[group];
        self.fold_sizes[fold.index()] += u64::from(*size);
        for &(label, samples) in labels {
            self.remaining[label] -= u64::from(samples);
            self.label_counts[fold.index()][label] += u64::from(samples);
        }
    }

    /// The fold with the fewest samples of the label, then the smallest, then a random one.
    fn most_needed_fold(&mut self, label: Option<usize>) -> Fold {
        let filled = |fold: &Fold| {
            let with_label = label.map_or(0, |label| self.label_counts[fold.index()][label]);
            (with_label, self.fold_sizes[fold.index()])
        };
        let least = self.count.folds().map(|fold| filled(&fold)).min();
        let folds: Vec<Fold> =
            self.count.folds().filter(|fold| Some(filled(fold)) == least).collect();
        folds[self.rng.below(folds.len())]
    }
}

#[cfg(test)]
#[path = "iterative_stratification_tests.rs"]
mod tests;

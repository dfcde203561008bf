//! Iterative stratification on the published label frequencies and on random labels.

use super::*;
use proptest::prelude::*;

/// The counts of the competition's training table.
const ATLAS: [u32; 28] = [
    12885, 1254, 3621, 1561, 1858, 2513, 1008, 2822, 53, 45, 28, 1093, 688, 537, 1066, 21, 530,
    210, 902, 1482, 172, 3777, 802, 2965, 322, 8228, 328, 11,
];

fn folds(count: u64) -> FoldCount {
    FoldCount::try_from(count).unwrap()
}

fn single(labels: &[usize]) -> Group {
    Group { size: 1, labels: labels.iter().map(|&label| (label, 1)).collect() }
}

/// Counts `[folds][labels]`.
fn label_counts(
    groups: &[Group],
    folds: &[Fold],
    n_folds: usize,
    n_labels: usize,
) -> Vec<Vec<u32>> {
    let mut counts = vec![vec![0; n_labels]; n_folds];
    for (group, fold) in groups.iter().zip(folds) {
        for &(label, samples) in &group.labels {
            counts[fold.index()][label] += samples;
        }
    }
    counts
}

#[test]
fn a_small_example_splits_as_worked_out_by_hand() {
    // Label 1 is rarer: its two samples are separated first, label 0 fills up.
    let groups = [single(&[0, 1]), single(&[0]), single(&[0]), single(&[0, 1])];
    for seed in 0..20 {
        let split = stratify(&groups, 2, folds(2), Seed::new(seed)).unwrap();
        assert_eq!(label_counts(&groups, &split, 2, 2), [[2, 1], [2, 1]]);
    }
}

#[test]
fn single_labels_deviate_by_less_than_one() {
    let groups: Vec<Group> = (0..)
        .zip(ATLAS)
        .flat_map(|(label, count)| (0..count).map(move |_| single(&[label])))
        .collect();
    let split = stratify(&groups, 28, folds(5), Seed::new(1)).unwrap();
    let counts = label_counts(&groups, &split, 5, 28);
    for (label, count) in ATLAS.into_iter().enumerate() {
        for fold in &counts {
            assert!((f64::from(fold[label]) - f64::from(count) / 5.0).abs() < 1.0);
        }
    }
    let mut rarest: Vec<u32> = counts.iter().map(|fold| fold[27]).collect();
    rarest.sort_unstable();
    assert_eq!(rarest, [2, 2, 2, 2, 3]);
}

#[test]
fn samples_without_labels_balance_the_sizes() {
    let mut groups = vec![single(&[0]); 4];
    groups.extend(vec![Group { size: 1, labels: vec![] }; 8]);
    let split = stratify(&groups, 1, folds(3), Seed::new(1)).unwrap();
    for fold in folds(3).folds() {
        assert_eq!(split.iter().filter(|&&other| other == fold).count(), 4);
    }
}

#[test]
fn more_folds_than_groups_are_refused() {
    let error = stratify(&vec![single(&[0]); 4], 1, folds(5), Seed::new(1)).unwrap_err();
    assert!(error.to_string().starts_with("5 folds of 4 groups"), "{error}");
}

#[test]
fn the_folds_depend_on_the_seed_alone() {
    let groups: Vec<Group> = (0..200).map(|i| single(&[i % 7, 7 + i % 3])).collect();
    let split = |seed| stratify(&groups, 10, folds(4), Seed::new(seed)).unwrap();
    assert_eq!(split(1), split(1));
    assert_ne!(split(1), split(2));
}

proptest! {
    #[test]
    fn every_group_has_a_fold_and_no_fold_is_empty(
        rows in prop::collection::vec((prop::collection::btree_set(0_usize..6, 0..4), 1_u32..4), 9..80),
        n_folds in 2_u64..10,
        seed in any::<u64>(),
    ) {
        let groups: Vec<Group> = rows
            .iter()
            .map(|(labels, size)| Group {
                size: *size,
                labels: labels.iter().map(|&label| (label, 1)).collect(),
            })
            .collect();
        let split = stratify(&groups, 6, folds(n_folds), Seed::new(seed)).unwrap();
        prop_assert_eq!(split.len(), groups.len());
        for fold in folds(n_folds).folds() {
            prop_assert!(split.contains(&fold));
        }
    }

    #[test]
    fn one_label_a_sample_deviates_by_less_than_one(
        counts in prop::collection::vec(0_u32..40, 1..8),
        n_folds in 2_u64..6,
        seed in any::<u64>(),
    ) {
        let groups: Vec<Group> = counts
            .iter()
            .enumerate()
            .flat_map(|(label, &count)| (0..count).map(move |_| single(&[label])))
            .collect();
        prop_assume!(groups.len() as u64 >= n_folds);
        let split = stratify(&groups, counts.len(), folds(n_folds), Seed::new(seed)).unwrap();
        let n_folds = usize::try_from(n_folds).unwrap();
        for (label, count) in counts.iter().enumerate() {
            for fold in label_counts(&groups, &split, n_folds, counts.len()) {
                prop_assert!((f64::from(fold[label]) - f64::from(*count) / n_folds as f64).abs() < 1.0);
            }
        }
    }
}

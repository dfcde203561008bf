//! The columns of a matrix, each sorted by itself, side by side.

use crate::order::{Key, give_spare, spare};
use crate::{Ranking, Rows};
use hpa_core::ProbabilityError;
use rayon::prelude::*;
use std::ops::Range;

/// Labels gathered in one pass over a matrix: their scores lie in a quarter of a cache line.
pub(crate) const GATHERED: usize = 4;

/// A label whose score is no probability.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct BadScore {
    /// The label's number.
    pub label: usize,
    /// What is wrong with the score.
    pub source: ProbabilityError,
}

/// Sorts the scores of each label; both matrices are row-major `[samples][n_labels]`.
///
/// # Errors
/// When a score is not in [0, 1]: of the lowest such label the first.
///
/// # Panics
/// When the matrices differ in length or are no whole number of rows, or there are 2^31 samples
/// or more.
pub fn rankings(
    scores: &[f32],
    truth: &[bool],
    n_labels: usize,
    rows: Rows,
) -> Result<Vec<Ranking>, BadScore> {
    assert_eq!(scores.len(), truth.len(), "one score for each truth");
    assert!(n_labels > 0 && scores.len().is_multiple_of(n_labels), "whole rows of labels");
    assert!(u32::try_from(2 * (scores.len() / n_labels)).is_ok(), "fewer than 2^31 samples");
    let groups = groups(n_labels);
    let groups: Vec<Result<Vec<Ranking>, BadScore>> = match rows {
        Rows::Kept => groups.map(|group| ranked::<u64>(scores, truth, n_labels, group)).collect(),
        Rows::Forgotten => {
            groups.map(|group| ranked::<u32>(scores, truth, n_labels, group)).collect()
        }
    };
    let groups = groups.into_iter().collect::<Result<Vec<_>, _>>()?;
    Ok(groups.into_iter().flatten().collect())
}

/// The labels that are gathered together: fours as far as they go, the rest one by one.
fn groups(n_labels: usize) -> impl IndexedParallelIterator<Item = Range<usize>> {
    let fours = n_labels / GATHERED;
    let group = move |number: usize| match number.checked_sub(fours) {
        None => number * GATHERED..(number + 1) * GATHERED,
        Some(rest) => fours * GATHERED + rest..fours * GATHERED + rest + 1,
    };
    (0..fours + n_labels % GATHERED).into_par_iter().map(group)
}

fn ranked<K: Key>(
    scores: &[f32],
    truth: &[bool],
    n_labels: usize,
    labels: Range<usize>,
) -> Result<Vec<Ranking>, BadScore> {
    let mut gathered: Vec<Vec<K>> = labels.clone().map(|_| spare()).collect();
    let gather = if labels.len() == GATHERED { gather::<K, GATHERED> } else { gather::<K, 1> };
    let valid = gather((scores, truth), n_labels, labels.start, &mut gathered);
    let found = if valid {
        let rank = |keys: &mut Vec<K>| {
            let mut room = spare();
            let ranking = Ranking::of_keys(keys, &mut room);
            give_spare(room);
            ranking
        };
        Ok(gathered.par_iter_mut().map(rank).collect())
    } else {
        Err(bad_score(scores, n_labels, labels))
    };
    gathered.into_iter().for_each(give_spare);
    found
}

/// The keys of as many labels as there are columns, and whether all scores are in [0, 1].
fn gather<K: Key, const LABELS: usize>(
    (scores, truth): (&[f32], &[bool]),
    width: usize,
    first: usize,
    columns: &mut [Vec<K>],
) -> bool {
    let mut columns = columns.iter_mut().map(|keys| {
        keys.resize(scores.len() / width, K::default());
        keys.as_mut_slice()
    });
    let columns: [&mut [K]; LABELS] = std::array::from_fn(|_| columns.next().expect("as many"));
    let mut outside = 0;
    let rows = scores.chunks_exact(width).zip(truth.chunks_exact(width));
    for ((scores, truth), row) in rows.zip(0_u32..) {
        let scores: &[f32; LABELS] = scores[first..].first_chunk().expect("as many labels");
        let truth: &[bool; LABELS] = truth[first..].first_chunk().expect("as many labels");
        outside |= scores.iter().fold(0, |any, s| any | u8::from(!(0.0..=1.0).contains(s)));
        for label in 0..LABELS {
            columns[label][row as usize] = K::new(scores[label], row, truth[label]);
        }
    }
    outside == 0
}

fn bad_score(scores: &[f32], width: usize, labels: Range<usize>) -> BadScore {
    let bad = |label: usize| {
        let mut column = scores.iter().skip(label).step_by(width);
        let score = column.find(|score| !(0.0..=1.0).contains(*score))?;
        Some(BadScore { label, source: ProbabilityError(f64::from(*score)) })
    };
    labels.into_iter().find_map(bad).expect("one of them was found to be bad")
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn alone(scores: &[f32], truth: &[bool], n_labels: usize, label: usize) -> Ranking {
        let scores: Vec<f32> = scores.iter().skip(label).step_by(n_labels).copied().collect();
        let truth: Vec<bool> = truth.iter().skip(label).step_by(n_labels).copied().collect();
        Ranking::new(&scores, &truth).unwrap()
    }

    proptest! {
        #[test]
        fn each_column_is_ranked_as_by_itself(
            n_labels in 1_usize..10,
            cells in prop::collection::vec((0.0_f32..=1.0, any::<bool>()), 0..4000),
        ) {
            let cells = &cells[..cells.len() / n_labels * n_labels];
            let (scores, truth): (Vec<f32>, Vec<bool>) = cells.iter().copied().unzip();
            let all = rankings(&scores, &truth, n_labels, Rows::Kept).unwrap();
            prop_assert_eq!(all.len(), n_labels);
            for (label, ranking) in all.iter().enumerate() {
                let alone = alone(&scores, &truth, n_labels, label);
                prop_assert_eq!(ranking.rows(), alone.rows());
                prop_assert_eq!(ranking.scores(), alone.scores());
                prop_assert_eq!(ranking.truth(), alone.truth());
            }
            let all = rankings(&scores, &truth, n_labels, Rows::Forgotten).unwrap();
            for (label, ranking) in all.iter().enumerate() {
                let alone = alone(&scores, &truth, n_labels, label);
                prop_assert!(ranking.rows().is_empty());
                prop_assert_eq!(ranking.scores(), alone.scores());
                // Equal scores may stand in any order.
                prop_assert!(ranking.cuts().eq(alone.cuts()));
            }
        }
    }

    #[test]
    fn the_lowest_label_with_a_bad_score_is_named() {
        let mut scores = vec![0.5; 6 * 7];
        (scores[2 * 7 + 5], scores[4 * 7 + 3], scores[5 * 7 + 3]) = (f32::NAN, 1.5, -1.0);
        let error = rankings(&scores, &[false; 6 * 7], 7, Rows::Forgotten).unwrap_err();
        assert_eq!(error, BadScore { label: 3, source: ProbabilityError(1.5) });
    }
}

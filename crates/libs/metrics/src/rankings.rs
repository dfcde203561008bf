//! The columns of a matrix, each sorted by itself, side by side.

use crate::{Ranking, Rows, order};
use hpa_core::ProbabilityError;
use rayon::prelude::*;
use std::cell::Cell;
use std::ops::Range;

/// Labels gathered in one pass over a matrix: their scores lie in a quarter of a cache line.
const GATHERED: usize = 4;

/// Rows gathered at a time: they stay in the cache from one label to the next.
const BLOCK: usize = 256;

thread_local! {
    /// Room for gathered keys: fresh memory costs more than the gathering.
    static ROOM: Cell<Vec<Vec<u64>>> = const { Cell::new(Vec::new()) };
}

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
    let starts = (0..n_labels).step_by(GATHERED).collect::<Vec<_>>();
    let some = |start: usize| {
        let labels = start..(start + GATHERED).min(n_labels);
        let mut room = ROOM.take();
        room.resize(GATHERED, Vec::new());
        let valid = gather((scores, truth), n_labels, labels.clone(), &mut room);
        let found = if valid {
            let keys = room[..labels.len()].par_iter_mut();
            Ok(keys.map(|keys| Ranking::of_keys(keys, rows)).collect::<Vec<_>>())
        } else {
            Err(bad_score(scores, n_labels, labels))
        };
        ROOM.set(room);
        found
    };
    let groups: Vec<Result<Vec<Ranking>, BadScore>> = starts.into_par_iter().map(some).collect();
    let groups = groups.into_iter().collect::<Result<Vec<_>, _>>()?;
    Ok(groups.into_iter().flatten().collect())
}

/// The keys of some labels, and whether all scores are in [0, 1].
fn gather(
    (scores, truth): (&[f32], &[bool]),
    width: usize,
    labels: Range<usize>,
    gathered: &mut [Vec<u64>],
) -> bool {
    let n_rows = scores.len() / width;
    assert!(u32::try_from(2 * n_rows).is_ok(), "fewer than 2^31 samples");
    for keys in gathered.iter_mut() {
        keys.clear();
        keys.reserve(n_rows);
    }
    let mut valid = true;
    let blocks = scores.chunks(BLOCK * width).zip(truth.chunks(BLOCK * width));
    for ((scores, truth), first) in blocks.zip((0_u32..).step_by(BLOCK)) {
        for (label, keys) in labels.clone().zip(gathered.iter_mut()) {
            let rows = scores.chunks_exact(width).zip(truth.chunks_exact(width));
            keys.extend(rows.zip(first..).map(|((scores, truth), row)| {
                valid &= (0.0..=1.0).contains(&scores[label]);
                order::key(scores[label], row, truth[label])
            }));
        }
    }
    valid
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
                let scores: Vec<f32> = scores.iter().skip(label).step_by(n_labels).copied().collect();
                let truth: Vec<bool> = truth.iter().skip(label).step_by(n_labels).copied().collect();
                let alone = Ranking::new(&scores, &truth).unwrap();
                prop_assert_eq!(ranking.rows(), alone.rows());
                prop_assert_eq!(ranking.scores(), alone.scores());
                prop_assert_eq!(ranking.truth(), alone.truth());
            }
            for ranking in rankings(&scores, &truth, n_labels, Rows::Forgotten).unwrap() {
                prop_assert!(ranking.rows().is_empty());
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

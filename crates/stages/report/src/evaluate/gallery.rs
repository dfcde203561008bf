//! Random choice of the samples in the gallery, balanced over labels.
//!
//! Labels take turns, the most frequent and the rarest alternately, and each draws one of its
//! samples at random. So rare labels are shown, and correct and wrong predictions are as
//! frequent as they are.

use super::{Evaluation, fitted_predictions, held_out_predictions};
use crate::data::{RunData, Split};
use hpa_artifacts::ImageStore;
use hpa_core::{Label, SampleId, Seed};

/// One sample of the gallery.
#[derive(Clone, Debug)]
pub(crate) struct GallerySample {
    /// The sample.
    pub(crate) id: SampleId,
    /// Its row in the shards.
    pub(crate) image_row: usize,
    /// True positives.
    pub(crate) correct: Vec<Label>,
    /// False negatives.
    pub(crate) missed: Vec<Label>,
    /// False positives.
    pub(crate) wrong: Vec<Label>,
}

/// Draws up to `count` samples that have an image, with the predictions of one evaluation:
/// out-of-fold predictions, or test predictions if there are no others.
#[must_use]
pub(crate) fn gallery_samples(
    run: &RunData,
    evaluation: &Evaluation,
    images: &ImageStore,
    count: usize,
    seed: Seed,
) -> Vec<GallerySample> {
    let Some((split, predicted)) = predictions(run, evaluation) else { return Vec::new() };
    let image_rows: Vec<Option<usize>> = split.ids.iter().map(|id| images.position(id)).collect();
    let shown: Vec<usize> = (0..split.ids.len()).filter(|&row| image_rows[row].is_some()).collect();
    let n_labels = run.names.count();
    let sample = |row: usize| {
        let cells = row * n_labels..(row + 1) * n_labels;
        let (truth, predicted) = (&split.truth[cells.clone()], &predicted[cells]);
        let labels = |is_true: bool, is_predicted: bool| -> Vec<Label> {
            let wanted = (is_true, is_predicted);
            let is = |label: &Label| (truth[label.index()], predicted[label.index()]) == wanted;
            run.names.labels().filter(is).collect()
        };
        Some(GallerySample {
            id: split.ids[row].clone(),
            image_row: image_rows[row]?,
            correct: labels(true, true),
            missed: labels(true, false),
            wrong: labels(false, true),
        })
    };
    draw(split, &shown, n_labels, count, seed).into_iter().filter_map(sample).collect()
}

fn predictions<'a>(run: &'a RunData, evaluation: &Evaluation) -> Option<(&'a Split, Vec<bool>)> {
    let model = &run.models[evaluation.model];
    let set = &model.threshold_sets[evaluation.threshold_set];
    if let Some(held_out) = held_out_predictions(run, evaluation.model, evaluation.threshold_set) {
        return Some((&run.oof, held_out));
    }
    if let (Some(split), Some(scores)) = (&run.test, &model.test) {
        return Some((split, fitted_predictions(scores, set)));
    }
    Some((&run.oof, fitted_predictions(model.oof.as_ref()?, set)))
}

/// Rows in the order they are drawn.
fn draw(split: &Split, rows: &[usize], n_labels: usize, count: usize, seed: Seed) -> Vec<usize> {
    let mut order = rows.to_vec();
    seed.derive("gallery").rng().shuffle(&mut order);
    let supports = split.label_counts(n_labels);
    let mut by_support: Vec<usize> = (0..n_labels).filter(|&label| supports[label] > 0).collect();
    by_support.sort_by_key(|&label| (std::cmp::Reverse(supports[label]), label));
    let mut drawn = Vec::new();
    let mut labels = alternate(&by_support).into_iter().cycle();
    let mut turns_without_sample = 0;
    // A whole round without a sample: all labelled samples are drawn.
    while drawn.len() < count && turns_without_sample < by_support.len() {
        let Some(label) = labels.next() else { break };
        match order.iter().position(|&row| split.truth[row * n_labels + label]) {
            Some(index) => {
                drawn.push(order.remove(index));
                turns_without_sample = 0;
            }
            None => turns_without_sample += 1,
        }
    }
    // Samples without labels come last.
    let remaining = count - drawn.len().min(count);
    drawn.extend(order.into_iter().take(remaining));
    drawn
}

/// First, last, second, last but one, …
fn alternate(items: &[usize]) -> Vec<usize> {
    let (mut front, mut back) = (items.iter(), items.iter().rev());
    let pairs = (0..items.len()).map(|turn| if turn % 2 == 0 { front.next() } else { back.next() });
    pairs.flatten().copied().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn split(truth: &[bool]) -> Split {
        let ids = (0..truth.len() / 3).map(|row| format!("s{row}").parse().unwrap()).collect();
        Split { ids, truth: truth.to_vec(), groups: vec![], folds: vec![] }
    }

    #[test]
    fn frequent_and_rare_labels_take_turns() {
        assert_eq!(alternate(&[1, 2, 3, 4, 5]), [1, 5, 2, 4, 3]);
        // Five samples have label 0, one has label 2, one has no label.
        let rows = [[true, false, false]; 5].concat();
        let split = split(&[rows, vec![false, false, true], vec![false; 3]].concat());
        let all: Vec<usize> = (0..7).collect();
        let drawn = draw(&split, &all, 3, 2, Seed::new(1));
        assert!(drawn[0] < 5 && drawn[1] == 5, "{drawn:?}");
        let drawn = draw(&split, &all, 3, 99, Seed::new(1));
        assert_eq!((drawn.len(), drawn[6]), (7, 6));
        assert_eq!(draw(&split, &all, 3, 4, Seed::new(1)), drawn[..4]);
        assert!(draw(&split, &[], 3, 4, Seed::new(1)).is_empty());
    }
}

//! Tests of [`super::Ranking`].

use super::*;
use proptest::prelude::*;

fn ranking(scores: &[f32], truth: &[bool]) -> Ranking {
    Ranking::new(scores, truth).unwrap()
}

#[test]
fn the_best_threshold_is_the_midpoint_of_two_scores() {
    let best = ranking(&[0.9, 0.25, 0.75, 0.5], &[true, false, true, false]).best(1.0);
    assert_eq!(best.predicted, 2);
    assert_eq!(best.threshold.to_bits(), 0.625_f64.to_bits());
    assert_eq!(best.counts.f1().to_bits(), 1.0_f64.to_bits());
}

#[test]
fn among_equals_the_fewest_are_predicted() {
    // One hit of two positives: 1/1 precision then 1/2; F1 2/3 at one, 2/3 at four.
    let best = ranking(&[0.9, 0.8, 0.7, 0.6], &[true, false, false, true]).best(1.0);
    assert_eq!(best.predicted, 1);
}

#[test]
fn a_label_without_positives_is_never_predicted() {
    let best = ranking(&[0.9, 0.8], &[false, false]).best(1.0);
    assert_eq!((best.predicted, best.threshold.to_bits()), (0, 1.0_f64.to_bits()));
}

#[test]
fn constant_scores_are_predicted_together_or_not_at_all() {
    let constant = ranking(&[0.5; 4], &[true, true, true, false]);
    assert_eq!(constant.cuts().count(), 2);
    let best = constant.best(1.0);
    assert_eq!((best.predicted, best.threshold.to_bits()), (4, 0.0_f64.to_bits()));
}

#[test]
fn a_hit_whose_equals_end_in_a_later_block_counts_there() {
    let scores: Vec<f32> =
        (0..200_u8).map(|place| 1.0 - f32::from(place.min(60)) / 256.0).collect();
    let truth: Vec<bool> = (0..200).map(|place| place == 61).collect();
    assert_eq!(ranking(&scores, &truth).best(1.0).predicted, 200);
}

#[test]
fn a_score_of_zero_is_never_predicted() {
    let zeros = ranking(&[0.0, -0.0, 0.5], &[true, true, true]);
    assert_eq!(zeros.cuts().map(|cut| cut.predicted).collect::<Vec<_>>(), [0, 1]);
    assert_eq!(zeros.best(1.0).threshold.to_bits(), 0.25_f64.to_bits());
}

#[test]
fn neighbouring_floats_have_a_threshold_between_them() {
    let high = 0.3_f32;
    let low = f32::from_bits(high.to_bits() - 1);
    let threshold = ranking(&[low, high], &[false, true]).best(1.0).threshold;
    assert!(f64::from(low) < threshold && threshold < f64::from(high));
}

#[test]
fn nan_and_logits_are_refused() {
    for score in [f32::NAN, -1.0, 1.5, f32::INFINITY] {
        assert!(Ranking::new(&[0.5, score], &[true, false]).is_err(), "{score}");
    }
}

#[test]
fn an_empty_column_has_one_cut() {
    let empty = ranking(&[], &[]);
    assert!(empty.is_empty() && empty.roc_auc().is_none());
    assert_eq!(empty.best(1.0).threshold.to_bits(), 1.0_f64.to_bits());
}

#[test]
fn the_roc_area_counts_ties_half() {
    let area = ranking(&[0.9, 0.5, 0.5, 0.1], &[true, true, false, false]).roc_auc();
    assert_eq!(area.unwrap().to_bits(), (3.5_f64 / 4.0).to_bits());
    assert_eq!(ranking(&[0.4; 6], &[true, false, true, false, true, false]).roc_auc(), Some(0.5));
}

/// Few distinct scores, so that ties, 0 and 1 are common; less than a block of samples or several,
/// and labels that are common or rare.
fn column() -> impl Strategy<Value = Vec<(f32, bool)>> {
    let score = prop_oneof![(0_u8..=8).prop_map(|n| f32::from(n) / 8.0), 0.0_f32..=1.0];
    let rare = (score.clone(), (0_u8..40).prop_map(|one| one == 0));
    prop_oneof![
        prop::collection::vec((score.clone(), any::<bool>()), 0..40),
        prop::collection::vec((score, any::<bool>()), 0..300),
        prop::collection::vec(rare, 0..300),
    ]
}

proptest! {
    #[test]
    fn the_best_cut_equals_brute_force(column in column(), beta in prop::sample::select(vec![1.0, 2.0, 0.5])) {
        let (scores, truth): (Vec<f32>, Vec<bool>) = column.into_iter().unzip();
        let ranking = ranking(&scores, &truth);
        let f_at = |threshold: f64| {
            let decided: Vec<bool> = scores.iter().map(|&s| f64::from(s) > threshold).collect();
            Counts::of(&truth, &decided).f_beta(beta)
        };
        let brute = scores.iter().map(|&s| f64::from(s)).chain([0.0, 1.0]).map(f_at).fold(0.0, f64::max);
        let best = ranking.best(beta);
        prop_assert_eq!(best.counts.f_beta(beta).to_bits(), brute.to_bits());
        prop_assert_eq!(f_at(best.threshold).to_bits(), brute.to_bits());
    }

    #[test]
    fn every_cut_counts_what_its_threshold_predicts(column in column()) {
        let (scores, truth): (Vec<f32>, Vec<bool>) = column.into_iter().unzip();
        let ranking = ranking(&scores, &truth);
        let mut previous = None;
        for cut in ranking.cuts() {
            let decided: Vec<bool> = scores.iter().map(|&s| f64::from(s) > cut.threshold).collect();
            prop_assert_eq!(cut.counts, Counts::of(&truth, &decided));
            prop_assert_eq!(ranking.predicted(cut.threshold), cut.predicted);
            prop_assert_eq!(ranking.counts(cut.predicted), cut.counts);
            prop_assert_eq!(ranking.previous_cut(cut.predicted), previous);
            previous = Some(cut.predicted);
        }
    }

    #[test]
    fn raising_a_threshold_never_adds_a_label(column in column(), a in 0.0..=1.0, b in 0.0..=1.0) {
        let (scores, truth): (Vec<f32>, Vec<bool>) = column.into_iter().unzip();
        let ranking = ranking(&scores, &truth);
        prop_assert!(ranking.predicted(f64::max(a, b)) <= ranking.predicted(f64::min(a, b)));
    }

    #[test]
    fn the_roc_area_equals_the_pairs(column in column()) {
        let (scores, truth): (Vec<f32>, Vec<bool>) = column.into_iter().unzip();
        let (mut won, mut pairs) = (0.0, 0.0);
        for (&yes, _) in scores.iter().zip(&truth).filter(|(_, truth)| **truth) {
            for (&no, _) in scores.iter().zip(&truth).filter(|(_, truth)| !**truth) {
                pairs += 1.0;
                won += if yes > no { 1.0 } else if yes < no { 0.0 } else { 0.5 };
            }
        }
        let area = ranking(&scores, &truth).roc_auc();
        prop_assert_eq!(area.is_none(), pairs < 1.0);
        prop_assert!(area.is_none_or(|area| (area - won / pairs).abs() < 1e-12));
    }
}

//! Calibration of probabilities: expected calibration error, distance from the optimal threshold.

use crate::{Cut, Ranking};

/// Expected calibration error: the gap between mean score and share of positives in each of
/// `n_bins` bins of equal width, averaged with the bins' sizes as weights.
///
/// A score of exactly 1 is in the last bin. 0 without samples.
/// Source: Guo, Pleiss, Sun & Weinberger, ICML 2017, who use 15 bins.
///
/// # Panics
/// When `n_bins` is 0.
#[must_use]
pub fn calibration_error(ranking: &Ranking, n_bins: usize) -> f64 {
    assert!(n_bins > 0, "at least one bin");
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "in [0, bins]")]
    let bin = |score: f32| ((f64::from(score) * n_bins as f64) as usize).min(n_bins - 1);
    let (scores, mut start, mut gap) = (ranking.scores(), 0, 0.0);
    while let Some(&score) = scores.get(start) {
        let current = bin(score);
        let end = start + scores[start..].partition_point(|&score| bin(score) == current);
        let hits = ranking.hits(end) - ranking.hits(start);
        gap += (sum(&scores[start..end]) - hits as f64).abs();
        start = end;
    }
    if scores.is_empty() { 0.0 } else { gap / scores.len() as f64 }
}

/// Sum in eight lanes, so that it vectorises; the order of summation is fixed.
fn sum(scores: &[f32]) -> f64 {
    let (eights, rest) = scores.as_chunks::<8>();
    let mut sums = [0.0; 8];
    for eight in eights {
        for (sum, &score) in sums.iter_mut().zip(eight) {
            *sum += f64::from(score);
        }
    }
    sums.iter().sum::<f64>() + rest.iter().copied().map(f64::from).sum::<f64>()
}

/// The distance of F\*/2 from the thresholds that reach F\*, the best F1 of the label; `best` is
/// the cut that reaches it, [`Ranking::best`] with β = 1.
///
/// Under calibrated probabilities the best threshold is half the best F1, so a large gap means
/// that the probabilities are not calibrated near the threshold. All thresholds from the
/// highest score not predicted to the lowest predicted reach F\*; the gap is 0 within. It is
/// positive when the threshold is too high for calibrated probabilities. `None` for a
/// label without positives.
/// Source: Lipton, Elkan & Naryanaswamy, arXiv 1402.1892, theorem 1.
#[must_use]
pub fn half_f_gap(ranking: &Ranking, best: &Cut) -> Option<f64> {
    let half = best.counts.f1() / 2.0;
    let lowest_predicted = f64::from(*ranking.scores().get(best.predicted.checked_sub(1)?)?);
    let next = ranking.scores().get(best.predicted).map_or(0.0, |&score| f64::from(score));
    Some(if half > lowest_predicted {
        lowest_predicted - half
    } else if half < next {
        next - half
    } else {
        0.0
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use hpa_core::Seed;
    use proptest::prelude::*;

    fn gap(scores: &[f32], truth: &[bool]) -> Option<f64> {
        let ranking = Ranking::new(scores, truth).unwrap();
        half_f_gap(&ranking, &ranking.best(1.0))
    }

    fn error(scores: &[f32], truth: &[bool], n_bins: usize) -> f64 {
        calibration_error(&Ranking::new(scores, truth).unwrap(), n_bins)
    }

    /// The definition, sample by sample.
    fn reference_error(scores: &[f32], truth: &[bool], n_bins: usize) -> f64 {
        let mut excess = vec![0.0; n_bins];
        for (&score, &truth) in scores.iter().zip(truth) {
            let score = f64::from(score);
            #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a bin")]
            let bin = (score * n_bins as f64) as usize;
            excess[bin.min(n_bins - 1)] += score - f64::from(u8::from(truth));
        }
        excess.iter().map(|excess: &f64| excess.abs()).sum::<f64>() / scores.len() as f64
    }

    proptest! {
        #[test]
        fn the_error_equals_its_definition(
            samples in prop::collection::vec((0.0_f32..=1.0, any::<bool>()), 1..300),
            n_bins in 1_usize..20,
        ) {
            let (scores, truth): (Vec<f32>, Vec<bool>) = samples.into_iter().unzip();
            let expected = reference_error(&scores, &truth, n_bins);
            let ours = error(&scores, &truth, n_bins);
            prop_assert!((ours - expected).abs() < 1e-12, "{} {}", ours, expected);
        }
    }

    #[test]
    fn the_error_worked_on_paper() {
        // Bin 0: 0.2 against 0; bin 1: 0.6 and 0.8 against 1 and 0: 0.4 together.
        let error = error(&[0.2, 0.6, 0.8], &[false, true, false], 2);
        assert!((error - 0.6 / 3.0).abs() < 1e-7, "{error}");
        assert!((self::error(&[1.0], &[false], 15) - 1.0).abs() < 1e-12);
        assert!(self::error(&[], &[], 15).abs() < 1e-12);
    }

    #[test]
    fn calibrated_scores_have_no_error_and_no_gap() {
        let mut rng = Seed::new(9).rng();
        #[expect(clippy::cast_possible_truncation, reason = "scores are f32")]
        let scores: Vec<f32> = (0..100_000).map(|_| rng.uniform().powi(3) as f32).collect();
        let truth: Vec<bool> =
            scores.iter().map(|&score| rng.bernoulli(f64::from(score))).collect();
        assert!(error(&scores, &truth, 15) < 0.01);
        let gap = gap(&scores, &truth).unwrap();
        assert!(gap.abs() < 0.03, "{gap}");
    }

    #[test]
    fn halved_scores_have_a_negative_gap() {
        let mut rng = Seed::new(9).rng();
        #[expect(clippy::cast_possible_truncation, reason = "scores are f32")]
        let scores: Vec<f32> = (0..20_000).map(|_| rng.uniform() as f32).collect();
        let truth: Vec<bool> =
            scores.iter().map(|&score| rng.bernoulli(f64::from(score))).collect();
        let halved: Vec<f32> = scores.iter().map(|score| score / 2.0).collect();
        assert!(gap(&halved, &truth).unwrap() < -0.1);
        assert!(gap(&[0.5], &[false]).is_none());
    }
}

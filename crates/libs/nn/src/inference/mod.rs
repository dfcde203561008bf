//! What a network answers about samples.

pub(crate) mod tta;

use crate::data::dataset::{Dataset, ordered_batches};
use crate::data::device_loader::{DeviceLoaderConfig, for_each_device_batch};
use crate::data::loader::LoaderConfig;
use crate::data::statistics::ChannelStatistics;
use crate::error::NnError;
use crate::inference::tta::TestTimeAugmentation;
use crate::network::evaluator::Evaluator;
use crate::train::oom::explain_look;
use std::time::Instant;

/// Images that go through the network together. Fixed, so that no setting moves a bit.
const IMAGES_AT_ONCE: usize = 32;
/// The same on a graphics card, which has more to do at once.
const ON_A_CARD: usize = 128;

/// Answers about a data set.
#[derive(Clone, Debug)]
pub struct Answers {
    /// The logits of each sample's first view, row-major `[N][L]`.
    pub logits: Vec<f32>,
    /// Probabilities, the views joined, row-major `[N][L]`.
    pub probabilities: Vec<f64>,
    /// Samples per second of each batch, with all their views.
    pub rates: Vec<f64>,
}

/// Looks at every sample in the ways of `tta`; `on_batch` hears how many samples are done more.
///
/// # Errors
/// When images cannot be read or do not fit the network.
pub fn answers(
    evaluator: &Evaluator,
    dataset: Dataset<'_>,
    (tta, statistics, workers): (TestTimeAugmentation, ChannelStatistics, usize),
    on_batch: &mut dyn FnMut(usize),
) -> Result<Answers, NnError> {
    let views = tta.views();
    let preparation = LoaderConfig { views: &|_| views.clone(), statistics, workers, mixup: None };
    let at_once = if evaluator.device.is_cpu() { IMAGES_AT_ONCE } else { ON_A_CARD };
    let batches = ordered_batches(dataset.len(), (at_once / views.len()).max(1));
    let labels = evaluator.labels();
    let mut answers = Answers { logits: vec![], probabilities: vec![], rates: vec![] };
    let mut clock = Instant::now();
    let (side, device) = (dataset.store.size_px(), &evaluator.device);
    let order = DeviceLoaderConfig {
        preparation: &preparation,
        targets: None,
        views: views.len(),
        side,
        device,
    };
    let looked = for_each_device_batch::<NnError>(dataset, &batches, &order, |batch| {
        let samples = batch.indices.len();
        let logits = evaluator.answer(&batch.images)?;
        for sample in logits.chunks_exact(views.len() * labels) {
            answers.logits.extend_from_slice(&sample[..labels]);
            answers.probabilities.extend((0..labels).map(|label| {
                let views = sample[label..].iter().step_by(labels);
                tta.join(views.map(|&logit| sigmoid(f64::from(logit))))
            }));
        }
        on_batch(samples);
        answers.rates.push(samples as f64 / clock.elapsed().as_secs_f64());
        clock = Instant::now();
        Ok(())
    });
    let images = batches.first().map_or(0, Vec::len) * views.len();
    looked.map_err(|error| explain_look(error, (images, side)))?;
    Ok(answers)
}

/// The middle of the rates: one slow batch does not move it. 0 where there is none.
#[must_use]
pub fn median(rates: &[f64]) -> f64 {
    let mut rates = rates.to_vec();
    rates.sort_by(f64::total_cmp);
    match rates.len() {
        0 => 0.0,
        count if count % 2 == 1 => rates[count / 2],
        count => f64::midpoint(rates[count / 2 - 1], rates[count / 2]),
    }
}

/// 1 / (1 + e⁻ˣ), without overflow on either side.
fn sigmoid(x: f64) -> f64 {
    let small = (-x.abs()).exp();
    if x < 0.0 { small / (1.0 + small) } else { 1.0 / (1.0 + small) }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The talk's numbers.
    #[test]
    fn sigmoid_gives_the_talks_probabilities() {
        let logits = [0.659_009_4, -1.144_195_4, 0.193_372_32, 1.570_172_75, -0.133_968_34];
        let expected = [0.659_037_83, 0.241_550_91, 0.548_193, 0.827_808_23, 0.466_557_92];
        for (logit, expected) in logits.into_iter().zip(expected) {
            assert!((sigmoid(logit) - expected).abs() < 1e-7);
        }
        assert!(sigmoid(-800.0) >= 0.0 && sigmoid(800.0) <= 1.0);
    }

    /// Why each label has a sigmoid of its own: softmax makes them share one, and the talk's
    /// sample keeps one place of the three that are more likely than not.
    #[test]
    fn softmax_makes_labels_compete_as_in_the_talk() {
        let logits = [0.659_009_4_f32, -1.144_195_4, 0.193_372_32, 1.570_172_8, -0.133_968_34];
        let expected = [0.211_317_54_f32, 0.034_818_79, 0.132_651_43, 0.525_592, 0.095_620_21];
        let exp =
            candle_core::Tensor::new(&logits, &candle_core::Device::Cpu).unwrap().exp().unwrap();
        let softmax = exp.broadcast_div(&exp.sum_all().unwrap()).unwrap().to_vec1::<f32>().unwrap();
        for (value, expected) in softmax.iter().zip(expected) {
            assert!((value - expected).abs() < 1e-6, "{value} for {expected}");
        }
        assert_eq!(softmax.iter().filter(|value| **value > 0.5).count(), 1);
        assert_eq!(logits.iter().filter(|x| sigmoid(f64::from(**x)) > 0.5).count(), 3);
    }

    #[test]
    fn the_median_is_in_the_middle() {
        assert!((median(&[3.0, 100.0, 1.0]) - 3.0).abs() < 1e-12);
        assert!((median(&[1.0, 2.0]) - 1.5).abs() < 1e-12);
        assert!(median(&[]).abs() < 1e-12);
    }
}

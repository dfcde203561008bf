//! Inference: logits and probabilities of a data set.

pub(crate) mod input_conv_check;
pub(crate) mod model;
pub(crate) mod tta;

use crate::data::dataset::{Dataset, ordered_batches};
use crate::data::device_loader::{DeviceLoaderConfig, for_each_device_batch};
use crate::data::loader::LoaderConfig;
use crate::data::statistics::ChannelStatistics;
use crate::error::NnError;
use crate::inference::model::InferenceModel;
use crate::inference::tta::TestTimeAugmentation;
use std::time::Instant;

/// Images of a batch. Fixed, so that no setting changes a bit.
const CPU_BATCH: usize = 32;
/// The same on a GPU, which needs more of them to be busy.
const GPU_BATCH: usize = 128;

/// Predictions for a data set.
#[derive(Clone, Debug)]
pub struct Predictions {
    /// The logits of each sample's first view, row-major `[N][L]`.
    pub logits: Vec<f32>,
    /// Probabilities over all views, row-major `[N][L]`.
    pub probabilities: Vec<f64>,
    /// Samples per second of each batch, with all their views.
    pub rates: Vec<f64>,
}

/// How [`predict`] prepares samples.
#[derive(Clone, Copy, Debug)]
pub struct PredictConfig {
    /// Views of each sample.
    pub tta: TestTimeAugmentation,
    /// Normalisation: those of the training images.
    pub statistics: ChannelStatistics,
    /// Data-loading threads.
    pub workers: usize,
}

/// Predicts every sample; `on_batch` is called after each batch with the number of its samples.
///
/// # Errors
/// When images cannot be read or do not fit the network.
pub fn predict(
    model: &InferenceModel,
    dataset: Dataset<'_>,
    config: PredictConfig,
    on_batch: &mut dyn FnMut(usize),
) -> Result<Predictions, NnError> {
    let PredictConfig { tta, statistics, workers } = config;
    let views = tta.views();
    let transforms = |_| views.clone();
    let loader = LoaderConfig { transforms: &transforms, statistics, workers, mixup: None };
    let batch_size = if model.device.is_cpu() { CPU_BATCH } else { GPU_BATCH };
    let batches = ordered_batches(dataset.len(), (batch_size / views.len()).max(1));
    let labels = model.num_labels();
    let size_px = dataset.store.size_px();
    let mut predictions = Predictions { logits: vec![], probabilities: vec![], rates: vec![] };
    let mut clock = Instant::now();
    let loader = DeviceLoaderConfig {
        loader: &loader,
        targets: None,
        views: views.len(),
        side_px: size_px,
        device: &model.device,
    };
    let outcome = for_each_device_batch::<NnError>(dataset, &batches, &loader, |batch| {
        let samples = batch.indices.len();
        let logits = model.forward(&batch.images)?;
        for sample in logits.chunks_exact(views.len() * labels) {
            predictions.logits.extend_from_slice(&sample[..labels]);
            predictions.probabilities.extend((0..labels).map(|label| {
                let views = sample[label..].iter().step_by(labels);
                tta.combine(views.map(|&logit| sigmoid(f64::from(logit))))
            }));
        }
        on_batch(samples);
        predictions.rates.push(samples as f64 / clock.elapsed().as_secs_f64());
        clock = Instant::now();
        Ok(())
    });
    match outcome {
        Err(error) if error.is_out_of_memory() => {
            let images = batches.first().map_or(0, Vec::len) * views.len();
            Err(NnError::InferenceOutOfMemory { images, side_px: size_px })
        }
        outcome => outcome.map(|()| predictions),
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
        // A sigmoid per label predicts three labels; softmax would make them compete, and one win.
        assert_eq!(logits.iter().filter(|logit| sigmoid(**logit) > 0.5).count(), 3);
    }
}

//! Validation: loss and F1 on the held-out fold, overall and per label.

use crate::config::LossConfig;
use crate::error::NnError;
use crate::inference::model::InferenceModel;
use crate::inference::tta::TestTimeAugmentation;
use crate::inference::{PredictConfig, Predictions, predict};
use crate::train::epoch::TrainData;
use candle_core::{Device, Tensor};
use hpa_core::SampleId;
use hpa_metrics::{Confusion, Metric};

/// Scores on the held-out fold at threshold 0.5.
pub(crate) struct Validation {
    pub(crate) loss: f64,
    pub(crate) macro_f1: f64,
    /// F1 of each label; 0 for a label without positives or predictions.
    pub(crate) label_f1: Vec<f64>,
    /// Each label's part of the loss: their sum or mean is the loss, as its reduction says.
    pub(crate) label_loss: Vec<f64>,
    /// Samples with a logit that is not finite.
    pub(crate) non_finite: Vec<SampleId>,
}

/// Predicts and scores the held-out fold.
pub(crate) fn validate(
    model: &InferenceModel,
    data: &TrainData<'_>,
    loss: &LossConfig,
) -> Result<Validation, NnError> {
    let TrainData { valid, labels, label_weights, statistics, workers, .. } = *data;
    let config = PredictConfig { tta: TestTimeAugmentation::None, statistics, workers };
    let Predictions { logits, .. } = predict(model, valid, config, &mut |_| {})?;
    let targets = valid.targets(&(0..valid.len()).collect::<Vec<_>>(), labels);
    let truth: Vec<bool> = targets.iter().map(|&target| target > 0.5).collect();
    let predicted: Vec<bool> = logits.iter().map(|&logit| logit > 0.0).collect();
    let confusion = Confusion::new(&truth, &predicted, labels);
    let mut label_loss = Vec::with_capacity(labels);
    for label in 0..labels {
        let weight = label_weights.get(label..=label).unwrap_or_default();
        let logits = column(&logits, label, labels);
        let targets = column(&targets, label, labels);
        label_loss.push(mean_loss(loss, &logits, &targets, weight, 1)?);
    }
    let is_non_finite = |logits: &[f32]| logits.iter().any(|logit| !logit.is_finite());
    let non_finite = valid.samples.iter().zip(logits.chunks_exact(labels));
    Ok(Validation {
        loss: mean_loss(loss, &logits, &targets, label_weights, labels)?,
        macro_f1: confusion.score(Metric::MACRO_F1),
        label_f1: confusion.label_counts().iter().map(hpa_metrics::Counts::f1).collect(),
        label_loss,
        non_finite: non_finite
            .filter(|(_, logits)| is_non_finite(logits))
            .map(|(sample, _)| sample.id.clone())
            .collect(),
    })
}

/// One label's column of a matrix `[N, L]`.
fn column(matrix: &[f32], label: usize, labels: usize) -> Vec<f32> {
    matrix[label..].iter().step_by(labels).copied().collect()
}

/// The loss of logits against targets, both `[N, L]`.
fn mean_loss(
    loss: &LossConfig,
    logits: &[f32],
    targets: &[f32],
    label_weights: &[f32],
    labels: usize,
) -> Result<f64, NnError> {
    let matrix =
        |values: &[f32]| Tensor::from_slice(values, (values.len() / labels, labels), &Device::Cpu);
    let loss = loss.loss(&matrix(logits)?, &matrix(targets)?, label_weights)?;
    Ok(f64::from(loss.to_scalar::<f32>()?))
}

//! How the samples held out are answered, as a whole and label by label.

use crate::error::NnError;
use crate::inference::model::InferenceModel;
use crate::inference::tta::TestTimeAugmentation;
use crate::inference::{PredictConfig, Predictions, predict};
use crate::train::loss::Loss;
use crate::train::trainer::TrainData;
use candle_core::{Device, Tensor};
use hpa_core::SampleId;
use hpa_metrics::{Confusion, Metric};

/// Scores of the samples held out, at threshold 0.5.
pub(crate) struct Validation {
    pub(crate) loss: f64,
    pub(crate) macro_f1: f64,
    /// F1 of each label; 0 where there is nothing to find and nothing found.
    pub(crate) label_f1: Vec<f64>,
    /// Each label's part of the loss: they add up to it (sum) or average to it (mean).
    pub(crate) label_loss: Vec<f64>,
    /// Samples whose answer is no number.
    pub(crate) broken: Vec<SampleId>,
}

/// Asks the network about all samples held out.
pub(crate) fn validate(
    model: &InferenceModel,
    task: &TrainData<'_>,
    loss: &Loss,
) -> Result<Validation, NnError> {
    let TrainData { valid, labels, label_weights, statistics, workers, .. } = *task;
    let config = PredictConfig { tta: TestTimeAugmentation::None, statistics, workers };
    let Predictions { logits, .. } = predict(model, valid, config, &mut |_| {})?;
    let targets = valid.targets(&(0..valid.len()).collect::<Vec<_>>(), labels);
    let truth: Vec<bool> = targets.iter().map(|&target| target > 0.5).collect();
    let decided: Vec<bool> = logits.iter().map(|&logit| logit > 0.0).collect();
    let outcomes = Confusion::new(&truth, &decided, labels);
    let broken = valid.samples.iter().zip(logits.chunks_exact(labels));
    Ok(Validation {
        loss: of(loss, &logits, &targets, label_weights, labels)?,
        macro_f1: outcomes.score(Metric::MACRO_F1),
        label_f1: outcomes.label_counts().iter().map(hpa_metrics::Counts::f1).collect(),
        label_loss: (0..labels)
            .map(|label| {
                let weight = label_weights.get(label..=label).unwrap_or_default();
                let [logits, targets] =
                    [&logits, &targets].map(|matrix| column(matrix, label, labels));
                of(loss, &logits, &targets, weight, 1)
            })
            .collect::<Result<_, _>>()?,
        broken: broken
            .filter(|(_, logits)| logits.iter().any(|logit| !logit.is_finite()))
            .map(|(sample, _)| sample.id.clone())
            .collect(),
    })
}

fn column(matrix: &[f32], label: usize, labels: usize) -> Vec<f32> {
    matrix[label..].iter().step_by(labels).copied().collect()
}

fn of(
    loss: &Loss,
    logits: &[f32],
    targets: &[f32],
    weights: &[f32],
    labels: usize,
) -> Result<f64, NnError> {
    let matrix =
        |values: &[f32]| Tensor::from_slice(values, (values.len() / labels, labels), &Device::Cpu);
    Ok(f64::from(loss.of(&matrix(logits)?, &matrix(targets)?, weights)?.to_scalar::<f32>()?))
}

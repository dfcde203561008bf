//! Prediction of every sample: by the model of its fold, or by all models.

use crate::config::Config;
use crate::model::Model;
use anyhow::bail;
use hpa_artifacts::{FoldColumn, Folds, Loaded, Predictions};
use hpa_cli::{Progress, RunContext};
use hpa_core::{LabelSet, SampleId};
use hpa_nn::{Dataset, PredictConfig, Sample, predict};

/// Runs the models of a [`Config`].
pub(crate) struct Predictor<'a> {
    config: &'a Config,
    context: &'a RunContext,
    /// Samples per second of each batch so far.
    pub(crate) rates: Vec<f64>,
}

impl<'a> Predictor<'a> {
    pub(crate) const fn new(config: &'a Config, context: &'a RunContext) -> Self {
        Self { config, context, rates: Vec::new() }
    }

    /// Every sample of the folds file, in its order, by the model that was not trained on it.
    pub(crate) fn predict_out_of_fold(
        &mut self,
        folds: &Loaded<Folds>,
    ) -> anyhow::Result<Predictions> {
        let Config { models, .. } = self.config;
        let names = models[0].label_names.clone();
        let samples = self.samples_of(folds)?;
        let progress = self.progress(samples.len());
        let mut probabilities = vec![0.0; samples.len() * names.count()];
        for (fold, model) in folds.count.folds().zip(models) {
            let held_out: Vec<usize> =
                (0..samples.len()).filter(|&index| folds.rows[index].fold == fold).collect();
            let held_out_samples: Vec<Sample> =
                held_out.iter().map(|&index| samples[index].clone()).collect();
            let predicted = self.predict(model, &held_out_samples, &progress)?;
            for (&index, row) in held_out.iter().zip(predicted.chunks_exact(names.count())) {
                let target = &mut probabilities[index * names.count()..];
                target.iter_mut().zip(row).for_each(|(to, &from)| *to = to_f32(from));
            }
        }
        progress.finish();
        let ids = folds.rows.iter().map(|row| row.id.clone()).collect();
        let column = folds.rows.iter().map(|row| row.fold).collect();
        let folds = Some(FoldColumn { count: folds.count, folds: column });
        Ok(Predictions { names, ids, folds, probabilities })
    }

    /// Every sample of the shards, in their order: the mean over the models.
    pub(crate) fn predict_mean(&mut self) -> anyhow::Result<Predictions> {
        let Config { store, models, .. } = self.config;
        let ids = store.ids();
        let samples: Vec<Sample> =
            ids.iter().enumerate().map(|(row, id)| unlabelled(id, row)).collect();
        let names = models[0].label_names.clone();
        let progress = self.progress(samples.len() * models.len());
        let mut sums = vec![0.0; samples.len() * names.count()];
        for model in models {
            let predicted = self.predict(model, &samples, &progress)?;
            sums.iter_mut().zip(predicted).for_each(|(sum, probability)| *sum += probability);
        }
        progress.finish();
        let count = models.len() as f64;
        let probabilities = sums.into_iter().map(|sum| to_f32(sum / count)).collect();
        Ok(Predictions { names, ids: ids.to_vec(), folds: None, probabilities })
    }

    /// Probabilities `[N][L]` of one model.
    fn predict(
        &mut self,
        model: &Model,
        samples: &[Sample],
        progress: &Progress,
    ) -> anyhow::Result<Vec<f64>> {
        let Config { store, tta, workers, .. } = self.config;
        let dataset = Dataset { store, samples };
        let config = PredictConfig { tta: *tta, statistics: model.statistics, workers: *workers };
        let on_batch = &mut |samples| progress.inc(samples as u64);
        let predictions = predict(&model.network, dataset, config, on_batch)?;
        self.rates.extend(predictions.rates);
        Ok(predictions.probabilities)
    }

    fn samples_of(&self, folds: &Loaded<Folds>) -> anyhow::Result<Vec<Sample>> {
        let mut missing = Vec::new();
        let mut samples = Vec::new();
        for row in &folds.rows {
            match self.config.store.position(&row.id) {
                Some(index) => samples.push(unlabelled(&row.id, index)),
                None => missing.push(row.id.as_str()),
            }
        }
        if missing.is_empty() {
            return Ok(samples);
        }
        let listed = &missing[..missing.len().min(20)];
        bail!(
            "{} samples of {} have no image in the shards: {}{}",
            missing.len(),
            folds.origin.path.display(),
            listed.join(", "),
            if listed.len() < missing.len() { ", …" } else { "" }
        )
    }

    fn progress(&self, images: usize) -> Progress {
        self.context.progress("predicting", images as u64, "images")
    }
}

/// A sample whose labels are not needed.
fn unlabelled(id: &SampleId, row: usize) -> Sample {
    Sample { id: id.clone(), row, labels: LabelSet::default() }
}

#[expect(clippy::cast_possible_truncation, reason = "the file holds 32-bit floats")]
const fn to_f32(probability: f64) -> f32 {
    probability as f32
}

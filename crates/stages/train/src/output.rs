//! The outputs of training: checkpoint, history and report.

use crate::{Args, RECIPE_VERSION};
use hpa_artifacts::{Artifact, Checkpoint, CheckpointMeta, History, Provenance, Weights};
use hpa_core::{FoldCount, LabelNames};
use hpa_nn::{ChannelStatistics, median};
use serde::Serialize;
use std::collections::BTreeMap;

/// The JSON value of training.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct TrainReport {
    /// Median over the steps; none if nothing was trained.
    pub images_per_second: Option<f64>,
    /// Whether a network was trained; otherwise the checkpoint was up to date.
    pub trained: bool,
    /// Epochs in the history.
    pub epochs: Option<usize>,
    /// Training loss of the last epoch.
    pub train_loss: Option<f64>,
    /// Loss on the held-out fold in the last epoch.
    pub valid_loss: Option<f64>,
    /// Macro F1 on the held-out fold at threshold 0.5 in the last epoch.
    pub valid_macro_f1: Option<f64>,
}

impl TrainReport {
    /// For a network that was trained, at these images per second of each step.
    #[must_use]
    pub fn trained(history: &History, images_per_second: &[f64]) -> Self {
        Self {
            images_per_second: (!images_per_second.is_empty()).then(|| median(images_per_second)),
            trained: true,
            ..Self::up_to_date(Some(history))
        }
    }

    /// For a checkpoint that was up to date.
    #[must_use]
    pub fn up_to_date(history: Option<&History>) -> Self {
        let last = history.and_then(|history| history.rows.last());
        Self {
            images_per_second: None,
            trained: false,
            epochs: history.map(|history| history.rows.len()),
            train_loss: last.map(|row| row.train_loss),
            valid_loss: last.map(|row| row.valid_loss),
            valid_macro_f1: last.map(|row| row.valid_macro_f1),
        }
    }
}

/// The result of training.
pub(crate) struct TrainOutput {
    pub(crate) tensors: BTreeMap<String, Weights>,
    pub(crate) history: History,
    pub(crate) statistics: ChannelStatistics,
    pub(crate) size_px: usize,
    pub(crate) label_names: LabelNames,
    pub(crate) folds: FoldCount,
    /// SIMD path or kind of GPU, on which rounding depends.
    pub(crate) compute_path: &'static str,
}

impl TrainOutput {
    /// Writes the history, then the checkpoint, so that a checkpoint implies a history.
    pub(crate) fn write(&self, args: &Args, provenance: &Provenance) -> anyhow::Result<()> {
        if let Some(path) = &args.out_history {
            path.write(&self.history, provenance)?;
        }
        let config = args.config();
        let meta = CheckpointMeta {
            architecture: config.model.architecture.name().to_owned(),
            recipe_version: RECIPE_VERSION,
            size_px: self.size_px,
            mean: self.statistics.mean,
            std: self.statistics.std,
            label_names: self.label_names.clone(),
            fold: u8::try_from(args.fold()?)?,
            folds: self.folds.get(),
            seed: config.run.seed,
            simd: self.compute_path.to_owned(),
            checkpoint: config.run.checkpoint.name().to_owned(),
            settings: serde_json::to_value(config)?,
            provenance: provenance.clone(),
        };
        let checkpoint = Checkpoint { meta, tensors: self.tensors.clone() };
        checkpoint.write(args.out()?.path(), provenance)?;
        Ok(())
    }
}

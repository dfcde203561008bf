//! What training leaves behind: files and a report.

use crate::{Args, RECIPE_VERSION};
use hpa_artifacts::{Artifact, Checkpoint, CheckpointMeta, History, Provenance, Weights};
use hpa_core::{FoldCount, LabelNames};
use hpa_nn::{ChannelStatistics, median};
use serde::Serialize;
use std::collections::BTreeMap;

/// What `--json` prints.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Report {
    /// Median over the batches; nothing where nothing was trained.
    pub images_per_second: Option<f64>,
    /// Whether weights were trained, or found up to date.
    pub trained: bool,
    /// Epochs in the history.
    pub epochs: Option<usize>,
    /// Training loss of the last epoch.
    pub train_loss: Option<f64>,
    /// Loss on the fold held out, last epoch.
    pub valid_loss: Option<f64>,
    /// Macro F1 on the fold held out at threshold 0.5, last epoch.
    pub valid_macro_f1: Option<f64>,
}

impl Report {
    /// Of training that has just ended.
    #[must_use]
    pub fn trained(history: &History, rates: &[f64]) -> Self {
        let images_per_second = (!rates.is_empty()).then(|| median(rates));
        Self { images_per_second, trained: true, ..Self::confirmed(Some(history)) }
    }

    /// Of a checkpoint that was found.
    #[must_use]
    pub fn confirmed(history: Option<&History>) -> Self {
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
pub(crate) struct Made {
    pub(crate) tensors: BTreeMap<String, Weights>,
    pub(crate) history: History,
    pub(crate) statistics: ChannelStatistics,
    pub(crate) size_px: usize,
    pub(crate) label_names: LabelNames,
    pub(crate) folds: FoldCount,
    /// What decided how sums rounded.
    pub(crate) path: &'static str,
}

impl Made {
    /// Writes the history, then the checkpoint: where there is a checkpoint, all is there.
    pub(crate) fn write(&self, args: &Args, provenance: &Provenance) -> anyhow::Result<()> {
        if let Some(path) = &args.out_history {
            path.write(&self.history, provenance)?;
        }
        let meta = CheckpointMeta {
            architecture: args.settings.architecture.name().to_owned(),
            recipe_version: RECIPE_VERSION,
            size_px: self.size_px,
            mean: self.statistics.mean,
            std: self.statistics.std,
            label_names: self.label_names.clone(),
            fold: u8::try_from(args.fold)?,
            folds: self.folds.get(),
            seed: args.settings.seed,
            simd: self.path.to_owned(),
            checkpoint: args.settings.checkpoint.name().to_owned(),
            settings: serde_json::to_value(&args.settings)?,
            provenance: provenance.clone(),
        };
        let checkpoint = Checkpoint { meta, tensors: self.tensors.clone() };
        checkpoint.write(args.out()?.path(), provenance)?;
        Ok(())
    }
}

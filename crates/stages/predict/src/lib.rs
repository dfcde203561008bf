//! Probabilities from checkpoints: out of fold, or the mean over models.
//!
//! With `--folds`, each model predicts the samples of the fold named in its metadata, which it was
//! not trained on. Without, every model predicts every sample, and the mean is taken in f64, in the
//! order of the arguments, and rounded once.

mod config;
mod model;
mod predictor;

use config::Config;
use hpa_artifacts::{Checkpoint, Folds, Predictions};
use hpa_cli::{Input, Output, RunContext};
use hpa_nn::{DeviceKind, TestTimeAugmentation, median};
use predictor::Predictor;
use serde::Serialize;
use std::path::PathBuf;

/// The flags of `hpa-predict`.
#[derive(clap::Args, Debug)]
pub struct Args {
    /// Checkpoints that hpa-train wrote, one or more
    #[arg(long, required = true, num_args = 1.., value_name = "MODEL.safetensors")]
    pub model: Vec<Input<Checkpoint>>,
    /// The pixels: shards that hpa-preprocess wrote
    #[arg(long, required = true, num_args = 1.., value_name = "SHARD.parquet")]
    pub images: Vec<PathBuf>,
    /// Predict out of fold: each sample by the model that was not trained on it
    #[arg(long, value_name = "FILE.parquet")]
    pub folds: Option<Input<Folds>>,
    /// Test-time augmentation: none, d4, d4-max, fastai or crops:N
    #[arg(long, value_name = "MODE", default_value = "none")]
    pub tta: TestTimeAugmentation,
    /// Where to compute: auto, cpu or cuda
    #[arg(long, value_name = "DEVICE", default_value = "auto")]
    pub device: DeviceKind,
    /// Where to write the probabilities
    #[arg(long, value_name = "FILE.parquet")]
    pub out: Output<Predictions>,
}

/// What `--json` prints.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Report {
    /// Samples per second and model, with all their views: median over the batches.
    pub images_per_second: f64,
    /// Samples in the output.
    pub samples: usize,
    /// Models that predicted.
    pub models: usize,
    /// Test-time augmentation.
    pub tta: String,
}

/// Reads the inputs, predicts, writes the output.
///
/// # Errors
/// When models, folds and images do not belong together, or a file is at fault.
pub fn run(args: &Args, context: &RunContext) -> anyhow::Result<Report> {
    hpa_ops::select_simd()?;
    let config = Config::new(args, context)?;
    let mut predictor = Predictor::new(&config, context);
    let predictions = match &config.folds {
        Some(folds) => predictor.predict_out_of_fold(folds)?,
        None => predictor.predict_mean()?,
    };
    args.out.write(&predictions, &config.provenance)?;
    Ok(Report {
        images_per_second: median(&predictor.rates),
        samples: predictions.ids.len(),
        models: config.models.len(),
        tta: config.tta.to_string(),
    })
}

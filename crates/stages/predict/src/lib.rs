//! Probabilities from checkpoints: out of fold, or the mean over folds.
//!
//! With `--folds`, each model predicts the samples that it has not learnt from: those of the
//! fold named in its metadata. Without, every model predicts every sample, and the mean is
//! taken in 64 bits, in the order of the arguments, and rounded once.

mod average;
mod models;
mod out_of_fold;

use hpa_artifacts::{Checkpoint, Digest, Folds, Predictions, Provenance, check_made_from};
use hpa_cli::{Input, Output, Progress, RunContext};
use hpa_core::LabelSet;
use hpa_nn::{Answers, Dataset, Device, Sample, TestTimeAugmentation, answers, median};
use models::Model;
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
    /// Predict out of fold: each sample by the model that has not learnt from it
    #[arg(long, value_name = "FILE.parquet")]
    pub folds: Option<Input<Folds>>,
    /// Ways to look at each sample: none, d4, d4-max, mix or crops:N
    #[arg(long, value_name = "MODE", default_value = "none")]
    pub tta: TestTimeAugmentation,
    /// Where to compute: auto, cpu or cuda
    #[arg(long, value_name = "DEVICE", default_value = "auto")]
    pub device: Device,
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
    /// How samples were looked at.
    pub tta: String,
}

/// The settings that decide the output.
#[derive(Serialize)]
struct Decisive {
    tta: String,
}

/// Reads the inputs, predicts, writes the output.
///
/// # Errors
/// When models, folds and images do not belong together, or a file is at fault.
pub fn run(args: &Args, context: &RunContext) -> anyhow::Result<Report> {
    hpa_ops::select_simd()?;
    let computer = args.device.open()?;
    if let Some(notice) = &computer.notice {
        context.info(notice);
    }
    let store = context.open_images(&args.images)?;
    let folds = args.folds.as_ref().map(|folds| folds.read(context)).transpose()?;
    let models = models::read(&args.model, store.size_px(), (context, &computer))?;
    let digests: Vec<Digest> = models.iter().map(|model| model.origin.digest).collect();
    // The same models are the same ancestor, however the command line lists them.
    let mut lineage = digests.clone();
    lineage.sort_unstable();
    let mut provenance = Provenance::new(&Decisive { tta: args.tta.to_string() })
        .with_input("model", Digest::combine(&digests))
        .with_input("images", store.digest())
        .with_lineage_of(&models[0].origin)
        .with_ancestor("models", Digest::combine(&lineage));
    if let Some(folds) = &folds {
        for model in &models {
            check_made_from(&model.origin, "images", (store.digest(), &args.images[0]))?;
        }
        provenance = provenance.with_input("folds", folds.origin.digest);
    }
    let mut looking =
        Looking { args, context, workers: computer.loaders(context.threads()), rates: Vec::new() };
    let predictions = match &folds {
        Some(folds) => out_of_fold::predict(&models, folds, &store, &mut looking)?,
        None => average::predict(&models, &store, &mut looking)?,
    };
    args.out.write(&predictions, &provenance)?;
    Ok(Report {
        images_per_second: median(&looking.rates),
        samples: predictions.ids.len(),
        models: models.len(),
        tta: args.tta.to_string(),
    })
}

/// How samples are looked at, and how fast that went.
struct Looking<'a> {
    args: &'a Args,
    context: &'a RunContext,
    workers: usize,
    rates: Vec<f64>,
}

impl Looking<'_> {
    fn progress(&self, samples: usize) -> Progress {
        self.context.progress("predicting", samples as u64, "images")
    }

    /// Probabilities `[N][L]` of one model.
    fn look(
        &mut self,
        model: &Model,
        dataset: Dataset<'_>,
        progress: &Progress,
    ) -> anyhow::Result<Vec<f64>> {
        let how = (self.args.tta, model.statistics, self.workers);
        let Answers { probabilities, rates, .. } =
            answers(&model.evaluator, dataset, how, &mut |samples| progress.inc(samples as u64))?;
        self.rates.extend(rates);
        Ok(probabilities)
    }
}

/// A sample whose labels nobody asks for.
fn unlabelled(id: &hpa_core::SampleId, row: usize) -> Sample {
    Sample { id: id.clone(), row, labels: LabelSet::default() }
}

#[expect(clippy::cast_possible_truncation, reason = "the file holds 32-bit floats")]
const fn rounded(probability: f64) -> f32 {
    probability as f32
}

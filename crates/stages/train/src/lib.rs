//! Trains one network on all folds but one.
//!
//! Reads pixels, labels and folds; learns from every sample that is not in the fold named by
//! `--fold`, scores the ones that are after each epoch, and writes the weights and the history.
//! A checkpoint that the same recipe made from the same inputs is confirmed, not made again;
//! a run that was killed goes on from its last whole epoch and ends with the same bytes.

mod args;
mod confirm;
mod outcome;
mod resume;
mod samples;
mod settings;

pub use args::Args;
pub use outcome::Report;
pub use settings::{AugmentationSettings, Settings};

use anyhow::Context;
use hpa_artifacts::atomic::AtomicFile;
use hpa_artifacts::{
    ArtifactError, Digest, Folds, History, ImageStore, Labels, Loaded, Provenance,
    read_foreign_weights,
};
use hpa_nn::{ChannelStatistics, Dataset, NnError, Step, Task, Trainer};
use hpa_stage::{Output, Stage};
use outcome::Made;
use resume::Keeper;
use samples::Samples;
use serde::Serialize;

/// Raised when the same settings and inputs are trained in another way than before, so that
/// checkpoints on disk no longer are what they would be.
///
/// It stands in a file of its own because the Makefile makes checkpoints depend on it.
pub const RECIPE_VERSION: u32 =
    match u32::from_str_radix(include_str!("../recipe-version").trim_ascii(), 10) {
        Ok(version) => version,
        Err(_) => panic!("recipe-version holds one whole number"),
    };

/// What decides a checkpoint beside its inputs.
#[derive(Serialize)]
struct Decisive<'a> {
    #[serde(flatten)]
    settings: &'a Settings,
    fold: u64,
}

/// What training reads.
struct Inputs {
    store: ImageStore,
    labels: Loaded<Labels>,
    folds: Loaded<Folds>,
    samples: Samples,
    provenance: Provenance,
}

/// Reads the inputs, trains, writes the outputs.
///
/// # Errors
/// When an input is at fault, the outputs cannot be written, or training falls apart.
pub fn run(args: &Args, stage: &Stage) -> anyhow::Result<Report> {
    args.device.check()?;
    hpa_ops::select_simd()?;
    args.settings.precision.check()?;
    let inputs = Inputs::read(args, stage)?;
    if let Some(report) = confirm::confirm(args, &inputs.provenance) {
        stage.notice(format!("{} is up to date", args.out.path().display()));
        return Ok(report);
    }
    check_writable(args)?;
    let task = inputs.task(stage)?;
    let network = network(args, stage, task.labels)?;
    let mut trainer = Trainer::new(task, args.settings.recipe(), network)?;
    let mut keeper = Keeper::new(args, &inputs.provenance);
    keeper.resume(&mut trainer, stage)?;
    let rates = train(&mut trainer, &mut keeper, args, stage)?;
    let made = Made {
        tensors: trainer.tensors()?,
        history: History {
            rows: trainer.history().to_vec(),
            checkpoint: args.settings.checkpoint.name().to_owned(),
        },
        statistics: task.statistics,
        size_px: inputs.store.size_px(),
        label_names: inputs.labels.names.clone(),
        folds: inputs.folds.count,
    };
    made.write(args, &inputs.provenance)?;
    keeper.clear()?;
    Ok(Report::trained(&made.history, &rates))
}

/// Finds out before hours of training whether its outputs can be written after it.
fn check_writable(args: &Args) -> Result<(), ArtifactError> {
    let history = args.out_history.as_ref().map(Output::path);
    // Dropped, an unfinished file leaves nothing.
    [Some(args.out.path()), history]
        .into_iter()
        .flatten()
        .try_for_each(|path| AtomicFile::create(path).map(drop))
}

impl Inputs {
    fn read(args: &Args, stage: &Stage) -> anyhow::Result<Self> {
        let labels = args.labels.read(stage)?;
        let folds = args.folds.read(stage)?;
        let fold = folds.count.fold(args.fold).context("--fold")?;
        let store = stage.open_images(&args.images)?;
        let samples = samples::join(&folds, &labels, &store, fold)?;
        let decisive = Decisive { settings: &args.settings, fold: args.fold };
        let mut provenance = Provenance::new(&decisive)
            .with_input("images", store.digest())
            .with_input("labels", labels.origin.digest)
            .with_input("folds", folds.origin.digest)
            .with_ancestor("folds", folds.origin.digest);
        if let Some(weights) = &args.weights {
            provenance = provenance.with_input("weights", Digest::of_file(weights)?);
        }
        Ok(Self { store, labels, folds, samples, provenance })
    }

    fn task(&self, stage: &Stage) -> anyhow::Result<Task<'_>> {
        let Self { store, labels, samples, .. } = self;
        let rows: Vec<usize> = samples.train.iter().map(|sample| sample.row).collect();
        Ok(Task {
            train: Dataset { store, samples: &samples.train },
            valid: Dataset { store, samples: &samples.valid },
            labels: labels.names.count(),
            statistics: ChannelStatistics::of(store, &rows)?,
            // Half a loader a thread: it is several times as fast as the network.
            workers: stage.threads().div_ceil(2),
        })
    }
}

/// A network with the weights that training starts from.
fn network(args: &Args, stage: &Stage, labels: usize) -> anyhow::Result<hpa_nn::Network> {
    let Settings { architecture, seed, pretrained, first_conv, .. } = args.settings;
    let seed = hpa_core::Seed::new(seed);
    let Some(path) = &args.weights else {
        if pretrained {
            stage.notice("pretrained = true, but there are no --weights: training from scratch");
        }
        return Ok(hpa_nn::Network::new(architecture, labels, seed)?);
    };
    let file = read_foreign_weights(path)?;
    let (network, imported) =
        hpa_nn::Network::pretrained(architecture, labels, seed, (file, first_conv))
            .with_context(|| format!("cannot start from {}", path.display()))?;
    stage.notice(format!(
        "starting from {}{}{}",
        path.display(),
        if imported.widened_first_convolution {
            ", first convolution widened to four channels"
        } else {
            ""
        },
        if imported.replaced_classifier { ", classifier replaced" } else { "" },
    ));
    Ok(network)
}

/// Trains until all epochs are done; the images per second of each batch.
fn train(
    trainer: &mut Trainer<'_>,
    keeper: &mut Keeper,
    args: &Args,
    stage: &Stage,
) -> anyhow::Result<Vec<f64>> {
    let epochs = args.settings.epochs;
    let total = trainer.images_to_go();
    let progress = stage.progress("training", total as u64, "images");
    let mut rates = Vec::new();
    while !trainer.is_done() {
        let epoch = trainer.history().len() + 1;
        let result: Result<(), NnError> = trainer.epoch(&mut |step: Step| {
            rates.push(step.samples as f64 / step.seconds);
            progress.inc(step.samples as u64);
            progress.message(format!("epoch {epoch}/{epochs}, loss {:.4}", step.loss));
        });
        result?;
        // After the last epoch the checkpoint itself is the state.
        if !trainer.is_done() {
            keeper.save(trainer)?;
        }
    }
    keeper.wait()?;
    progress.finish();
    Ok(rates)
}

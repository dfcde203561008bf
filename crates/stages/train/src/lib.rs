//! Trains one network on all folds but one.
//!
//! Reads images, labels and folds; trains on every sample outside the held-out fold, validates on
//! that fold after each epoch, and writes the checkpoint and the history. An up-to-date checkpoint
//! is not trained again; a run that was killed resumes from its last state and ends with the same
//! bytes. Other modes search for a learning rate, check the configuration, compare the adapted
//! first convolution with the original one, or draw augmented samples.

mod args;
mod check;
mod check_input_conv;
mod checkpoint_manager;
mod contact_sheet;
mod fingerprint;
mod lr_finder;
mod lr_plot;
mod output;
mod samples;
mod tensorboard;
mod train_loop;
mod up_to_date;

pub use args::{Args, ConfigArgs, FinderArgs, RENAMED};
pub use check::CheckReport;
pub use check_input_conv::InputConvReport;
pub use contact_sheet::ContactSheet;
pub use lr_finder::FinderReport;
pub use output::TrainReport;

use anyhow::Context;
use checkpoint_manager::CheckpointManager;
use fingerprint::ConfigFingerprint;
use hpa_artifacts::atomic::{AtomicFile, remove_leftovers};
use hpa_artifacts::{
    ArtifactError, Digest, Folds, History, ImageStore, Labels, Loaded, Provenance, check_made_from,
    read_external_weights,
};
use hpa_cli::{Output, RunContext};
use hpa_nn::{
    ChannelStatistics, Dataset, Device, LoadReport, Network, TrainConfig, TrainData, Trainer,
};
use output::TrainOutput;
use samples::Samples;
use serde::Serialize;
use std::path::Path;
use train_loop::TrainLoop;

/// Raised when the same settings and inputs are trained differently than before, which makes
/// existing checkpoints outdated.
///
/// It has a file of its own because the Makefile makes checkpoints depend on it.
pub const RECIPE_VERSION: u32 =
    match u32::from_str_radix(include_str!("../recipe-version").trim_ascii(), 10) {
        Ok(version) => version,
        Err(_) => panic!("recipe-version holds one whole number"),
    };

/// The JSON value of each mode.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(untagged)]
pub enum Report {
    /// Training.
    Train(TrainReport),
    /// `--find-learning-rate`
    Finder(FinderReport),
    /// `--check`
    Check(CheckReport),
    /// `--check-input-conv`
    InputConv(InputConvReport),
    /// `--show-augmentation`
    ContactSheet(ContactSheet),
}

/// Runs the mode that the flags ask for.
///
/// # Errors
/// When an input is invalid, an output cannot be written, training diverges or a check fails.
pub fn run(args: &Args, context: &RunContext) -> anyhow::Result<Report> {
    args.config().validate()?;
    args.finder.check()?;
    if args.check {
        return check::run(args, context).map(Report::Check);
    }
    if args.check_input_conv {
        return check_input_conv::run(args, context).map(Report::InputConv);
    }
    if !args.show_augmentation.is_empty() {
        return contact_sheet::run(args, context).map(Report::ContactSheet);
    }
    hpa_ops::select_simd()?;
    let device = args.device.open()?;
    device.check(args.config().run.precision)?;
    if let Some(notice) = &device.notice {
        context.info(notice);
    }
    if args.finder.find_learning_rate {
        lr_finder::run(args, context, &device).map(Report::Finder)
    } else {
        train(args, context, &device).map(Report::Train)
    }
}

fn train(args: &Args, context: &RunContext, device: &Device) -> anyhow::Result<TrainReport> {
    let config = args.config();
    let fingerprint = ConfigFingerprint { config, fold: args.fold()?, finder: None };
    let inputs = Inputs::read(args, context, &fingerprint)?;
    let mut checkpoints = CheckpointManager::new(args, &inputs.provenance, device);
    if let Some(report) = up_to_date::up_to_date(args, &fingerprint, &inputs.provenance) {
        context.info(format!("{} is up to date", args.out()?.path().display()));
        checkpoints.clear()?;
        return Ok(report);
    }
    check_writable(args)?;
    let data = inputs.train_data(context, device)?;
    let mut network = initial_network(args, context, data.labels)?;
    network.to_device(device)?;
    let mut trainer = Trainer::new(data, config.clone(), network)?;
    checkpoints.resume(&mut trainer, context)?;
    let label_names = &inputs.labels.names;
    let train_loop = TrainLoop::new(args, context, &trainer, &mut checkpoints, label_names)?;
    let images_per_second = train_loop.run(&mut trainer)?;
    let output = TrainOutput {
        tensors: trainer.tensors()?,
        history: History {
            rows: trainer.history().to_vec(),
            checkpoint: config.run.checkpoint.name().to_owned(),
        },
        statistics: data.statistics,
        size_px: inputs.store.size_px(),
        label_names: label_names.clone(),
        folds: inputs.folds.count,
        compute_path: device.path(),
    };
    output.write(args, &inputs.provenance)?;
    checkpoints.clear()?;
    Ok(TrainReport::trained(&output.history, &images_per_second))
}

/// Finds out before hours of training whether the outputs can be written.
fn check_writable(args: &Args) -> Result<(), ArtifactError> {
    let out = args.out.as_ref().map(Output::path);
    let history = args.out_history.as_ref().map(Output::path);
    for path in [out, history, args.out_events.as_deref()].into_iter().flatten() {
        remove_leftovers(path)?;
        // A dropped file leaves nothing.
        AtomicFile::create(path)?;
    }
    Ok(())
}

/// What training reads.
struct Inputs {
    store: ImageStore,
    labels: Loaded<Labels>,
    folds: Loaded<Folds>,
    samples: Samples,
    /// Weight of each label in the loss; empty where all weigh 1.
    label_weights: Vec<f32>,
    provenance: Provenance,
}

impl Inputs {
    fn read(
        args: &Args,
        context: &RunContext,
        fingerprint: &ConfigFingerprint<'_>,
    ) -> anyhow::Result<Self> {
        let labels = args.labels()?.read(context)?;
        let folds = args.folds()?.read(context)?;
        let fold = folds.count.fold(fingerprint.fold).context("--fold")?;
        let store = context.open_images(&args.images)?;
        check_made_from(&folds.origin, "labels", (labels.origin.digest, &labels.origin.path))?;
        check_made_from(&folds.origin, "images", (store.digest(), &args.images[0]))?;
        let samples = samples::join(&folds, &labels, &store, fold)?;
        let label_weights = &fingerprint.config.loss.label_weights;
        let label_weights = label_weights
            .weights(&samples.train, labels.names.count())
            .map_err(anyhow::Error::msg)?;
        let mut provenance = Provenance::new(fingerprint);
        let inputs = [
            ("images", store.digest()),
            ("labels", labels.origin.digest),
            ("folds", folds.origin.digest),
        ];
        for (name, digest) in inputs {
            provenance = provenance.with_input(name, digest).with_ancestor(name, digest);
        }
        if let Some(weights) = args.weights() {
            provenance = provenance.with_input("weights", Digest::of_file(&weights)?);
        }
        Ok(Self { store, labels, folds, samples, label_weights, provenance })
    }

    fn train_data(&self, context: &RunContext, device: &Device) -> anyhow::Result<TrainData<'_>> {
        let Self { store, labels, samples, .. } = self;
        let rows: Vec<usize> = samples.train.iter().map(|sample| sample.row).collect();
        Ok(TrainData {
            train: Dataset { store, samples: &samples.train },
            valid: Dataset { store, samples: &samples.valid },
            labels: labels.names.count(),
            label_weights: &self.label_weights,
            statistics: ChannelStatistics::of(store, &rows)?,
            workers: device.loaders(context.threads()),
        })
    }
}

/// The network that training starts from.
fn initial_network(args: &Args, context: &RunContext, labels: usize) -> anyhow::Result<Network> {
    let config = args.config();
    let Some(path) = args.weights() else {
        if config.model.pretrained {
            context.info("pretrained = true, but there are no --weights: training from scratch");
        }
        return Ok(Network::new(config.model.architecture, labels, config.seed())?);
    };
    let (network, report) = pretrained_network(config, &path, labels)?;
    let adapted =
        if report.adapted_input_conv { ", first convolution adapted to four channels" } else { "" };
    let replaced = if report.replaced_classifier { ", classifier replaced" } else { "" };
    context.info(format!("starting from {}{adapted}{replaced}", path.display()));
    Ok(network)
}

fn pretrained_network(
    config: &TrainConfig,
    path: &Path,
    labels: usize,
) -> anyhow::Result<(Network, LoadReport)> {
    let architecture = config.model.architecture;
    anyhow::ensure!(
        path.exists(),
        "the pretrained weights {} do not exist\n  help: README.md says how to make them; WEIGHTS=none (`--weights none`) trains from scratch",
        path.display()
    );
    let file = read_external_weights(path)?;
    Network::pretrained(architecture, labels, config.seed(), file, config.model.first_conv)
        .with_context(|| format!("cannot start from {}", path.display()))
}

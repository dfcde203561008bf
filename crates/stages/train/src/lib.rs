//! Trains one network on all folds but one.
//!
//! Reads pixels, labels and folds; learns from every sample that is not in the fold named by
//! `--fold`, scores the ones that are after each epoch, and writes the weights and the history.
//! A checkpoint that the same recipe made from the same inputs is confirmed, not made again;
//! a run that was killed goes on from its last state and ends with the same bytes. With
//! `--find-learning-rate` it searches for a learning rate instead.

mod args;
mod confirm;
mod contact_sheet;
mod course;
mod events;
mod find;
mod outcome;
mod plot;
mod record;
mod request;
mod resume;
mod samples;
mod session;
mod settings;
mod settings_data;
mod surgery;

pub use args::Args;
pub use contact_sheet::Sheet;
pub use course::CourseSettings;
pub use find::{Found, Search};
pub use outcome::Report;
pub use request::{Answer, Request, answer};
pub use settings::{AugmentationSettings, Settings};
pub use settings_data::DataSettings;
pub use surgery::Verdict;

use anyhow::Context;
use hpa_artifacts::atomic::{AtomicFile, remove_leftovers};
use hpa_artifacts::{
    ArtifactError, Digest, Folds, History, ImageStore, Labels, Loaded, Provenance, check_made_from,
    read_external_weights,
};
use hpa_cli::{Output, RunContext};
use hpa_nn::{ChannelStatistics, Dataset, Device, TrainData, Trainer};
use outcome::Made;
use resume::Keeper;
use samples::Samples;
use serde::Serialize;
use session::Session;

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
    #[serde(flatten)]
    search: Option<&'a find::Range>,
}

/// What training reads.
struct Inputs {
    store: ImageStore,
    labels: Loaded<Labels>,
    folds: Loaded<Folds>,
    samples: Samples,
    /// How much each label counts in the loss; empty where all count once.
    label_weights: Vec<f32>,
    provenance: Provenance,
}

/// Reads the inputs, trains or searches, writes the outputs.
///
/// # Errors
/// When an input is at fault, the outputs cannot be written, or training falls apart.
pub fn run(args: &Args, context: &RunContext) -> anyhow::Result<Answer> {
    hpa_ops::select_simd()?;
    let device = args.device.open()?;
    device.check(args.settings.precision)?;
    let Settings { course, epochs, max_learning_rate, .. } = &args.settings;
    course.check(*epochs, *max_learning_rate)?;
    args.search.check()?;
    if let Some(notice) = &device.notice {
        context.info(notice);
    }
    if args.search.find_learning_rate {
        find::find(args, context, &device).map(Answer::Found)
    } else {
        train(args, context, &device).map(Answer::Trained)
    }
}

fn train(args: &Args, context: &RunContext, device: &Device) -> anyhow::Result<Report> {
    let out = args.out()?.path();
    let inputs = Inputs::read(args, context, None)?;
    let mut keeper = Keeper::new(args, &inputs.provenance, device);
    if let Some(report) = confirm::confirm(args, &inputs.provenance) {
        context.info(format!("{} is up to date", out.display()));
        keeper.clear()?;
        return Ok(report);
    }
    check_writable(args)?;
    let task = inputs.task(context, device)?;
    let mut network = network(args, context, task.labels)?;
    network.to_device(device)?;
    let mut trainer = Trainer::new(task, args.settings.recipe(), network)?;
    keeper.resume(&mut trainer, context)?;
    let rates = Session::open(args, context, &trainer, (&mut keeper, &inputs.labels.names))?
        .train(&mut trainer)?;
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
        path: device.path(),
    };
    made.write(args, &inputs.provenance)?;
    keeper.clear()?;
    Ok(Report::trained(&made.history, &rates))
}

/// Finds out before hours of training whether its outputs can be written after it.
fn check_writable(args: &Args) -> Result<(), ArtifactError> {
    let history = args.out_history.as_ref().map(Output::path);
    // Dropped, an unfinished file leaves nothing.
    let out = args.out.as_ref().map(Output::path);
    [out, history, args.out_events.as_deref()].into_iter().flatten().try_for_each(|path| {
        remove_leftovers(path)?;
        AtomicFile::create(path).map(drop)
    })
}

impl Inputs {
    fn read(
        args: &Args,
        context: &RunContext,
        search: Option<&find::Range>,
    ) -> anyhow::Result<Self> {
        let labels = args.labels.read(context)?;
        let folds = args.folds.read(context)?;
        let fold = folds.count.fold(args.fold).context("--fold")?;
        let store = context.open_images(&args.images)?;
        let labels_at_hand = (labels.origin.digest, labels.origin.path.as_path());
        check_made_from(&folds.origin, "labels", labels_at_hand)?;
        check_made_from(&folds.origin, "images", (store.digest(), &args.images[0]))?;
        let samples = samples::join(&folds, &labels, &store, fold)?;
        let label_weights = args
            .settings
            .data
            .label_weights
            .weights(&samples.train, labels.names.count())
            .map_err(anyhow::Error::msg)?;
        let decisive = Decisive { settings: &args.settings, fold: args.fold, search };
        let mut provenance = Provenance::new(&decisive)
            .with_input("images", store.digest())
            .with_input("labels", labels.origin.digest)
            .with_input("folds", folds.origin.digest)
            .with_ancestor("images", store.digest())
            .with_ancestor("labels", labels.origin.digest)
            .with_ancestor("folds", folds.origin.digest);
        if let Some(weights) = &args.weights {
            provenance = provenance.with_input("weights", Digest::of_file(weights)?);
        }
        Ok(Self { store, labels, folds, samples, label_weights, provenance })
    }

    fn task(&self, context: &RunContext, device: &Device) -> anyhow::Result<TrainData<'_>> {
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

/// A network with the weights that training starts from.
fn network(args: &Args, context: &RunContext, labels: usize) -> anyhow::Result<hpa_nn::Network> {
    let Settings { architecture, seed, pretrained, first_conv, .. } = args.settings;
    let seed = hpa_core::Seed::new(seed);
    let Some(path) = &args.weights else {
        if pretrained {
            context.info("pretrained = true, but there are no --weights: training from scratch");
        }
        return Ok(hpa_nn::Network::new(architecture, labels, seed)?);
    };
    let file = read_external_weights(path)?;
    let (network, report) =
        hpa_nn::Network::pretrained(architecture, labels, seed, file, first_conv)
            .with_context(|| format!("cannot start from {}", path.display()))?;
    context.info(format!(
        "starting from {}{}{}",
        path.display(),
        if report.adapted_input_conv { ", first convolution widened to four channels" } else { "" },
        if report.replaced_classifier { ", classifier replaced" } else { "" },
    ));
    Ok(network)
}

//! Checkpoints loaded for inference, and the checks that they belong together.

use anyhow::{Context, bail};
use hpa_artifacts::{ArtifactError, Checkpoint, Folds, Loaded, Origin};
use hpa_cli::{Input, RunContext};
use hpa_core::LabelNames;
use hpa_nn::{Architecture, ChannelStatistics, Device, InferenceModel, Network};
use std::collections::BTreeMap;

/// A trained network.
pub(crate) struct Model {
    pub(crate) origin: Origin,
    pub(crate) network: InferenceModel,
    pub(crate) statistics: ChannelStatistics,
    pub(crate) label_names: LabelNames,
    /// The fold that it was not trained on, and how many folds there were.
    fold: u8,
    folds: u8,
}

/// Reads the checkpoints and checks that they fit the images and each other.
pub(crate) fn read(
    paths: &[Input<Checkpoint>],
    size_px: usize,
    context: &RunContext,
    device: &Device,
) -> anyhow::Result<Vec<Model>> {
    let mut models: Vec<Model> = Vec::new();
    for path in paths {
        let model = read_one(path, size_px, context, device)?;
        if let Some(first) = models.first() {
            check_same_task(first, &model)?;
        }
        if let Some(same) = models.iter().find(|it| it.origin.digest == model.origin.digest) {
            bail!(
                "{} and {} are the same checkpoint, which would count twice\n  help: give each once",
                same.origin.path.display(),
                model.origin.path.display()
            );
        }
        models.push(model);
    }
    Ok(models)
}

fn read_one(
    path: &Input<Checkpoint>,
    size_px: usize,
    context: &RunContext,
    device: &Device,
) -> anyhow::Result<Model> {
    let checkpoint = path.read(context)?;
    let name = path.path().display();
    let meta = checkpoint.value.meta;
    if meta.size_px != size_px {
        bail!(
            "{name} was trained on images of {} px, these have {size_px} px\n  help: preprocess with --size-px {}, or train anew (`make retrain`)",
            meta.size_px,
            meta.size_px
        );
    }
    let architecture: Architecture = meta.architecture.parse().with_context(|| name.to_string())?;
    let mut network =
        Network::from_tensors(architecture, meta.label_names.count(), checkpoint.value.tensors)
            .with_context(|| name.to_string())?;
    network.to_device(device)?;
    Ok(Model {
        origin: checkpoint.origin,
        network: network.inference_model()?,
        statistics: ChannelStatistics { mean: meta.mean, std: meta.std },
        label_names: meta.label_names,
        fold: meta.fold,
        folds: meta.folds,
    })
}

/// Refuses two models of different labels or of different splits.
fn check_same_task(first: &Model, other: &Model) -> anyhow::Result<()> {
    if first.label_names != other.label_names {
        bail!(
            "{} and {} name different labels: their probabilities cannot be joined",
            first.origin.path.display(),
            other.origin.path.display()
        );
    }
    hpa_artifacts::check_lineage("folds", &first.origin, &other.origin)?;
    Ok(())
}

/// The models in the order of their folds: every fold has exactly one.
pub(crate) fn one_per_fold(
    models: Vec<Model>,
    folds: &Loaded<Folds>,
) -> anyhow::Result<Vec<Model>> {
    let count = folds.count.get();
    for model in &models {
        check_folds(model, &folds.origin)?;
        if model.folds != count {
            bail!(
                "{} was trained on {} folds, {} has {count}",
                model.origin.path.display(),
                model.folds,
                folds.origin.path.display()
            );
        }
    }
    let mut by_fold: BTreeMap<u8, Model> = BTreeMap::new();
    for model in models {
        if let Some(other) = by_fold.get(&model.fold) {
            bail!(
                "{} and {} both hold out fold {}: expected one model for each fold",
                other.origin.path.display(),
                model.origin.path.display(),
                model.fold
            );
        }
        by_fold.insert(model.fold, model);
    }
    let model_of = |fold: u8| {
        by_fold.remove(&fold).with_context(|| {
            format!("no model holds out fold {fold}: out-of-fold predictions need one model for each fold\n  help: give all of them to --model (`make train` makes them)")
        })
    };
    (0..count).map(model_of).collect()
}

/// Refuses a model that was trained with another folds file than this one.
fn check_folds(model: &Model, folds: &Origin) -> Result<(), ArtifactError> {
    match model.origin.ancestor("folds") {
        Some(recorded) if recorded != folds.digest => Err(ArtifactError::OtherRun {
            path: model.origin.path.clone(),
            reason: format!(
                "it was trained with other folds than {} ({recorded:.12} instead of {:.12})",
                folds.path.display(),
                folds.digest
            ),
        }),
        _ => Ok(()),
    }
}

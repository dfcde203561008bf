//! Checkpoints, ready to answer, that belong together.

use anyhow::{Context, bail};
use hpa_artifacts::{ArtifactError, Checkpoint, Origin};
use hpa_cli::{Input, RunContext};
use hpa_core::LabelNames;
use hpa_nn::{Architecture, ChannelStatistics, Computer, Evaluator, Network};

/// A trained network.
pub(crate) struct Model {
    pub(crate) origin: Origin,
    pub(crate) evaluator: Evaluator,
    pub(crate) statistics: ChannelStatistics,
    pub(crate) label_names: LabelNames,
    /// The fold that it has not learnt from, and how many there were.
    pub(crate) fold: u8,
    pub(crate) folds: u8,
}

/// Reads the checkpoints and checks that they fit the images and each other.
pub(crate) fn read(
    paths: &[Input<Checkpoint>],
    size_px: usize,
    (context, computer): (&RunContext, &Computer),
) -> anyhow::Result<Vec<Model>> {
    let mut models: Vec<Model> = Vec::new();
    for path in paths {
        let model = read_one(path, size_px, (context, computer))?;
        if let Some(first) = models.first() {
            agree(first, &model)?;
        }
        if let Some(twin) = models.iter().find(|it| it.origin.digest == model.origin.digest) {
            bail!(
                "{} and {} are the same checkpoint, which would count twice\n  help: give each once",
                twin.origin.path.display(),
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
    (context, computer): (&RunContext, &Computer),
) -> anyhow::Result<Model> {
    let checkpoint = path.read(context)?;
    let (meta, shown) = (&checkpoint.value.meta, path.path().display());
    if meta.size_px != size_px {
        bail!(
            "{shown} was trained on images of {} px, these have {size_px} px\n  help: preprocess with --size-px {}, or train anew (`make retrain`)",
            meta.size_px,
            meta.size_px
        );
    }
    let architecture: Architecture =
        meta.architecture.parse().with_context(|| shown.to_string())?;
    let (statistics, label_names) =
        (ChannelStatistics { mean: meta.mean, std: meta.std }, meta.label_names.clone());
    let (fold, folds) = (meta.fold, meta.folds);
    let mut network =
        Network::from_tensors(architecture, label_names.count(), checkpoint.value.tensors)
            .with_context(|| shown.to_string())?;
    network.move_to(computer)?;
    let evaluator = network.evaluator()?;
    Ok(Model { origin: checkpoint.origin, evaluator, statistics, label_names, fold, folds })
}

/// Refuses two models of different labels or of different splits.
fn agree(first: &Model, other: &Model) -> anyhow::Result<()> {
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

/// Refuses a model that was trained with another folds file than this one.
pub(crate) fn check_folds(model: &Model, folds: &Origin) -> Result<(), ArtifactError> {
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

//! Checked inputs: images, models and folds that belong together.

use crate::Args;
use crate::model::{self, Model};
use hpa_artifacts::{Digest, Folds, ImageStore, Loaded, Provenance, check_made_from};
use hpa_cli::RunContext;
use hpa_nn::TestTimeAugmentation;
use serde::Serialize;

/// What [`Args`] name, read and checked.
pub(crate) struct Config {
    pub(crate) store: ImageStore,
    /// With folds: one model for each, in their order.
    pub(crate) models: Vec<Model>,
    pub(crate) folds: Option<Loaded<Folds>>,
    pub(crate) tta: TestTimeAugmentation,
    /// Data-loading threads.
    pub(crate) workers: usize,
    pub(crate) provenance: Provenance,
}

/// The settings that decide the output; their digest is recorded in it.
#[derive(Serialize)]
struct ConfigFingerprint {
    tta: String,
}

impl Config {
    pub(crate) fn new(args: &Args, context: &RunContext) -> anyhow::Result<Self> {
        let device = args.device.open()?;
        if let Some(notice) = &device.notice {
            context.info(notice);
        }
        let store = context.open_images(&args.images)?;
        let folds = args.folds.as_ref().map(|folds| folds.read(context)).transpose()?;
        let mut models = model::read(&args.model, store.size_px(), context, &device)?;
        let mut provenance = provenance(args.tta, &models, &store);
        if let Some(folds) = &folds {
            for model in &models {
                check_made_from(&model.origin, "images", (store.digest(), &args.images[0]))?;
            }
            provenance = provenance.with_input("folds", folds.origin.digest);
            models = model::one_per_fold(models, folds)?;
        }
        let workers = device.loaders(context.threads());
        Ok(Self { store, models, folds, tta: args.tta, workers, provenance })
    }
}

/// The provenance of predictions without folds; `models` in the order of the arguments.
fn provenance(tta: TestTimeAugmentation, models: &[Model], store: &ImageStore) -> Provenance {
    let digests: Vec<Digest> = models.iter().map(|model| model.origin.digest).collect();
    // The order of the models decides how the mean rounds, but not which ancestor they are.
    let mut sorted = digests.clone();
    sorted.sort_unstable();
    Provenance::new(&ConfigFingerprint { tta: tta.to_string() })
        .with_input("model", Digest::combine(&digests))
        .with_input("images", store.digest())
        .with_lineage_of(&models[0].origin)
        .with_ancestor("models", Digest::combine(&sorted))
}

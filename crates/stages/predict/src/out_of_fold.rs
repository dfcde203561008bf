//! Each sample by the one model that has not learnt from it.

use crate::models::{Model, check_folds};
use crate::{Looking, rounded, unlabelled};
use anyhow::bail;
use hpa_artifacts::{FoldColumn, Folds, ImageStore, Loaded, Predictions};
use hpa_core::Fold;
use hpa_nn::{Dataset, Sample};

/// Every sample of the folds file once, in its order.
pub(crate) fn predict(
    models: &[Model],
    folds: &Loaded<Folds>,
    store: &ImageStore,
    looking: &mut Looking<'_>,
) -> anyhow::Result<Predictions> {
    let models = one_model_a_fold(models, folds)?;
    let names = models[0].label_names.clone();
    let samples = samples(folds, store)?;
    let progress = looking.progress(samples.len());
    let mut probabilities = vec![0.0; samples.len() * names.count()];
    for (fold, model) in folds.count.folds().zip(models) {
        let places: Vec<usize> =
            (0..samples.len()).filter(|&place| folds.rows[place].fold == fold).collect();
        let part: Vec<Sample> = places.iter().map(|&place| samples[place].clone()).collect();
        let answers = looking.look(model, Dataset { store, samples: &part }, &progress)?;
        for (&place, answer) in places.iter().zip(answers.chunks_exact(names.count())) {
            let row = probabilities[place * names.count()..].iter_mut();
            row.zip(answer).for_each(|(to, &from)| *to = rounded(from));
        }
    }
    progress.finish();
    let ids = folds.rows.iter().map(|row| row.id.clone()).collect();
    let column = folds.rows.iter().map(|row| row.fold).collect();
    let folds = Some(FoldColumn { count: folds.count, folds: column });
    Ok(Predictions { names, ids, folds, probabilities })
}

/// The models in the order of their folds: every fold has exactly one.
fn one_model_a_fold<'m>(
    models: &'m [Model],
    folds: &Loaded<Folds>,
) -> anyhow::Result<Vec<&'m Model>> {
    let count = folds.count.get();
    for model in models {
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
    folds.count.folds().map(|fold| the_one(models, fold)).collect()
}

fn the_one(models: &[Model], fold: Fold) -> anyhow::Result<&Model> {
    let mut those = models.iter().filter(|model| model.fold == fold.get());
    match (those.next(), those.next()) {
        (Some(model), None) => Ok(model),
        (None, _) => bail!(
            "no model holds out fold {fold}: out-of-fold predictions need one model for each fold\n  help: give all of them to --model (`make train` makes them)"
        ),
        (Some(one), Some(two)) => bail!(
            "{} and {} both hold out fold {fold}: expected one model for each fold",
            one.origin.path.display(),
            two.origin.path.display()
        ),
    }
}

fn samples(folds: &Loaded<Folds>, store: &ImageStore) -> anyhow::Result<Vec<Sample>> {
    let mut missing = Vec::new();
    let mut samples = Vec::new();
    for row in &folds.rows {
        match store.position(&row.id) {
            Some(place) => samples.push(unlabelled(&row.id, place)),
            None => missing.push(row.id.as_str()),
        }
    }
    if missing.is_empty() {
        return Ok(samples);
    }
    let listed = &missing[..missing.len().min(20)];
    bail!(
        "{} samples of {} have no image in the shards: {}{}",
        missing.len(),
        folds.origin.path.display(),
        listed.join(", "),
        if listed.len() < missing.len() { ", …" } else { "" }
    )
}

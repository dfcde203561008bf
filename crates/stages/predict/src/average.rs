//! The mean of the models' probabilities, for samples that none has learnt from.

use crate::models::Model;
use crate::{Looking, rounded, unlabelled};
use hpa_artifacts::{ImageStore, Predictions};
use hpa_nn::{Dataset, Sample};

/// Every sample of the shards, in their order.
pub(crate) fn predict(
    models: &[Model],
    store: &ImageStore,
    looking: &mut Looking<'_>,
) -> anyhow::Result<Predictions> {
    let samples: Vec<Sample> =
        (0..).zip(store.ids()).map(|(row, id)| unlabelled(id, row)).collect();
    let names = models[0].label_names.clone();
    let progress = looking.progress(samples.len() * models.len());
    let mut sums = vec![0.0; samples.len() * names.count()];
    for model in models {
        let dataset = Dataset { store, samples: &samples };
        let probabilities = looking.look(model, dataset, &progress)?;
        for (sum, probability) in sums.iter_mut().zip(probabilities) {
            *sum += probability;
        }
    }
    progress.finish();
    let count = models.len() as f64;
    Ok(Predictions {
        names,
        ids: store.ids().to_vec(),
        folds: None,
        probabilities: sums.into_iter().map(|sum| rounded(sum / count)).collect(),
    })
}

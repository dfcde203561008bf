//! The files of a run, joined by sample and checked against each other.
//!
//! Two splits are scored: out of fold (the samples of the folds file, each with thresholds
//! fitted without its fold) and test (the samples of the test labels, with thresholds fitted
//! out of fold). Matrices are row-major `[samples][labels]` in the split's order.

mod models;
mod split;

pub use split::Split;

use hpa_artifacts::{Folds, History, Labels, Loaded, Predictions, Thresholds};
use hpa_core::LabelNames;
use models::ModelsBuilder;
use split::check_names;
use std::collections::BTreeMap;
use std::path::PathBuf;

/// The artefacts that a report is made from.
#[derive(Debug)]
pub struct RunFiles {
    /// Labels of the training samples.
    pub labels: Loaded<Labels>,
    /// Labels of the test samples, if they are known.
    pub test_labels: Option<Loaded<Labels>>,
    /// Folds and groups of duplicates of the training samples.
    pub folds: Loaded<Folds>,
    /// Training histories.
    pub histories: Vec<Loaded<History>>,
    /// Out-of-fold and test predictions of models and ensembles.
    pub predictions: Vec<Loaded<Predictions>>,
    /// Thresholds of models and ensembles, several methods each.
    pub thresholds: Vec<Loaded<Thresholds>>,
}

/// A run that can be evaluated.
#[derive(Debug)]
pub struct RunData {
    /// The label names.
    pub names: LabelNames,
    /// The samples of the folds file.
    pub oof: Split,
    /// The samples of the test labels.
    pub test: Option<Split>,
    /// How many folds there are.
    pub fold_count: u8,
    /// Models and ensembles in the order they were given.
    pub models: Vec<ModelResult>,
    /// Training histories by model, in the order they were given.
    pub histories: Vec<ModelHistory>,
    /// Remarks on samples and files that are left out.
    pub notices: Vec<String>,
}

/// Predictions and thresholds of a model or an ensemble.
#[derive(Debug, Default)]
pub struct ModelResult {
    /// The name of its folder.
    pub name: String,
    /// Probabilities of the out-of-fold split, row-major.
    pub oof: Option<Vec<f32>>,
    /// Probabilities of the test split, row-major.
    pub test: Option<Vec<f32>>,
    /// Its thresholds, one set per method.
    pub threshold_sets: Vec<ThresholdSet>,
    /// Whether its out-of-fold score is optimistic: a checkpoint was selected on the fold held
    /// out, or an ensemble may contain such a model.
    pub selected: bool,
}

/// The thresholds of one method.
#[derive(Debug)]
pub struct ThresholdSet {
    /// The method, with the metric if it is not macro F1.
    pub method: String,
    /// The thresholds.
    pub thresholds: Thresholds,
}

/// The training runs of one model.
#[derive(Debug)]
pub struct ModelHistory {
    /// The name of the model's folder.
    pub model: String,
    /// One history per fold.
    pub folds: Vec<FoldHistory>,
}

/// The training history of one fold.
#[derive(Debug)]
pub struct FoldHistory {
    /// The stem of the file's name, `fold-0` for example.
    pub name: String,
    /// Its epochs.
    pub history: History,
}

impl RunData {
    /// Joins the files by sample.
    ///
    /// # Errors
    /// When files contradict each other, lack samples or come from different runs.
    pub fn new(files: RunFiles) -> anyhow::Result<Self> {
        let oof = Split::out_of_fold(&files.labels, &files.folds)?;
        let test = match &files.test_labels {
            Some(labels) => {
                check_names(&files.labels, &labels.names, &labels.origin)?;
                Some(Split::test(labels)?)
            }
            None => None,
        };
        let mut notices = Vec::new();
        let left_out = files.labels.rows.len() - oof.ids.len();
        if left_out > 0 {
            notices.push(format!("{left_out} labelled samples are in no fold and are left out"));
        }
        let mut builder = ModelsBuilder::new(&files, &oof, test.as_ref());
        for predictions in &files.predictions {
            builder.add_predictions(predictions)?;
        }
        for thresholds in &files.thresholds {
            builder.add_thresholds(thresholds)?;
        }
        let mut models = builder.finish(&mut notices);
        let histories = group_by_model(files.histories)?;
        // A model without a history is an ensemble or an import, which may contain any other.
        let any_selected = histories.iter().any(ModelHistory::is_selected);
        for model in &mut models {
            let own = histories.iter().find(|history| history.model == model.name);
            let selected = own.map_or(any_selected, ModelHistory::is_selected);
            model.selected = model.oof.is_some() && selected;
        }
        Ok(Self {
            names: files.labels.value.names,
            oof,
            test,
            fold_count: files.folds.value.count.get(),
            models,
            histories,
            notices,
        })
    }
}

impl ModelHistory {
    /// Whether a checkpoint was selected on the fold held out.
    #[must_use]
    pub fn is_selected(&self) -> bool {
        self.folds.iter().any(|fold| fold.history.checkpoint != "last")
    }
}

fn group_by_model(histories: Vec<Loaded<History>>) -> anyhow::Result<Vec<ModelHistory>> {
    let mut models: Vec<ModelHistory> = Vec::new();
    let mut paths: BTreeMap<(String, String), PathBuf> = BTreeMap::new();
    for history in histories {
        let (model, path) = (history.origin.folder_name(), history.origin.path);
        let file = path.file_name().unwrap_or_default().to_string_lossy();
        let name = file.split('.').next().unwrap_or_default().to_owned();
        let what = format!("the history of {model}, {name}");
        if let Some(first) = paths.insert((model.clone(), name.clone()), path.clone()) {
            anyhow::bail!("{} and {} both hold {what}", first.display(), path.display());
        }
        let fold = FoldHistory { name, history: history.value };
        match models.iter_mut().find(|known| known.model == model) {
            Some(known) => known.folds.push(fold),
            None => models.push(ModelHistory { model, folds: vec![fold] }),
        }
    }
    Ok(models)
}

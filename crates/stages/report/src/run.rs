//! The files of a run, laid side by side and checked.
//!
//! Two *parts* are scored: out of fold (the samples of the folds file, each decided by
//! thresholds fitted without its fold) and test (the samples of the test labels, decided by
//! thresholds fitted out of fold). An *entrant* is a model or an ensemble: whatever has a
//! folder of predictions. Matrices are row-major `[samples][labels]` in the part's order.

use crate::ReportError;
use crate::align::{Part, check_names};
use crate::entrants::{Drafts, Sources};
use hpa_artifacts::{Folds, History, Labels, Loaded, Predictions, Thresholds};
use hpa_core::LabelNames;
use std::collections::BTreeMap;
use std::path::PathBuf;

/// What was read.
#[derive(Debug)]
pub struct Inputs {
    /// Labels of the training samples.
    pub labels: Loaded<Labels>,
    /// Labels of the test samples, where somebody knows them.
    pub test_labels: Option<Loaded<Labels>>,
    /// Who takes part, and the groups of duplicates.
    pub folds: Loaded<Folds>,
    /// Training histories.
    pub histories: Vec<Loaded<History>>,
    /// Out-of-fold and test predictions of models and ensembles.
    pub predictions: Vec<Loaded<Predictions>>,
    /// Thresholds of models and ensembles, several methods each.
    pub thresholds: Vec<Loaded<Thresholds>>,
}

/// A run that can be reported.
#[derive(Debug)]
pub struct Run {
    /// What the labels are called.
    pub names: LabelNames,
    /// The samples of the folds file.
    pub oof: Part,
    /// The samples of the test labels.
    pub test: Option<Part>,
    /// How many folds there are.
    pub fold_count: u8,
    /// Models and ensembles in the order they were given.
    pub entrants: Vec<Entrant>,
    /// Training histories by model, in the order they were given.
    pub histories: Vec<ModelHistory>,
    /// Things a reader should know.
    pub notices: Vec<String>,
}

/// A model or an ensemble.
#[derive(Debug, Default)]
pub struct Entrant {
    /// The name of its folder.
    pub name: String,
    /// Probabilities of the out-of-fold part, row-major.
    pub oof: Option<Vec<f32>>,
    /// Probabilities of the test part, row-major.
    pub test: Option<Vec<f32>>,
    /// Its thresholds, one method each.
    pub chosen: Vec<Chosen>,
    /// Whether its out-of-fold score was looked at while it was made: a checkpoint chosen on
    /// the fold held out, or an ensemble that may contain one.
    pub selected: bool,
}

/// Thresholds and what to call them.
#[derive(Debug)]
pub struct Chosen {
    /// The method, with the metric where that is not macro F1.
    pub method: String,
    /// The thresholds.
    pub thresholds: Thresholds,
}

/// The training runs of one model.
#[derive(Debug)]
pub struct ModelHistory {
    /// The name of the model's folder.
    pub model: String,
    /// Fold, as the file is called (`fold-0`), and its epochs.
    pub runs: Vec<(String, History)>,
}

impl Run {
    /// Brings everything into one order.
    ///
    /// # Errors
    /// When files contradict each other, lack samples or come from different runs.
    pub fn new(inputs: Inputs) -> anyhow::Result<Self> {
        let oof = Part::out_of_fold(&inputs.labels, &inputs.folds)?;
        let test = inputs.test_labels.as_ref().map(|labels| {
            let ours = (&inputs.labels.names, &inputs.labels.origin);
            check_names(ours, (&labels.names, &labels.origin))?;
            Part::test(labels)
        });
        let test = test.transpose()?;
        let mut notices = Vec::new();
        let left_out = inputs.labels.rows.len() - oof.ids.len();
        if left_out > 0 {
            notices.push(format!("{left_out} labelled samples take no part: no fold has them"));
        }
        let histories = by_model(inputs.histories)?;
        let sources = Sources {
            labels: &inputs.labels,
            folds: &inputs.folds,
            test_labels: inputs.test_labels.as_ref(),
            oof: &oof,
            test: test.as_ref(),
        };
        let mut drafts = Drafts::new(sources);
        inputs.predictions.iter().try_for_each(|file| drafts.add_predictions(file))?;
        inputs.thresholds.into_iter().try_for_each(|file| drafts.add_thresholds(file))?;
        let (mut entrants, said) = drafts.finish();
        notices.extend(said);
        mark_selected(&mut entrants, &histories);
        let names = inputs.labels.value.names;
        let fold_count = inputs.folds.value.count.get();
        Ok(Self { names, oof, test, fold_count, entrants, histories, notices })
    }
}

impl ModelHistory {
    /// Whether a checkpoint was chosen on the fold held out.
    #[must_use]
    pub fn is_selected(&self) -> bool {
        self.runs.iter().any(|(_, history)| history.checkpoint != "last")
    }
}

fn by_model(histories: Vec<Loaded<History>>) -> Result<Vec<ModelHistory>, ReportError> {
    let mut models: Vec<ModelHistory> = Vec::new();
    let mut paths: BTreeMap<(String, String), PathBuf> = BTreeMap::new();
    for history in histories {
        let (model, path) = (history.origin.folder_name(), history.origin.path);
        let file = path.file_name().unwrap_or_default().to_string_lossy();
        let fold = file.split('.').next().unwrap_or_default().to_owned();
        let what = format!("the history of {model}, {fold}");
        if let Some(first) = paths.insert((model.clone(), fold.clone()), path.clone()) {
            return Err(ReportError::Twice { first, second: path, what });
        }
        let run = (fold, history.value);
        match models.iter_mut().find(|known| known.model == model) {
            Some(known) => known.runs.push(run),
            None => models.push(ModelHistory { model, runs: vec![run] }),
        }
    }
    Ok(models)
}

/// A name without a history is an ensemble or an import; nobody says what went into it, so
/// it is suspected with the first model that was selected.
fn mark_selected(entrants: &mut [Entrant], histories: &[ModelHistory]) {
    let any = histories.iter().any(ModelHistory::is_selected);
    for entrant in entrants {
        let own = histories.iter().find(|history| history.model == entrant.name);
        entrant.selected = entrant.oof.is_some() && own.map_or(any, ModelHistory::is_selected);
    }
}

//! Errors of fitting thresholds.

use hpa_core::{ProbabilityError, SampleId};
use hpa_metrics::Metric;

/// Why no thresholds can be fitted.
#[derive(Debug, thiserror::Error)]
pub enum ThresholdError {
    /// A score that is not a probability.
    #[error("label {label}: {source}")]
    Score {
        /// Which label.
        label: usize,
        /// What is wrong.
        source: ProbabilityError,
    },
    /// Method `exact` fits each label separately; these metrics couple the labels.
    #[error(
        "method exact needs a metric that is a mean over labels, and {0} is not: use a macro metric, or coordinate or basinhopping"
    )]
    Coupled(Metric),
    /// Every sample is in one fold.
    #[error(
        "fold {0} holds every labelled sample: nothing is left to fit its thresholds on\n  help: give labels of more than one fold, or predictions without a fold column"
    )]
    OneFold(u8),
    /// Labels and predictions have different label names.
    #[error(
        "the labels are called otherwise than in the predictions: label {label} is {} in --labels and {} in --predictions",
        named(ours.as_deref()),
        named(theirs.as_deref())
    )]
    Names {
        /// The first that differs.
        label: usize,
        /// Its name in the labels file, if it has one.
        ours: Option<String>,
        /// Its name in the predictions, if it has one.
        theirs: Option<String>,
    },
    /// Labelled samples without a prediction.
    #[error(
        "{count} labelled samples have no prediction: {first}\n  help: predict them too, or take them out of the labels"
    )]
    Unpredicted {
        /// How many.
        count: usize,
        /// The first twenty.
        first: String,
    },
    /// Labelled samples whose group of duplicates is unknown.
    #[error("{count} labelled samples are not in the folds file: {first}")]
    Ungrouped {
        /// How many.
        count: usize,
        /// The first twenty.
        first: String,
    },
    /// Predictions and folds file have different folds.
    #[error(
        "the predictions were held out in other folds than --folds names: {count} labelled samples differ, the first is {id}, fold {ours} in the predictions and {theirs} in the folds file\n  help: give the folds file that the predictions were made with"
    )]
    OtherFolds {
        /// How many samples differ.
        count: usize,
        /// The first of them.
        id: SampleId,
        /// Its fold in the predictions.
        ours: u8,
        /// Its fold in the folds file.
        theirs: u8,
    },
    /// There are no samples.
    #[error("there is no labelled sample to fit thresholds on")]
    Empty,
    /// A solver refused the problem.
    #[error("the search failed")]
    Search(#[source] hpa_optim::Error),
}

fn named(name: Option<&str>) -> String {
    name.map_or_else(|| "absent".to_owned(), |name| format!("{name:?}"))
}

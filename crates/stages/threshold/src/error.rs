//! Errors of fitting thresholds.

use hpa_core::ProbabilityError;
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
    /// There are no samples.
    #[error("there is no labelled sample to fit thresholds on")]
    Empty,
    /// A solver refused the problem.
    #[error("the search failed")]
    Search(#[source] hpa_optim::Error),
}

//! Decision thresholds of multi-label predictions: fitting and unbiased evaluation.
//!
//! Probabilities become labels by one threshold a label. [`fit()`] finds the thresholds that
//! maximise a metric on given samples, by one of several [`Method`]s. The score on those samples is
//! optimistic; [`cross_fit`] therefore fits again without each fold, and each sample is scored by
//! thresholds that were fitted without it.
//!
//! Shapes: matrices are row-major `[samples][labels]`. Units: scores and thresholds in
//! [0, 1]; a label is predicted when its score, widened to f64, is strictly above its threshold.
//!
//! Edge cases: thresholds are midway between neighbouring scores (except those that are given,
//! shrunk or found by the recipe, which searches scores); of thresholds with the same metric,
//! methods that sort take the one that predicts fewest samples and searches the one found first; a
//! label without positives is never predicted (threshold 1) by methods that fit each label
//! separately; tied scores are predicted together; a score of 0 is never predicted.

mod calibration;
mod cross_fit;
mod error;
mod methods;
mod problem;
mod score;
mod search;
mod smooth;
mod summary;
#[cfg(test)]
mod testing;
mod upper_bound;

pub use calibration::Calibration;
pub use cross_fit::cross_fit;
pub use error::ThresholdError;
pub use methods::{Fit, Method, MethodError, Settings, fit};
pub use problem::Problem;
pub use search::Search;
pub use summary::{LabelSummary, Summary};
pub use upper_bound::upper_bound;

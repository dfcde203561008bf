//! Finds the threshold of each label, and says honestly how good it is.
//!
//! Idea: probabilities become labels by one threshold a label. [`fit()`] finds the
//! thresholds that maximise a metric on given samples, by one of several [`Method`]s. That score
//! flatters itself; [`cross_fit`] therefore fits again without each fold and scores
//! every sample by thresholds that have not seen it.
//!
//! Shapes: matrices are row-major `[samples][labels]`. Units: scores and thresholds in
//! [0, 1]; a label is predicted when its score, widened to f64, is strictly above its threshold.
//!
//! Rules for edge cases: thresholds lie midway between neighbouring scores (but those that are given,
//! shrunk or found by the recipe, which searches scores); where several give the same metric, methods that
//! sort predict the fewest samples and searches keep what they found first; a label without
//! positives is never predicted (threshold 1) by methods that set each label apart; equal
//! scores are predicted together or not at all; a score of 0 is never predicted.

mod align;
mod calibrate;
mod coordinate;
mod cross_fit;
mod depth;
mod error;
mod fit;
mod hopping;
mod method;
mod mratsim;
mod optimum;
mod polish;
mod problem;
mod search;
mod simple;
mod smooth;
mod smooth_rows;
mod summary;
mod summary_text;
mod tally;
#[cfg(test)]
mod testing;

pub use align::{Aligned, align, check_folds, groups};
pub use calibrate::{Calibration, CalibrationError};
pub use cross_fit::cross_fit;
pub use error::ThresholdError;
pub use fit::{Fit, Settings, fit};
pub use method::{Method, MethodError};
pub use optimum::optimum;
pub use problem::Problem;
pub use search::Search;
pub use summary::{LabelSummary, Summary};

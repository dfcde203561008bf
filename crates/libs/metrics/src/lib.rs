//! How good decisions are: counts, F scores in three averages, the curve of F over the
//! threshold, intervals, and whether probabilities mean what they say.
//!
//! Shapes: a matrix is a plain slice, row-major `[samples][labels]`; one label's column is
//! a slice of length samples. Units: scores and thresholds in [0, 1]. A label is predicted
//! when its score, widened to f64, is *strictly above* its threshold.
//!
//! **Edge case, everywhere:** where a precision or recall has nothing to count, F is 0.
//! So a label with no positives and no predictions scores 0 *and stays in the macro mean*,
//! and a sample without labels and without predictions scores 0 in the samples mean. This
//! is scikit-learn's `zero_division=0`, its default.
//!
//! ```
//! use hpa_metrics::{Metric, Outcomes};
//! let truth = [true, false, true, true, false, false]; // [3 samples][2 labels]
//! let decided = [true, true, false, true, false, false];
//! let outcomes = Outcomes::new(&truth, &decided, 2);
//! let macro_f1: Metric = "macro-f1".parse()?;
//! // Label 0: TP 1, FN 1, F1 2/3. Label 1: TP 1, FP 1, F1 2/3.
//! assert!((outcomes.score(macro_f1) - 2.0 / 3.0).abs() < 1e-15);
//! # Ok::<(), hpa_metrics::MetricError>(())
//! ```

mod bootstrap;
mod calibration;
mod counts;
mod metric;
mod order;
mod outcomes;
mod ranking;
mod rankings;
mod roc_auc;

pub use bootstrap::{Bootstrap, Interval};
pub use calibration::{calibration_error, half_f_gap};
pub use counts::Counts;
pub use metric::{Average, Metric, MetricError};
pub use outcomes::Outcomes;
pub use ranking::{Cut, Ranking, Rows};
pub use rankings::{BadScore, rankings};

/// Macro F1 of decisions, both matrices row-major `[samples][n_labels]`.
///
/// A label with no positives and no predictions scores 0 and stays in the mean.
///
/// # Panics
/// When the two differ in length or are no whole number of rows.
#[must_use]
pub fn macro_f1(truth: &[bool], decided: &[bool], n_labels: usize) -> f64 {
    Outcomes::new(truth, decided, n_labels).score(Metric::MACRO_F1)
}

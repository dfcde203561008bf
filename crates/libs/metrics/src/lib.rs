//! Multi-label metrics: counts, F scores in three averages, F over the threshold, ROC AUC,
//! bootstrap intervals, calibration.
//!
//! Shapes: a matrix is a plain slice, row-major `[samples][labels]`; one label's column is
//! a slice of length samples. Units: scores and thresholds in [0, 1]. A label is predicted
//! when its score, widened to f64, is *strictly above* its threshold.
//!
//! **Edge case, everywhere:** where precision or recall is 0/0, F is 0. So a label with no
//! positives and no predictions scores 0 *and stays in the macro mean*, and a sample without
//! labels and without predictions scores 0 in the samples mean: scikit-learn's
//! `zero_division=0`.
//!
//! ```
//! use hpa_metrics::{Metric, Confusion};
//! let truth = [true, false, true, true, false, false]; // [3 samples][2 labels]
//! let predicted = [true, true, false, true, false, false];
//! let confusion = Confusion::new(&truth, &predicted, 2);
//! let macro_f1: Metric = "macro-f1".parse()?;
//! // Label 0: TP 1, FN 1, F1 2/3. Label 1: TP 1, FP 1, F1 2/3.
//! assert!((confusion.score(macro_f1) - 2.0 / 3.0).abs() < 1e-15);
//! # Ok::<(), hpa_metrics::MetricError>(())
//! ```

mod bootstrap;
mod calibration;
mod confusion;
mod counts;
mod metric;
mod ranking;

pub use bootstrap::{Bootstrap, Interval};
pub use calibration::{calibration_error, half_f_gap};
pub use confusion::Confusion;
pub use counts::Counts;
pub use metric::{Average, Metric, MetricError};
pub use ranking::{Cut, InvalidScore, Ranking, rankings};

/// Macro F1 of predicted labels, both matrices row-major `[samples][n_labels]`.
///
/// A label with no positives and no predictions scores 0 and stays in the mean.
///
/// # Panics
/// When the two differ in length or are no whole number of rows.
#[must_use]
pub fn macro_f1(truth: &[bool], predicted: &[bool], n_labels: usize) -> f64 {
    Confusion::new(truth, predicted, n_labels).score(Metric::MACRO_F1)
}

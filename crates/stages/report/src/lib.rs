//! The report: one self-contained page of scores, curves and images, and a table of scores.
//!
//! The page is one HTML file without scripts or external resources: macro F1 of every model and
//! ensemble by every threshold method with intervals, F1 against the threshold of each label,
//! learning curves, and samples in false colour with correct, missed and wrong labels. The same
//! inputs give the same bytes.
//!
//! [`RunData::new`] joins the files of a run and refuses those that contradict each other,
//! [`evaluate()`] scores, [`render_page`] and [`text_table`] render.

mod data;
mod evaluate;
mod page;
mod render;

pub use data::{ModelHistory, ModelResult, RunData, RunFiles, Split, ThresholdSet};
pub use evaluate::{Evaluation, Resampling, Score, best, evaluate, score_table};
pub use page::{ReportInputs, render_page};
pub use render::text_table;

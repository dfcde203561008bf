//! The small table programs: labels, import, submission, score.
//!
//! Each is a few lines between two files: [`label_names`] and [`one_hot`] serve
//! `hpa-labels`, [`import`] with [`matrix_csv`] and [`matrix_npy`] serves `hpa-import`,
//! [`submission`] serves `hpa-submit` and [`scoring`] with [`mean_auc`] `hpa-score`.

mod error;
pub mod import;
pub mod label_names;
pub mod matrix_csv;
pub mod matrix_npy;
pub mod mean_auc;
pub mod one_hot;
mod regular;
pub mod scoring;
pub mod submission;

pub use error::TableError;

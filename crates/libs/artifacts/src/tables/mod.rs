//! Artefacts that are tables, each with an Arrow schema, and the CSV tables that users bring.

pub(crate) mod csv;
pub(crate) mod folds;
pub(crate) mod history;
pub(crate) mod labels;
pub(crate) mod lr_curve;
pub(crate) mod predictions;
pub(crate) mod scores;
pub(crate) mod statistics;
pub(crate) mod table;
pub(crate) mod thresholds;

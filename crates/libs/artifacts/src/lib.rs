//! Each artefact's type, schema, reader and writer; digests and atomic writes.
//!
//! A stage reads and writes files only through the types here. Every file carries the
//! digest of its own bytes, of the settings that made it and of its inputs; a reader
//! refuses a file that is damaged or is something else, and says which `make` line mends
//! it. A file that was made elsewhere ("foreign": neither `schema` nor `digest` in its
//! metadata) is accepted and checked value by value.
//!
//! `docs/artifacts.md` lists the columns; [`schema_tables`] is where that page comes from.

pub mod atomic;
mod canonical;
mod checkpoint;
mod columns;
mod csv_quotes;
pub mod csv_table;
mod decide;
mod digest;
mod error;
mod folds;
mod guard;
mod history;
pub mod id_table;
mod images;
mod label_names;
mod labels;
mod labels_plain;
mod layout;
mod matrix_csv;
mod parquet_file;
mod plain;
mod pread;
mod predictions;
mod predictions_plain;
mod problems;
mod provenance;
mod rate_curve;
mod schema_docs;
mod scores;
mod statistics;
mod sync_aside;
mod thresholds;
mod weights;

pub use canonical::canonical_json;
pub use checkpoint::{Checkpoint, CheckpointMeta};
pub use decide::DecideError;
pub use digest::Digest;
pub use error::{ArtifactError, open_regular};
pub use folds::{FoldRow, Folds};
pub use guard::is_reading_foreign;
pub use history::{History, HistoryRow};
pub use images::{
    EncodedPixels, ImageRow, ImageStore, ImageSummary, ImageWriter, PageEncoder, ShardRecord,
};
pub use label_names::read_label_names;
pub use labels::{LabelRow, Labels};
pub use matrix_csv::{MatrixCsv, read_matrix_csv};
pub use predictions::{FoldColumn, Predictions};
pub use provenance::{Loaded, Origin, Provenance, check_lineage, check_made_from};
pub use rate_curve::{RateCurve, RatePoint};
pub use schema_docs::schema_tables;
pub use scores::{ScoreRow, Scores};
pub use statistics::{ChannelStatistics, Statistics};
pub use thresholds::{ThresholdRow, Thresholds};
pub use weights::{Weights, read_foreign_weights};

use std::path::Path;

/// A kind of file that stages hand to each other.
pub trait Artifact: Sized {
    /// `NAME/VERSION`, kept in the file's metadata.
    const SCHEMA: &'static str;

    /// Reads and checks a file.
    ///
    /// # Errors
    /// When the file is absent, damaged, of another kind, or holds values out of range.
    fn read(path: &Path) -> Result<Loaded<Self>, ArtifactError>;

    /// Writes the file whole or not at all and returns its digest.
    ///
    /// # Errors
    /// When the folder cannot be written.
    fn write(&self, path: &Path, provenance: &Provenance) -> Result<Digest, ArtifactError>;
}

//! Artefacts, the files that stages hand to each other: types, schemas, readers, writers, joins.
//!
//! A stage reads and writes files only through the types here. Every file carries the digest of
//! its own bytes, of the settings that made it and of its inputs; a reader refuses a file that is
//! damaged or of another kind, and its error names the `make` command that rebuilds it. An
//! external file (neither `schema` nor `digest` in its metadata) is accepted and checked value by
//! value.
//!
//! - [`tables`](crate::Labels): labels, folds, predictions, thresholds, scores and the like.
//! - [`images`](crate::ImageStore): shards of pixels with random access.
//! - [`align`] joins labels, predictions and folds by sample id; [`apply_thresholds`] turns
//!   probabilities into decisions.
//! - `io`: atomic writes, digests, provenance, and the Parquet reader and writer below all of it.
//!
//! `docs/artifacts.md` lists the columns and is rendered by [`schema_tables`].

mod align;
mod apply_thresholds;
mod artifact;
mod checkpoint;
mod images;
mod io;
mod schema_docs;
mod tables;
mod weights;

pub use align::{AlignError, Aligned, LabelNameMismatch, MissingIds, align, row_indices};
pub use apply_thresholds::{ThresholdMismatch, above_thresholds, apply_thresholds};
pub use artifact::Artifact;
pub use checkpoint::{Checkpoint, CheckpointMeta};
pub use images::{
    EncodedPixels, ImageRow, ImageStore, ImageSummary, ImageWriter, PageEncoder, ShardMetadata,
};
pub use io::atomic;
pub use io::canonical_json::canonical_json;
pub use io::catch_panic::is_catching_panics;
pub use io::digest::Digest;
pub use io::error::{ArtifactError, open_regular};
pub use io::error_list::ErrorList;
pub use io::provenance::{Loaded, Origin, Provenance, check_lineage, check_made_from};
pub use schema_docs::schema_tables;
pub use tables::csv::ids::read_id_csv;
pub use tables::csv::label_names::read_label_names;
pub use tables::csv::labels::read_label_csv;
pub use tables::csv::matrix::{MatrixCsv, read_matrix_csv};
pub use tables::csv::{CsvError, read_csv_text, unclosed_quote};
pub use tables::folds::{FoldRow, Folds};
pub use tables::history::{History, HistoryRow};
pub use tables::labels::{LabelRow, Labels};
pub use tables::lr_curve::{LrCurve, LrCurvePoint};
pub use tables::predictions::{FoldColumn, Predictions};
pub use tables::scores::{ScoreRow, Scores};
pub use tables::statistics::{ChannelStatistics, Statistics};
pub use tables::thresholds::{ThresholdRow, Thresholds};
pub use weights::{Weights, read_external_weights};

//! Writes a shard row by row, in memory that does not grow with the rows.

use super::row::{arrow_schema, batch};
use super::{ImageRow, SCHEMA, pixels_len};
use crate::parquet_file::{Entries, Writer, finish, metadata, open_writer, properties};
use crate::{ArtifactError, Digest, Provenance, canonical_json};
use arrow::datatypes::SchemaRef;
use hpa_core::Channel;
use parquet::file::properties::EnabledStatistics;
use parquet::schema::types::ColumnPath;
use std::path::{Path, PathBuf};

/// Row groups hold at most this many rows …
const MAX_GROUP_ROWS: usize = 256;
/// … and this many bytes of pixels.
const MAX_GROUP_BYTES: usize = 64 << 20;
/// A reader of one row decompresses at most this much besides.
const PAGE_BYTES: usize = 64 << 10;
/// Largest side: 4 × 16384² bytes still fit the 31 bits of a fixed-size column.
const MAX_SIZE_PX: usize = 16_384;

/// An unfinished shard; dropped without [`ImageWriter::finish`] it leaves no file.
pub struct ImageWriter {
    path: PathBuf,
    size_px: usize,
    schema: SchemaRef,
    writer: Writer,
    rows_in_group: usize,
}

impl ImageWriter {
    /// Begins a shard of squares of `size_px`.
    ///
    /// # Errors
    /// When the folder cannot be written or the size is out of range.
    pub fn create(
        path: &Path,
        size_px: usize,
        provenance: &Provenance,
    ) -> Result<Self, ArtifactError> {
        if size_px == 0 || size_px > MAX_SIZE_PX {
            let reason = format!("size_px {size_px}: expected 1 to {MAX_SIZE_PX}");
            return Err(ArtifactError::unwritable(path, reason));
        }
        let schema = arrow_schema(size_px);
        let image = ColumnPath::from("image");
        let properties = properties()
            .set_data_page_size_limit(PAGE_BYTES)
            .set_write_batch_size(1)
            .set_column_dictionary_enabled(image.clone(), false)
            .set_column_statistics_enabled(image, EnabledStatistics::None);
        let entries = metadata(SCHEMA, provenance, Entries::from([("tensor", tensor(size_px))]));
        let writer = open_writer(path, &schema, properties, entries)?;
        Ok(Self { path: path.to_owned(), size_px, schema, writer, rows_in_group: 0 })
    }

    /// Adds a row.
    ///
    /// # Errors
    /// When the pixels are not `4 × S × S` or the disk is full.
    pub fn push(&mut self, row: &ImageRow) -> Result<(), ArtifactError> {
        let expected = pixels_len(self.size_px);
        if row.image.len() != expected {
            let reason =
                format!("sample {} has {} bytes, expected {expected}", row.id, row.image.len());
            return Err(ArtifactError::unwritable(&self.path, reason));
        }
        let unwritable = |error: String| ArtifactError::unwritable(&self.path, error);
        let batch = batch(row, &self.schema).map_err(|error| unwritable(error.to_string()))?;
        self.writer.write(&batch).map_err(|error| unwritable(error.to_string()))?;
        self.rows_in_group += 1;
        if self.rows_in_group == MAX_GROUP_ROWS.min(MAX_GROUP_BYTES / expected).max(1) {
            self.writer.flush().map_err(|error| unwritable(error.to_string()))?;
            self.rows_in_group = 0;
        }
        Ok(())
    }

    /// Gives the shard its name.
    ///
    /// # Errors
    /// When the disk is full.
    pub fn finish(self) -> Result<Digest, ArtifactError> {
        finish(&self.path, self.writer)
    }
}

/// What the bytes of `image` are, for readers in other languages.
fn tensor(size_px: usize) -> String {
    canonical_json(&serde_json::json!({
        "dtype": "uint8",
        "shape": [Channel::COUNT, size_px, size_px],
        "channels": Channel::ALL,
    }))
}

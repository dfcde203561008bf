//! The metadata of a shard, without its rows.

use super::SCHEMA;
use crate::io::parquet_reader::{check_origin, key_values};
use crate::{ArtifactError, Origin, open_regular};
use parquet::arrow::arrow_reader::{ArrowReaderMetadata, ArrowReaderOptions};
use std::collections::BTreeMap;
use std::path::Path;

/// Settings, inputs and further entries of a shard with a valid digest.
#[derive(Clone, Debug)]
pub struct ShardMetadata {
    /// The file, its settings and its inputs.
    pub origin: Origin,
    /// All metadata entries, those of [`super::ImageWriter::add_metadata`] among them.
    pub entries: BTreeMap<String, String>,
    /// Number of rows.
    pub rows: usize,
}

impl ShardMetadata {
    /// Reads a shard's metadata and checks the digest of the whole file.
    ///
    /// # Errors
    /// When the file is absent, damaged or not a shard.
    pub fn read(path: &Path) -> Result<Self, ArtifactError> {
        let mut file = open_regular(path)?;
        let footer = ArrowReaderMetadata::load(&file, ArrowReaderOptions::new())
            .map_err(|error| ArtifactError::not_whole(path, SCHEMA, error))?;
        let parquet = footer.metadata().file_metadata();
        let entries = key_values(parquet);
        let origin = check_origin(path, &mut file, SCHEMA, &entries)?;
        let rows = usize::try_from(parquet.num_rows()).unwrap_or(0);
        Ok(Self { origin, entries, rows })
    }
}

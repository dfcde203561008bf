//! What a shard says about how it was made, without its rows.

use super::SCHEMA;
use crate::parquet_file::{check_origin, key_values};
use crate::{ArtifactError, Origin, open_regular};
use parquet::arrow::arrow_reader::{ArrowReaderMetadata, ArrowReaderOptions};
use std::collections::BTreeMap;
use std::path::Path;

/// Settings, inputs and further entries of a shard whose digest holds.
#[derive(Clone, Debug)]
pub struct ShardRecord {
    /// Which file, from which settings and inputs.
    pub origin: Origin,
    /// All entries of its metadata, those of [`super::ImageWriter::record`] among them.
    pub entries: BTreeMap<String, String>,
    /// How many rows it has.
    pub rows: usize,
}

impl ShardRecord {
    /// Reads the record of a shard and checks the digest of the whole file.
    ///
    /// # Errors
    /// When the file is absent, damaged or no shard.
    pub fn read(path: &Path) -> Result<Self, ArtifactError> {
        let mut file = open_regular(path)?;
        let not_parquet = |error| ArtifactError::not_whole(path, SCHEMA, error);
        let options = ArrowReaderOptions::new();
        let metadata = ArrowReaderMetadata::load(&file, options).map_err(not_parquet)?;
        let parquet = metadata.metadata().file_metadata();
        let entries = key_values(parquet.key_value_metadata());
        let origin = check_origin(path, &mut file, SCHEMA, &entries)?;
        let rows = usize::try_from(parquet.num_rows()).unwrap_or(0);
        Ok(Self { origin, entries, rows })
    }
}

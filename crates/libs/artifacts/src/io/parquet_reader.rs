//! Reading Parquet tables and checking their digest.

use crate::io::catch_panic::catch_panic;
use crate::io::embedded_digest::{self, EmbeddedDigest, offset_in_parquet};
use crate::io::error::read_regular;
use crate::io::parquet_writer::DIGEST_KEY;
use crate::{ArtifactError, Digest, Loaded, Origin, Provenance};
use arrow::array::{Array, ArrayRef, RecordBatch, new_empty_array};
use bytes::Bytes;
use parquet::arrow::ProjectionMask;
use parquet::arrow::arrow_reader::{
    ArrowReaderMetadata, ArrowReaderOptions, ParquetRecordBatchReaderBuilder,
};
use parquet::file::metadata::FileMetaData;
use rayon::prelude::*;
use std::collections::BTreeMap;
use std::io::{Cursor, Read, Seek};
use std::path::Path;

/// Rows decoded at a time.
const BATCH_ROWS: usize = 1 << 16;

/// A table in memory with its metadata.
pub(crate) struct ParquetTable {
    pub(crate) batch: RecordBatch,
    pub(crate) metadata: BTreeMap<String, String>,
}

/// Reads a whole table, several columns at a time, after its digest has been checked.
pub(crate) fn read_table(
    path: &Path,
    schema: &'static str,
) -> Result<Loaded<ParquetTable>, ArtifactError> {
    let bytes = Bytes::from(read_regular(path)?);
    let not_whole = |error| ArtifactError::not_whole(path, schema, error);
    let footer = catch_panic(path, || {
        ArrowReaderMetadata::load(&bytes, ArrowReaderOptions::new()).map_err(not_whole)
    })?;
    let metadata = key_values(footer.metadata().file_metadata());
    let origin = check_origin(path, &mut Cursor::new(&bytes), schema, &metadata)?;
    let columns = (0..footer.schema().fields().len()).into_par_iter().map(|column| {
        let read = || read_column(&bytes, &footer, column).map_err(not_whole);
        catch_panic(path, read)
    });
    let columns: Vec<ArrayRef> = columns.collect::<Result<_, _>>()?;
    let batch = RecordBatch::try_new(footer.schema().clone(), columns)
        .map_err(|error| ArtifactError::damaged(path, error))?;
    Ok(Loaded { value: ParquetTable { batch, metadata }, origin })
}

fn read_column(
    bytes: &Bytes,
    footer: &ArrowReaderMetadata,
    column: usize,
) -> parquet::errors::Result<ArrayRef> {
    let builder = ParquetRecordBatchReaderBuilder::new_with_metadata(bytes.clone(), footer.clone());
    let mask = ProjectionMask::roots(builder.parquet_schema(), [column]);
    let reader = builder.with_projection(mask).with_batch_size(BATCH_ROWS).build()?;
    let batches: Vec<RecordBatch> = reader.collect::<Result<_, _>>()?;
    let arrays: Vec<&dyn Array> = batches.iter().map(|batch| batch.column(0).as_ref()).collect();
    match &batches[..] {
        [] => Ok(new_empty_array(footer.schema().field(column).data_type())),
        [only] => Ok(only.column(0).clone()),
        _ => Ok(arrow::compute::concat(&arrays)?),
    }
}

/// The metadata entries of a footer.
pub(crate) fn key_values(footer: &FileMetaData) -> BTreeMap<String, String> {
    let entries = footer.key_value_metadata().into_iter().flatten();
    entries.filter_map(|entry| Some((entry.key.clone(), entry.value.clone()?))).collect()
}

/// Checks schema and digest, and reads the provenance.
pub(crate) fn check_origin(
    path: &Path,
    file: &mut (impl Read + Seek),
    schema: &'static str,
    metadata: &BTreeMap<String, String>,
) -> Result<Origin, ArtifactError> {
    let EmbeddedDigest { actual, recorded } = offset_in_parquet(file)
        .and_then(|offset| embedded_digest::read(file, offset))
        .map_err(ArtifactError::io(path, "read"))?;
    let damaged = |reason: &str| ArtifactError::damaged(path, reason);
    let provenance = match (metadata.get("schema"), metadata.get(DIGEST_KEY)) {
        // A flipped bit can hide the whole list of entries from the reader.
        (None, None) if recorded.is_some() => {
            return Err(damaged("its footer is not the one that was written"));
        }
        (None, None) => None,
        (Some(_), Some(_)) if recorded != Some(actual) => {
            return Err(damaged("its bytes are not those that were written"));
        }
        (Some(found), Some(_)) if found != schema => {
            let (path, found) = (path.to_owned(), found.clone());
            return Err(ArtifactError::OtherKind { path, expected: schema, found });
        }
        (Some(_), Some(_)) => Some(
            provenance(metadata).ok_or_else(|| damaged("its record of inputs is unreadable"))?,
        ),
        (Some(_), None) => return Err(damaged("it has a schema but no digest")),
        (None, Some(_)) => return Err(damaged("it has a digest but no schema")),
    };
    Ok(Origin { path: path.to_owned(), digest: actual, provenance })
}

fn provenance(metadata: &BTreeMap<String, String>) -> Option<Provenance> {
    let lineage = metadata.get("lineage").map_or("{}", String::as_str);
    Some(Provenance {
        config: Digest::try_from(metadata.get("config")?.clone()).ok()?,
        inputs: serde_json::from_str(metadata.get("inputs")?).ok()?,
        lineage: serde_json::from_str(lineage).ok()?,
    })
}

//! Parquet files with a digest of themselves.
//!
//! The metadata entry `digest` is the BLAKE3 of the whole file computed with its own 64
//! digits as zeros. A page checksum would miss what this catches: a flipped byte inside a
//! Zstandard page goes unseen half of the time.

use crate::atomic::AtomicFile;
use crate::guard::guarded;
use crate::layout::table_properties;
use crate::sync_aside::SyncAside;
use crate::{ArtifactError, Digest, Loaded, Origin, Provenance, canonical_json};
use arrow::array::RecordBatch;
use arrow::datatypes::{Schema, SchemaRef};
use parquet::arrow::ArrowWriter;
use parquet::arrow::arrow_reader::{ParquetRecordBatchReader, ParquetRecordBatchReaderBuilder};
use parquet::file::metadata::KeyValue;
use parquet::file::properties::WriterPropertiesBuilder;
use std::collections::{BTreeMap, HashMap};
use std::io::{Read, Seek, SeekFrom, Write};
use std::path::Path;

const DIGEST_KEY: &str = "digest";
const ZEROS: [u8; Digest::HEX_DIGITS] = [b'0'; Digest::HEX_DIGITS];
/// Thrift's compact form of a `KeyValue` whose key is `digest`, up to its 64 digits:
/// field 1, length 6, the key, field 2, length 64.
const DIGEST_MARK: &[u8] = b"\x18\x06digest\x18\x40";

/// Rows read at a time: a batch of 28 numbers each stays in the second-level cache.
const BATCH: usize = 1 << 12;

/// Extra entries of the metadata: `label_names`, `tensor`, `method` …
pub(crate) type Entries = BTreeMap<&'static str, String>;

/// A Parquet file being written; hashes what passes, in blocks that are large enough for all
/// lanes of the hash and few enough for the system.
pub(crate) struct HashingFile {
    file: AtomicFile,
    hasher: blake3::Hasher,
    block: Vec<u8>,
    aside: SyncAside,
}

/// Bytes that are hashed and written at once.
const BLOCK_BYTES: usize = 256 << 10;

impl HashingFile {
    fn create(path: &Path) -> Result<Self, ArtifactError> {
        let (file, hasher) = (AtomicFile::create(path)?, blake3::Hasher::new());
        Ok(Self { file, hasher, block: Vec::new(), aside: SyncAside::default() })
    }

    fn write_block(&mut self) -> std::io::Result<()> {
        self.file.write_all(&self.block)?;
        self.aside.wrote(self.block.len(), self.file.file_mut())?;
        self.hasher.update(&self.block);
        self.block.clear();
        Ok(())
    }
}

impl Write for HashingFile {
    fn write(&mut self, buffer: &[u8]) -> std::io::Result<usize> {
        self.block.extend_from_slice(buffer);
        if self.block.len() >= BLOCK_BYTES {
            self.write_block()?;
        }
        Ok(buffer.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        // The writer of Parquet flushes after each group; the last block is written by `finish`.
        Ok(())
    }
}

pub(crate) type Writer = ArrowWriter<HashingFile>;

/// Opens a writer whose metadata holds provenance and a digest still to be filled in.
pub(crate) fn open_writer(
    path: &Path,
    schema: &SchemaRef,
    properties: WriterPropertiesBuilder,
    metadata: Vec<KeyValue>,
) -> Result<Writer, ArtifactError> {
    let sink = HashingFile::create(path)?;
    let schema = described(schema, &metadata);
    let properties = properties.set_key_value_metadata(Some(metadata)).build();
    ArrowWriter::try_new(sink, schema, Some(properties))
        .map_err(|error| ArtifactError::unwritable(path, error))
}

/// The schema with the entries that Arrow's readers show beside it (pyarrow shows no others); the
/// digest stands in the footer alone.
fn described(schema: &SchemaRef, metadata: &[KeyValue]) -> SchemaRef {
    let entries = metadata.iter().filter(|entry| entry.key != DIGEST_KEY);
    let entries = entries.filter_map(|entry| Some((entry.key.clone(), entry.value.clone()?)));
    Schema::new_with_metadata(schema.fields().clone(), entries.collect::<HashMap<_, _>>()).into()
}

/// The metadata of a file of this kind.
pub(crate) fn metadata(schema: &str, provenance: &Provenance, extra: Entries) -> Vec<KeyValue> {
    let mut entries = extra;
    entries.insert("schema", schema.to_owned());
    entries.insert("config", provenance.config.to_string());
    entries.insert("inputs", canonical_json(&provenance.inputs));
    if !provenance.lineage.is_empty() {
        entries.insert("lineage", canonical_json(&provenance.lineage));
    }
    entries.insert(DIGEST_KEY, "0".repeat(Digest::HEX_DIGITS));
    entries.into_iter().map(|(key, value)| KeyValue::new(key.to_owned(), value)).collect()
}

/// Closes the file, patches its digest in and gives it its final name.
pub(crate) fn finish(
    path: &Path,
    closed: parquet::errors::Result<HashingFile>,
) -> Result<Digest, ArtifactError> {
    let mut sink = closed.map_err(|error| ArtifactError::unwritable(path, error))?;
    sink.write_block().map_err(ArtifactError::io(path, "write"))?;
    let HashingFile { mut file, hasher, aside, .. } = sink;
    aside.finish().map_err(ArtifactError::io(path, "write"))?;
    let digest = Digest::finish(&hasher);
    patch(file.file_mut(), &digest).map_err(ArtifactError::io(path, "write"))?;
    file.commit()?;
    Ok(digest)
}

fn patch(file: &mut std::fs::File, digest: &Digest) -> std::io::Result<()> {
    file.flush()?;
    let place = digest_place(file)?.expect("the writer put one digest into the footer");
    file.seek(SeekFrom::Start(place))?;
    file.write_all(digest.to_string().as_bytes())
}

/// Writes a small table at once.
pub(crate) fn write_table(
    path: &Path,
    schema: &'static str,
    batch: &RecordBatch,
    provenance: &Provenance,
    extra: Entries,
) -> Result<Digest, ArtifactError> {
    let entries = metadata(schema, provenance, extra);
    let mut writer = open_writer(path, batch.schema_ref(), table_properties(), entries)?;
    writer.write(batch).map_err(|error| ArtifactError::unwritable(path, error))?;
    finish(path, writer.into_inner())
}

/// A table as it was read: one batch, the metadata of ours, and where it came from.
pub(crate) struct Table {
    pub(crate) batch: RecordBatch,
    pub(crate) metadata: BTreeMap<String, String>,
}

/// A table whose digest holds, to be read batch by batch.
pub(crate) struct OpenTable {
    pub(crate) batches: ParquetRecordBatchReader,
    pub(crate) metadata: BTreeMap<String, String>,
    pub(crate) origin: Origin,
    schema: SchemaRef,
}

/// Opens a table and checks its digest.
pub(crate) fn open_table(path: &Path, schema: &'static str) -> Result<OpenTable, ArtifactError> {
    let mut file = crate::open_regular(path)?;
    let not_parquet = |error| ArtifactError::not_whole(path, schema, error);
    let copy = file.try_clone().map_err(ArtifactError::io(path, "open"))?;
    let builder = ParquetRecordBatchReaderBuilder::try_new(copy).map_err(not_parquet)?;
    let metadata = key_values(builder.metadata().file_metadata().key_value_metadata());
    let origin = check_origin(path, &mut file, schema, &metadata)?;
    let arrow_schema = builder.schema().clone();
    let batches = builder.with_batch_size(BATCH).build().map_err(not_parquet)?;
    Ok(OpenTable { batches, metadata, origin, schema: arrow_schema })
}

/// Reads a whole table whose digest holds.
pub(crate) fn read_table(
    path: &Path,
    schema: &'static str,
) -> Result<Loaded<Table>, ArtifactError> {
    guarded(path, || read_unguarded(path, schema))
}

fn read_unguarded(path: &Path, schema: &'static str) -> Result<Loaded<Table>, ArtifactError> {
    let OpenTable { batches, metadata, origin, schema: arrow_schema } = open_table(path, schema)?;
    let batches: Vec<RecordBatch> = batches
        .collect::<Result<_, _>>()
        .map_err(|error| ArtifactError::not_whole(path, schema, error))?;
    let batch = arrow::compute::concat_batches(&arrow_schema, &batches)
        .map_err(|error| ArtifactError::damaged(path, error))?;
    Ok(Loaded { value: Table { batch, metadata }, origin })
}

pub(crate) fn key_values(entries: Option<&Vec<KeyValue>>) -> BTreeMap<String, String> {
    let entries = entries.into_iter().flatten();
    entries.filter_map(|entry| Some((entry.key.clone(), entry.value.clone()?))).collect()
}

/// Checks schema and digest, and reads the provenance.
pub(crate) fn check_origin(
    path: &Path,
    file: &mut std::fs::File,
    schema: &'static str,
    metadata: &BTreeMap<String, String>,
) -> Result<Origin, ArtifactError> {
    let (actual, recorded) = digests(path, file)?;
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

/// The digest of the file with its own digits as zeros, and the one written in it.
fn digests(
    path: &Path,
    file: &mut std::fs::File,
) -> Result<(Digest, Option<Digest>), ArtifactError> {
    let io = |error| ArtifactError::io(path, "read")(error);
    let Some(place) = digest_place(file).map_err(io)? else {
        return Ok((Digest::of_file(path)?, None));
    };
    let mut hasher = blake3::Hasher::new();
    let mut recorded = [0; Digest::HEX_DIGITS];
    file.seek(SeekFrom::Start(0)).map_err(io)?;
    hasher.update_reader((&mut *file).take(place)).map_err(io)?;
    file.read_exact(&mut recorded).map_err(io)?;
    hasher.update(&ZEROS);
    hasher.update_reader(&mut *file).map_err(io)?;
    let recorded = String::from_utf8_lossy(&recorded).into_owned();
    Ok((Digest::finish(&hasher), Digest::try_from(recorded).ok()))
}

/// Where in the file the 64 digits begin; `None` when the footer has none or several.
fn digest_place(file: &mut std::fs::File) -> std::io::Result<Option<u64>> {
    let length = file.seek(SeekFrom::End(0))?;
    let mut tail = [0; 8];
    if length < 12 {
        return Ok(None);
    }
    file.seek(SeekFrom::End(-8))?;
    file.read_exact(&mut tail)?;
    let footer = u64::from(u32::from_le_bytes([tail[0], tail[1], tail[2], tail[3]]));
    let Some(start) = length.checked_sub(8 + footer) else { return Ok(None) };
    file.seek(SeekFrom::Start(start))?;
    let mut bytes = Vec::new();
    file.take(footer).read_to_end(&mut bytes)?;
    let width = DIGEST_MARK.len() + Digest::HEX_DIGITS;
    let mut places =
        bytes.windows(width).enumerate().filter(|(_, window)| window.starts_with(DIGEST_MARK));
    match (places.next(), places.next()) {
        (Some((place, _)), None) => Ok(Some(start + (place + DIGEST_MARK.len()) as u64)),
        _ => Ok(None),
    }
}

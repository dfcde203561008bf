//! Parquet files with provenance and a digest of themselves in the footer.

use crate::io::atomic::AtomicFile;
use crate::io::background_fsync::BackgroundFsync;
use crate::io::embedded_digest::{ZEROS, offset_in_parquet};
use crate::{ArtifactError, Digest, Provenance, canonical_json};
use arrow::array::{ArrayRef, RecordBatch};
use arrow::datatypes::{Field, Metadata, Schema, SchemaRef};
use parquet::arrow::ArrowWriter;
use parquet::basic::{Compression, Encoding, ZstdLevel};
use parquet::file::metadata::KeyValue;
use parquet::file::properties::{WriterProperties, WriterPropertiesBuilder, WriterVersion};
use parquet::schema::types::ColumnPath;
use std::collections::BTreeMap;
use std::io::{Seek, SeekFrom, Write};
use std::path::Path;

/// Metadata key of the file's own digest.
pub(crate) const DIGEST_KEY: &str = "digest";

/// Extra entries of the metadata: `label_names`, `tensor`, `method` …
pub(crate) type Entries = BTreeMap<&'static str, String>;

/// A Parquet file being written; hashes the bytes in blocks that are large enough for all SIMD
/// lanes of the hash and need few system calls.
pub(crate) struct HashingFile {
    file: AtomicFile,
    hasher: blake3::Hasher,
    block: Vec<u8>,
    fsync: BackgroundFsync,
}

/// Bytes that are hashed and written at once.
const BLOCK_BYTES: usize = 256 << 10;

impl HashingFile {
    fn create(path: &Path) -> Result<Self, ArtifactError> {
        let (file, hasher) = (AtomicFile::create(path)?, blake3::Hasher::new());
        Ok(Self { file, hasher, block: Vec::new(), fsync: BackgroundFsync::default() })
    }

    fn write_block(&mut self) -> std::io::Result<()> {
        self.file.write_all(&self.block)?;
        self.fsync.wrote(self.block.len(), self.file.file_mut())?;
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
        // The Parquet writer flushes after each row group; `finish` writes the last block.
        Ok(())
    }
}

/// Opens a writer whose metadata holds provenance and the place of a digest.
///
/// The fields' own metadata, their descriptions, stays out of the file: labels and folds keep the
/// bytes, and so the digests, that existing checkpoints record.
pub(crate) fn open_writer(
    path: &Path,
    fields: &[Field],
    properties: WriterPropertiesBuilder,
    metadata: Entries,
) -> Result<ArrowWriter<HashingFile>, ArtifactError> {
    // Arrow's readers, pyarrow among them, show these entries beside the schema and no others.
    let shown: Metadata = metadata.iter().map(|(&key, value)| (key, value)).collect();
    let schema = without_descriptions(fields).with_metadata(shown);
    let zeros = KeyValue::new(DIGEST_KEY.to_owned(), String::from_utf8_lossy(&ZEROS).into_owned());
    let mut entries: Vec<KeyValue> =
        metadata.into_iter().map(|(key, value)| KeyValue::new(key.to_owned(), value)).collect();
    entries.push(zeros);
    entries.sort_by(|a, b| a.key.cmp(&b.key));
    let properties = properties.set_key_value_metadata(Some(entries)).build();
    ArrowWriter::try_new(HashingFile::create(path)?, SchemaRef::new(schema), Some(properties))
        .map_err(|error| ArtifactError::unwritable(path, error))
}

/// The metadata of a file of this kind, without its digest.
pub(crate) fn metadata(schema: &str, provenance: &Provenance, extra: Entries) -> Entries {
    let mut entries = extra;
    entries.insert("schema", schema.to_owned());
    entries.insert("config", provenance.config.to_string());
    entries.insert("inputs", canonical_json(&provenance.inputs));
    if !provenance.lineage.is_empty() {
        entries.insert("lineage", canonical_json(&provenance.lineage));
    }
    entries
}

/// Closes the file, patches its digest in and gives it its final name.
pub(crate) fn finish(
    path: &Path,
    closed: parquet::errors::Result<HashingFile>,
) -> Result<Digest, ArtifactError> {
    let mut sink = closed.map_err(|error| ArtifactError::unwritable(path, error))?;
    sink.write_block().map_err(ArtifactError::io(path, "write"))?;
    let HashingFile { mut file, hasher, fsync, .. } = sink;
    fsync.finish().map_err(ArtifactError::io(path, "write"))?;
    let digest = Digest::finish(&hasher);
    patch(file.file_mut(), &digest).map_err(ArtifactError::io(path, "write"))?;
    file.commit()?;
    Ok(digest)
}

fn patch(file: &mut std::fs::File, digest: &Digest) -> std::io::Result<()> {
    file.flush()?;
    let offset = offset_in_parquet(file)?.expect("the footer has just been given one digest");
    file.seek(SeekFrom::Start(offset))?;
    file.write_all(digest.to_string().as_bytes())
}

/// Writes a table as one batch.
pub(crate) fn write_table(
    path: &Path,
    fields: &[Field],
    columns: Vec<ArrayRef>,
    metadata: Entries,
) -> Result<Digest, ArtifactError> {
    let batch = RecordBatch::try_new(without_descriptions(fields).into(), columns)
        .map_err(|error| ArtifactError::unwritable(path, error))?;
    let mut writer = open_writer(path, fields, table_properties(), metadata)?;
    writer.write(&batch).map_err(|error| ArtifactError::unwritable(path, error))?;
    finish(path, writer.into_inner())
}

fn without_descriptions(fields: &[Field]) -> Schema {
    let fields = fields.iter().map(|field| field.clone().with_metadata(Metadata::new()));
    Schema::new(fields.collect::<Vec<_>>())
}

/// Properties that all files share.
pub(crate) fn properties() -> WriterPropertiesBuilder {
    let level = ZstdLevel::try_new(1).expect("1 is a level of Zstandard");
    WriterProperties::builder().set_compression(Compression::ZSTD(level))
}

/// Bytes of a table's page before compression: a page fits the second-level cache.
const PAGE_BYTES: usize = 128 << 10;

/// A page that compresses to more than this share of its size is stored uncompressed:
/// decompressing it would cost time and save little. The random digits of floats are such pages.
const COMPRESSION_RATIO: f64 = 0.8;

/// Columns whose values rarely repeat: a dictionary of them only costs time.
const WITHOUT_DICTIONARY: [&[&str]; 2] = [&["id"], &["probability", "list", "item"]];

/// Properties of tables that are read whole.
fn table_properties() -> WriterPropertiesBuilder {
    // Only data page V2 can be stored uncompressed in a compressed column.
    let properties = properties()
        .set_writer_version(WriterVersion::PARQUET_2_0)
        .set_data_page_v2_compression_ratio_threshold(COMPRESSION_RATIO)
        .set_data_page_size_limit(PAGE_BYTES);
    WITHOUT_DICTIONARY.iter().fold(properties, |properties, parts| {
        let column = ColumnPath::new(parts.iter().map(ToString::to_string).collect());
        let properties = properties.set_column_dictionary_enabled(column.clone(), false);
        properties.set_column_encoding(column, Encoding::PLAIN)
    })
}

//! Writer of shards, row group by row group, in constant memory.
//!
//! The `image` column is concatenated from pages that [`PageEncoder`] made; the small columns are
//! encoded when a row group is full.

use super::page::{EncodedPixels, PageEncoder, Pages};
use super::row::{batch_of_summaries, fields};
use super::{ImageRow, ImageSummary, MAX_SIZE_PX, SCHEMA, pixels_len};
use crate::io::parquet_writer::{Entries, HashingFile, finish, metadata, open_writer, properties};
use crate::{ArtifactError, Digest, Provenance, canonical_json};
use arrow::datatypes::Field;
use bytes::Bytes;
use hpa_core::Channel;
use parquet::arrow::arrow_writer::{ArrowRowGroupWriterFactory, compute_leaves};
use parquet::basic::{Compression, Encoding, ZstdLevel};
use parquet::column::writer::ColumnCloseResult;
use parquet::errors::Result as ParquetResult;
use parquet::file::metadata::{ColumnChunkMetaData, KeyValue, OffsetIndexBuilder};
use parquet::file::properties::EnabledStatistics;
use parquet::file::writer::SerializedFileWriter;
use parquet::schema::types::{ColumnDescPtr, ColumnPath};
use std::path::{Path, PathBuf};

/// Row groups hold at most this many rows …
const MAX_GROUP_ROWS: usize = 256;
/// … and this many bytes of pixels: the buffers of a group's pages are reused by the next, and few
/// buffers stay in the cache.
const MAX_GROUP_BYTES: usize = 16 << 20;
/// Index of the column of pixels.
const IMAGE_COLUMN: usize = 1;

/// A shard being written; dropped without [`ImageWriter::finish`] it leaves no file.
pub struct ImageWriter {
    path: PathBuf,
    size_px: usize,
    fields: Vec<Field>,
    writer: SerializedFileWriter<HashingFile>,
    factory: ArrowRowGroupWriterFactory,
    encoder: PageEncoder,
    group: Group,
    n_groups: usize,
    spare_buffers: Vec<Vec<u8>>,
}

/// The rows that are not written yet.
#[derive(Default)]
struct Group {
    summaries: Vec<ImageSummary>,
    pages: Vec<Bytes>,
    /// Bytes of the pages, with their headers.
    compressed: usize,
    uncompressed: usize,
    index: OffsetIndexBuilder,
}

impl ImageWriter {
    /// Creates a shard of images of `size_px × size_px`.
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
        let fields = fields(size_px);
        let image = ColumnPath::from("image");
        let properties = properties()
            .set_column_dictionary_enabled(image.clone(), false)
            .set_column_statistics_enabled(image, EnabledStatistics::None);
        let entries = metadata(SCHEMA, provenance, Entries::from([("tensor", tensor(size_px))]));
        let (writer, factory) = open_writer(path, &fields, properties, entries)?
            .into_serialized_writer()
            .map_err(|error| ArtifactError::unwritable(path, error))?;
        let path = path.to_owned();
        Ok(Self {
            path,
            size_px,
            fields,
            writer,
            factory,
            encoder: PageEncoder::new(),
            group: Group::default(),
            n_groups: 0,
            spare_buffers: Vec::new(),
        })
    }

    /// Adds a row.
    ///
    /// # Errors
    /// When the pixels are not `4 × S × S` or the disk is full.
    pub fn push(&mut self, row: &ImageRow) -> Result<(), ArtifactError> {
        let pixels = self
            .encoder
            .encode_into(self.spare_buffers.pop().unwrap_or_default(), &row.image)
            .map_err(|error| ArtifactError::unwritable(&self.path, error))?;
        self.push_encoded(row.summary(), pixels)
    }

    /// Adds a row with encoded pixels.
    ///
    /// # Errors
    /// When the pixels are not `4 × S × S` or the disk is full.
    pub fn push_encoded(
        &mut self,
        summary: ImageSummary,
        pixels: EncodedPixels,
    ) -> Result<(), ArtifactError> {
        let expected = pixels_len(self.size_px);
        if pixels.pixels_len != expected {
            let reason = format!(
                "sample {} has {} bytes, expected {expected}",
                summary.id, pixels.pixels_len
            );
            return Err(ArtifactError::unwritable(&self.path, reason));
        }
        self.group.push(summary, pixels);
        if self.group.summaries.len() == MAX_GROUP_ROWS.min(MAX_GROUP_BYTES / expected).max(1) {
            self.flush()?;
        }
        Ok(())
    }

    /// Buffers of rows that are written, for [`PageEncoder::encode_into`]; each is returned once.
    pub fn take_spare_buffers(&mut self) -> Vec<Vec<u8>> {
        std::mem::take(&mut self.spare_buffers)
    }

    fn flush(&mut self) -> Result<(), ArtifactError> {
        if self.group.summaries.is_empty() {
            return Ok(());
        }
        let group = std::mem::take(&mut self.group);
        self.write(group).map_err(|error| ArtifactError::unwritable(&self.path, error))?;
        self.n_groups += 1;
        Ok(())
    }

    fn write(&mut self, group: Group) -> ParquetResult<()> {
        let batch = batch_of_summaries(&group.summaries)?;
        let descriptor = self.writer.schema_descr().column(IMAGE_COLUMN);
        let mut pixels = Some(group.into_column(descriptor)?);
        let mut encoders = self.factory.create_column_writers(self.n_groups)?.into_iter();
        let mut row_group = self.writer.next_row_group()?;
        for field in &self.fields {
            let mut encoder = encoders.next().expect("one writer a column");
            let Some(values) = batch.column_by_name(field.name()) else {
                let (pages, close) = pixels.take().expect("one column is not in the batch");
                row_group.append_column(&pages, close)?;
                self.spare_buffers = pages.into_buffers();
                continue;
            };
            for leaf in compute_leaves(field, values)? {
                encoder.write(&leaf)?;
            }
            encoder.close()?.append_to_row_group(&mut row_group)?;
        }
        row_group.close()?;
        Ok(())
    }

    /// Adds a metadata entry that was unknown when the shard was created. It is in the footer alone:
    /// Arrow's readers do not show it beside the schema.
    pub fn add_metadata(&mut self, key: &str, value: String) {
        self.writer.append_key_value_metadata(KeyValue::new(key.to_owned(), value));
    }

    /// Writes the last rows and gives the shard its final name.
    ///
    /// # Errors
    /// When the disk is full.
    pub fn finish(mut self) -> Result<Digest, ArtifactError> {
        self.flush()?;
        finish(&self.path, self.writer.into_inner())
    }
}

impl Group {
    fn push(&mut self, summary: ImageSummary, pixels: EncodedPixels) {
        let bytes = pixels.header.len() + pixels.frame.len();
        let length = i32::try_from(bytes).expect("a page is below 2 GiB");
        let offset = i64::try_from(self.compressed).expect("a group is bounded");
        self.index.append_offset_and_size(offset, length);
        self.index.append_row_count(1);
        self.compressed += bytes;
        self.uncompressed += pixels.header.len() + pixels.pixels_len;
        self.pages.extend([pixels.header, pixels.frame]);
        self.summaries.push(summary);
    }

    /// The pages as a column chunk; offsets are relative to its first byte.
    fn into_column(self, descriptor: ColumnDescPtr) -> ParquetResult<(Pages, ColumnCloseResult)> {
        let rows = self.summaries.len() as u64;
        let length = |bytes: usize| i64::try_from(bytes).expect("a group is bounded");
        let metadata = ColumnChunkMetaData::builder(descriptor)
            .set_compression(Compression::ZSTD(ZstdLevel::try_new(1)?))
            .set_encodings(vec![Encoding::PLAIN, Encoding::RLE])
            .set_num_values(length(self.summaries.len()))
            .set_total_compressed_size(length(self.compressed))
            .set_total_uncompressed_size(length(self.uncompressed))
            .set_data_page_offset(0)
            .build()?;
        let close = ColumnCloseResult {
            bytes_written: self.compressed as u64,
            rows_written: rows,
            metadata,
            bloom_filter: None,
            column_index: None,
            offset_index: Some(self.index.build()),
        };
        Ok((Pages(self.pages), close))
    }
}

/// Type, shape and channels of the bytes of `image`, for readers in other languages.
fn tensor(size_px: usize) -> String {
    canonical_json(&serde_json::json!({
        "dtype": "uint8",
        "shape": [Channel::COUNT, size_px, size_px],
        "channels": Channel::ALL,
    }))
}

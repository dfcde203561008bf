//! One sample as a shard holds it.

use super::pixels_len;
use arrow::array::{
    Array, ArrayRef, AsArray, FixedSizeBinaryArray, FixedSizeListArray, RecordBatch, StringArray,
    UInt32Array, UInt64Array,
};
use arrow::datatypes::{DataType, Field, Schema, SchemaRef, UInt32Type, UInt64Type};
use arrow::error::ArrowError;
use hpa_core::{Channel, SampleId};
use std::sync::Arc;

/// A sample with its pixels.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ImageRow {
    /// The sample.
    pub id: SampleId,
    /// Height of the source in pixels.
    pub height: u32,
    /// Width of the source in pixels.
    pub width: u32,
    /// `4 × S × S` bytes: channel × height × width.
    pub image: Vec<u8>,
    /// Perceptual hash of each channel.
    pub phash: [u64; Channel::COUNT],
    /// BLAKE3 over the decoded source pixels.
    pub digest: [u8; 32],
}

/// A sample without its pixels.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ImageSummary {
    /// The sample.
    pub id: SampleId,
    /// Height of the source in pixels.
    pub height: u32,
    /// Width of the source in pixels.
    pub width: u32,
    /// Perceptual hash of each channel.
    pub phash: [u64; Channel::COUNT],
    /// BLAKE3 over the decoded source pixels.
    pub digest: [u8; 32],
}

fn phash_item() -> Arc<Field> {
    Arc::new(Field::new("item", DataType::UInt64, false))
}

pub(super) fn arrow_schema(size_px: usize) -> SchemaRef {
    let width = i32::try_from(pixels_len(size_px)).expect("at most 16384 pixels a side");
    let channels = i32::try_from(Channel::COUNT).expect("four");
    Arc::new(Schema::new(vec![
        Field::new("id", DataType::Utf8, false),
        Field::new("image", DataType::FixedSizeBinary(width), false),
        Field::new("height", DataType::UInt32, false),
        Field::new("width", DataType::UInt32, false),
        Field::new("phash", DataType::FixedSizeList(phash_item(), channels), false),
        Field::new("digest", DataType::FixedSizeBinary(32), false),
    ]))
}

impl ImageRow {
    /// The row without its pixels.
    #[must_use]
    pub fn summary(&self) -> ImageSummary {
        ImageSummary {
            id: self.id.clone(),
            height: self.height,
            width: self.width,
            phash: self.phash,
            digest: self.digest,
        }
    }
}

/// The columns beside the pixels.
pub(super) fn batch_of_summaries(rows: &[ImageSummary]) -> Result<RecordBatch, ArrowError> {
    let channels = i32::try_from(Channel::COUNT).expect("four");
    let hashes = Arc::new(UInt64Array::from_iter_values(rows.iter().flat_map(|row| row.phash)));
    let columns: [(&str, ArrayRef); 5] = [
        ("id", Arc::new(StringArray::from_iter_values(rows.iter().map(|row| row.id.as_str())))),
        ("height", Arc::new(UInt32Array::from_iter_values(rows.iter().map(|row| row.height)))),
        ("width", Arc::new(UInt32Array::from_iter_values(rows.iter().map(|row| row.width)))),
        ("phash", Arc::new(FixedSizeListArray::try_new(phash_item(), channels, hashes, None)?)),
        (
            "digest",
            Arc::new(FixedSizeBinaryArray::try_from_iter(rows.iter().map(|row| row.digest))?),
        ),
    ];
    RecordBatch::try_from_iter(columns)
}

/// The columns of a batch without pixels, typed.
pub(super) struct SummaryColumns<'a> {
    heights: &'a [u32],
    widths: &'a [u32],
    hashes: &'a [u64],
    digests: &'a arrow::array::FixedSizeBinaryArray,
}

impl<'a> SummaryColumns<'a> {
    pub(super) fn new(batch: &'a RecordBatch) -> Option<Self> {
        let sizes =
            |name| Some(batch.column_by_name(name)?.as_primitive_opt::<UInt32Type>()?.values());
        let hashes = batch.column_by_name("phash")?.as_fixed_size_list_opt()?;
        let digests = batch.column_by_name("digest")?.as_fixed_size_binary_opt()?;
        let four = usize::try_from(hashes.value_length()) == Ok(Channel::COUNT);
        let hashes = hashes.values().as_primitive_opt::<UInt64Type>()?;
        (four && digests.value_length() == 32 && digests.null_count() == 0).then_some(Self {
            heights: sizes("height")?,
            widths: sizes("width")?,
            hashes: hashes.values(),
            digests,
        })
    }

    pub(super) fn row(&self, row: usize, id: SampleId) -> ImageSummary {
        let hashes = &self.hashes[row * Channel::COUNT..][..Channel::COUNT];
        ImageSummary {
            id,
            height: self.heights[row],
            width: self.widths[row],
            phash: hashes.try_into().expect("four a row"),
            digest: self.digests.value(row).try_into().expect("32 bytes a row"),
        }
    }
}

//! The row of one sample in a shard, with and without its pixels.

use super::pixels_len;
use crate::tables::table::{field, fixed_item, sized, strings};
use arrow::array::{
    Array, ArrayRef, AsArray, FixedSizeBinaryArray, FixedSizeListArray, RecordBatch, UInt32Array,
    UInt64Array,
};
use arrow::datatypes::{DataType, Field, UInt32Type, UInt64Type};
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

/// The columns of shards of this size.
pub(crate) fn fields(size_px: usize) -> Vec<Field> {
    let bytes = i32::try_from(pixels_len(size_px)).expect("at most MAX_SIZE_PX pixels a side");
    let pixels = "uint8, channel × height × width; red, green, blue, yellow";
    let phash = DataType::FixedSizeList(fixed_item(DataType::UInt64), CHANNELS);
    vec![
        field("id", DataType::Utf8, "the sample, unique over all shards"),
        sized(field("image", DataType::FixedSizeBinary(bytes), pixels), "4·S·S"),
        field("height", DataType::UInt32, "of the source, in pixels"),
        field("width", DataType::UInt32, "of the source, in pixels"),
        field("phash", phash, "perceptual hash of each channel"),
        field("digest", DataType::FixedSizeBinary(32), "BLAKE3 over the decoded source pixels"),
    ]
}

/// Items of a list of one value a channel.
const CHANNELS: i32 = 4;

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

/// The columns other than the pixels.
pub(super) fn batch_of_summaries(rows: &[ImageSummary]) -> Result<RecordBatch, ArrowError> {
    let rows = || rows.iter();
    let hashes = Arc::new(UInt64Array::from_iter_values(rows().flat_map(|row| row.phash)));
    let phash = FixedSizeListArray::try_new(fixed_item(DataType::UInt64), CHANNELS, hashes, None)?;
    let digests = FixedSizeBinaryArray::try_from_iter(rows().map(|row| row.digest))?;
    let columns: [(&str, ArrayRef); 5] = [
        ("id", strings(rows().map(|row| row.id.as_str()))),
        ("height", Arc::new(UInt32Array::from_iter_values(rows().map(|row| row.height)))),
        ("width", Arc::new(UInt32Array::from_iter_values(rows().map(|row| row.width)))),
        ("phash", Arc::new(phash)),
        ("digest", Arc::new(digests)),
    ];
    RecordBatch::try_from_iter(columns)
}

/// Typed columns of a batch without pixels.
pub(super) struct SummaryColumns<'a> {
    heights: &'a [u32],
    widths: &'a [u32],
    hashes: &'a [u64],
    digests: &'a FixedSizeBinaryArray,
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

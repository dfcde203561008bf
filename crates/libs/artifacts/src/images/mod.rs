//! `images/*.parquet`: shards of pixels with random access.
//!
//! One row a sample; `image` holds `4 × S × S` bytes: channel × height × width, channels red,
//! green, blue, yellow. A page holds one sample, so a shuffling trainer reads no more than the
//! samples of its batch; row groups are bounded, so memory does not grow with the number of samples.

mod page;
mod row;
mod shard;
mod shard_metadata;
mod store;
mod writer;

pub use page::{EncodedPixels, PageEncoder};
pub(crate) use row::fields;
pub use row::{ImageRow, ImageSummary};
pub use shard_metadata::ShardMetadata;
pub use store::ImageStore;
pub use writer::ImageWriter;

use hpa_core::Channel;

/// `NAME/VERSION` of shards.
pub(crate) const SCHEMA: &str = "images/1";
/// Largest side: 4 × 16384² bytes still fit the 31 bits of a fixed-size column.
pub(crate) const MAX_SIZE_PX: usize = 16_384;

/// Bytes of one sample's pixels.
const fn pixels_len(size_px: usize) -> usize {
    Channel::COUNT * size_px * size_px
}

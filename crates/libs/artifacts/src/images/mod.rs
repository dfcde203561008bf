//! `images/*.parquet`: the pixels of the samples, small enough to read at random.
//!
//! One row a sample; `image` holds `4 × S × S` bytes: channel × height × width, channels
//! red, green, blue, yellow. A page holds one sample, so that a trainer that shuffles reads
//! no more than what it wants; row groups are bounded, so that a writer and a reader
//! need the same memory for a thousand samples as for a million.

mod page;
mod record;
mod row;
mod shard;
mod store;
mod writer;

pub use page::{EncodedPixels, PageEncoder};
pub use record::ShardRecord;
pub use row::{ImageRow, ImageSummary};
pub use store::ImageStore;
pub use writer::ImageWriter;

use hpa_core::Channel;

const SCHEMA: &str = "images/1";

/// Bytes of one sample's pixels.
const fn pixels_len(size_px: usize) -> usize {
    Channel::COUNT * size_px * size_px
}

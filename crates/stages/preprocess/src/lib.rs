//! Preprocessing: the four images of each sample to a Parquet shard of pixels.
//!
//! CSV tables list the samples, a file pattern gives the names of each sample's four images.
//! Every image is decoded, checked, downscaled and hashed; the rows of a shard are in the order
//! of the table, whatever the number of threads. A sample belongs to the shard that the hash of
//! its id selects, so that new samples move no other.
//!
//! Memory is bounded by the samples in flight, not by the size of the data set.

mod buffer_pool;
mod config;
mod error;
mod file_buffer;
mod file_pattern;
mod locate;
mod memory_budget;
mod ordered;
mod read_sample;
mod shard;
mod shard_job;
mod summary;
mod up_to_date;
mod write_shard;

pub use config::{Config, Resampling};
pub use error::SampleErrors;
pub use file_pattern::{FilePattern, PatternError};
pub use shard::{Shard, ShardError};
pub use shard_job::ShardJob;
pub use summary::{Outcome, Summary};
pub use write_shard::write_shard;

//! Four pictures per sample to Parquet shards of pixels.
//!
//! A table names the samples; a pattern names each sample's four files. Every picture is
//! decoded, checked, averaged down to a square of the wanted size and hashed; the rows go
//! to the shard in the order of the table, whatever the number of threads. A shard holds
//! the samples whose id falls to it by hash, so that adding samples moves no other.
//!
//! Memory is bounded by the samples that wait for their turn, not by the number of all.

mod budget;
mod confirm;
mod failure;
mod file_bytes;
mod in_order;
mod pattern;
mod sample;
mod settings;
mod shard;
mod statistics;
mod summary;
mod write;

pub use failure::{Failures, SampleError};
pub use pattern::{FilePattern, PatternError};
pub use sample::{Row, Source, Sources, digest_sources, locate, read_sample};
pub use settings::{Resampling, Settings};
pub use shard::{Shard, ShardError};
pub use statistics::{StatisticsSummary, compare, count};
pub use summary::{Outcome, Summary};
pub use write::{ShardJob, write_shard};

//! A shard to make, and the metadata that identifies what it was made from.

use std::path::PathBuf;

use hpa_artifacts::{Digest, ImageSummary, Provenance};
use hpa_core::SampleId;

use crate::Config;

/// Metadata key of the digest of the image files.
pub(crate) const FILES_DIGEST_KEY: &str = "sources";
/// Metadata key of the samples left out, absent if there are none.
pub(crate) const SKIPPED_KEY: &str = "skipped";

/// Raised when the same files become different bytes, so that older shards are made again.
const RECIPE_VERSION: u32 = 3;

/// A shard to make.
#[derive(Clone, Copy, Debug)]
pub struct ShardJob<'a> {
    /// The samples of the shard, in the order of the table.
    pub ids: &'a [SampleId],
    /// The image folders.
    pub folders: &'a [PathBuf],
    /// The settings that decide the rows.
    pub config: &'a Config,
    /// Whether samples that cannot be read are left out instead of failing the run.
    pub skip: bool,
}

impl ShardJob<'_> {
    /// Settings and the ids of this shard alone: rows added to other shards do not change it.
    pub(crate) fn provenance(&self) -> Provenance {
        let ids: Vec<&str> = self.ids.iter().map(SampleId::as_str).collect();
        Provenance::new(&(RECIPE_VERSION, self.config))
            .with_input("csv", Digest::of_bytes(ids.join("\n").as_bytes()))
    }

    /// Whether a sample's source images are smaller than the output.
    pub(crate) fn is_upscaled(&self, row: &ImageSummary) -> bool {
        (row.width as usize) < self.config.size_px
    }
}

/// One digest of the files of all samples, in the order of the rows.
pub(crate) fn combine_digests(digests: &[[u8; 32]]) -> String {
    Digest::of_bytes(digests.as_flattened()).to_string()
}

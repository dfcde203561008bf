//! The flags of `hpa-split`.

use clap::Args;
use hpa_artifacts::{Folds, Labels};
use hpa_cli::{Input, Output, in_range};
use serde::Serialize;
use std::path::PathBuf;

/// What the user sets.
#[derive(Args)]
pub(crate) struct Arguments {
    /// Which labels each sample carries
    #[arg(long, value_name = "LABELS.parquet")]
    pub(crate) labels: Input<Labels>,
    /// Shards of pictures: every labelled sample must have one, and near ones share a fold
    #[arg(long, num_args = 1.., value_name = "SHARD.parquet")]
    pub(crate) images: Vec<PathBuf>,
    /// Samples that show the same field: ids with commas between them, one group a line
    #[arg(long, value_name = "FILE")]
    pub(crate) duplicates: Option<PathBuf>,
    /// Samples that take no part (columns Id,Reason), as hpa-preprocess lists them
    #[arg(long, num_args = 1.., value_name = "LIST.csv")]
    pub(crate) skipped: Vec<PathBuf>,
    /// In how many of 64 bits the hashes of near pictures may differ, in each of red, green
    /// and blue
    #[arg(long, value_name = "BITS", default_value_t = 12, value_parser = in_range::<u32>(0..=64))]
    pub(crate) hash_distance: u32,
    /// Number of folds
    #[arg(long, value_name = "K", value_parser = in_range::<u8>(2..=255))]
    pub(crate) folds: u8,
    /// Where chance comes from
    #[arg(long, value_name = "S", value_parser = in_range::<u64>(0..=u64::MAX))]
    pub(crate) seed: u64,
    /// Where to write the fold of each sample
    #[arg(long, value_name = "FOLDS.parquet", required_unless_present_any = ["out_groups", "out_twins"])]
    pub(crate) out: Option<Output<Folds>>,
    /// Where to list the samples of each group of duplicates, and whether their labels agree
    #[arg(long, value_name = "GROUPS.csv")]
    pub(crate) out_groups: Option<PathBuf>,
    /// Shards of the test part: compared with the training pictures, never dealt to a fold
    #[arg(long, num_args = 1.., value_name = "SHARD.parquet", requires_all = ["images", "out_twins"])]
    pub(crate) test_images: Vec<PathBuf>,
    /// Where to list the test pictures that show the field of a training picture: a leak
    #[arg(long, value_name = "TWINS.csv", requires = "test_images")]
    pub(crate) out_twins: Option<PathBuf>,
}

/// The settings that matter for the result.
#[derive(Serialize)]
pub(crate) struct Settings {
    folds: u8,
    seed: u64,
    /// Nothing is compared without pictures.
    hash_distance: Option<u32>,
}

impl Arguments {
    pub(crate) fn settings(&self) -> Settings {
        let hash_distance = (!self.images.is_empty()).then_some(self.hash_distance);
        Settings { folds: self.folds, seed: self.seed, hash_distance }
    }
}

//! Command-line arguments of `hpa-split` and the recorded configuration.

use hpa_artifacts::{Folds, Labels};
use hpa_cli::{Input, Output, in_range};
use serde::Serialize;
use std::path::PathBuf;

/// Command-line arguments.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// The labels of the samples
    #[arg(long, value_name = "LABELS.parquet")]
    pub(crate) labels: Input<Labels>,
    /// Image shards: every labelled sample must have an image, near duplicates share a fold
    #[arg(long, num_args = 1.., value_name = "SHARD.parquet")]
    pub(crate) images: Vec<PathBuf>,
    /// Known duplicates: one group a line, ids separated by commas
    #[arg(long, value_name = "FILE")]
    pub(crate) duplicates: Option<PathBuf>,
    /// Samples to leave out (columns Id,Reason), as hpa-preprocess lists them
    #[arg(long, num_args = 1.., value_name = "LIST.csv")]
    pub(crate) exclude: Vec<PathBuf>,
    /// Largest Hamming distance between the 64-bit perceptual hashes of near duplicates, in each
    /// of red, green and blue
    #[arg(long, value_name = "BITS", default_value_t = 12, value_parser = in_range::<u32>(0..=64))]
    pub(crate) hash_distance: u32,
    /// Number of folds
    #[arg(long, value_name = "K", value_parser = in_range::<u8>(2..=255))]
    pub(crate) folds: u8,
    /// Random seed
    #[arg(long, value_name = "S", value_parser = in_range::<u64>(0..=u64::MAX))]
    pub(crate) seed: u64,
    /// Where to write the fold of each sample
    #[arg(long, value_name = "FOLDS.parquet", required_unless_present_any = ["out_groups", "out_leaks"])]
    pub(crate) out: Option<Output<Folds>>,
    /// Where to list the groups of duplicates, and whether their labels agree
    #[arg(long, value_name = "GROUPS.csv")]
    pub(crate) out_groups: Option<PathBuf>,
    /// Image shards of the test part, searched for duplicates of training images
    #[arg(long, num_args = 1.., value_name = "SHARD.parquet", requires_all = ["images", "out_leaks"])]
    pub(crate) test_images: Vec<PathBuf>,
    /// Where to list the test images that are near duplicates of a training image
    #[arg(long, value_name = "LEAKS.csv", requires = "test_images")]
    pub(crate) out_leaks: Option<PathBuf>,
}

/// The settings that decide the folds, recorded in the folds file.
#[derive(Serialize)]
pub(crate) struct Config {
    folds: u8,
    seed: u64,
    /// None without images: nothing is compared.
    hash_distance: Option<u32>,
}

impl From<&Args> for Config {
    fn from(args: &Args) -> Self {
        let hash_distance = (!args.images.is_empty()).then_some(args.hash_distance);
        Self { folds: args.folds, seed: args.seed, hash_distance }
    }
}

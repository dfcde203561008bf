//! Command-line arguments of `hpa-preprocess`.

use std::path::PathBuf;

use clap::ValueHint;
use hpa_cli::in_range;
use hpa_preprocess::{Config, FilePattern, Resampling, Shard};

/// Command-line arguments.
#[derive(clap::Args, Debug)]
pub(crate) struct Args {
    /// Tables of the samples, `Id,Target` or `Id,Predicted`; several are concatenated
    #[arg(long, value_name = "CSV", required = true, num_args = 1.., value_hint = ValueHint::FilePath)]
    pub(crate) csv: Vec<PathBuf>,
    /// Image folders; each file must be in exactly one of them
    #[arg(long, value_name = "DIR", required = true, num_args = 1.., value_hint = ValueHint::DirPath)]
    pub(crate) images: Vec<PathBuf>,
    /// Side of the output images
    #[arg(long, value_name = "PX", value_parser = in_range::<usize>(1..=4096))]
    size_px: usize,
    /// Which shard to make: I of N, counted from 0, by hash of the id
    #[arg(long, value_name = "I/N", default_value = "0/1")]
    shard: Shard,
    /// Where to write the shard
    #[arg(long, value_name = "SHARD.parquet")]
    pub(crate) out: PathBuf,
    /// Leave out samples that cannot be read, and list them here with the reason
    #[arg(long, value_name = "LIST.csv")]
    pub(crate) out_skipped: Option<PathBuf>,
    /// File names of the images, with {id}, {channel}, {part1}…; if the extension is missing,
    /// png, tif, tiff, jpg and jpeg are tried
    #[arg(long, value_name = "PATTERN", default_value = "{id}_{channel}")]
    files: FilePattern,
    /// Resize filter: `area` averages, `lanczos` is sharper
    #[arg(long, value_enum, default_value = "area")]
    filter: Resampling,
    /// Accept RGB images and extract each channel's own colour; yellow is read from green
    #[arg(long)]
    rgb_channel: bool,
    /// Accept files whose content has another format than their extension
    #[arg(long)]
    by_content: bool,
    /// Largest accepted width and height of a source image
    #[arg(long, value_name = "PX", default_value = "4096", value_parser = in_range::<usize>(1..=8192))]
    max_side_px: usize,
}

impl Args {
    /// The checked configuration.
    pub(crate) fn config(&self) -> Config {
        Config {
            size_px: self.size_px,
            shard: self.shard,
            filter: self.filter,
            files: self.files.clone(),
            rgb_channel: self.rgb_channel,
            by_content: self.by_content,
            max_side_px: self.max_side_px,
        }
    }
}

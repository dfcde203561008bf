//! The flags of `hpa-preprocess`.

use std::path::PathBuf;

use clap::ValueHint;
use hpa_cli::in_range;
use hpa_preprocess::{FilePattern, Resampling, Settings, Shard};

/// What the user asks for.
#[derive(clap::Args, Debug)]
pub(crate) struct Args {
    /// Tables of the samples, `Id,Target` or `Id,Predicted`; several are joined
    #[arg(long, value_name = "CSV", required = true, num_args = 1.., value_hint = ValueHint::FilePath)]
    pub(crate) csv: Vec<PathBuf>,
    /// Folders of the images; of several, each file is looked for in all and may be in one
    #[arg(long, value_name = "DIR", required = true, num_args = 1.., value_hint = ValueHint::DirPath)]
    pub(crate) images: Vec<PathBuf>,
    /// Side of the squares to write (TOML: `size_px`)
    #[arg(long, alias = "size-px", value_name = "PX", value_parser = in_range::<usize>(1..=4096))]
    size: usize,
    /// Which part of the samples: I of N, counted from 0, by hash of the id
    #[arg(long, value_name = "I/N", default_value = "0/1")]
    shard: Shard,
    /// Where to write the shard
    #[arg(long, value_name = "SHARD.parquet")]
    pub(crate) out: PathBuf,
    /// Leave out samples that cannot be read, and list them here with the reason
    #[arg(long, value_name = "LIST.csv")]
    pub(crate) out_skipped: Option<PathBuf>,
    /// Names of the files: {id}, {channel}, {part1}…; without extension png, tif, tiff, jpg and
    /// jpeg are tried
    #[arg(long, value_name = "PATTERN", default_value = "{id}_{channel}")]
    files: FilePattern,
    /// How to resize: `area` averages, `lanczos` is sharper
    #[arg(long, value_enum, default_value = "area")]
    filter: Resampling,
    /// Accept pictures in colour and take each channel's own: yellow from green
    #[arg(long)]
    one_colour: bool,
    /// Read files by their content where their name says another format
    #[arg(long)]
    by_content: bool,
    /// Refuse pictures with a longer side
    #[arg(long, value_name = "PX", default_value = "4096", value_parser = in_range::<usize>(1..=8192))]
    max_side_px: usize,
    /// For the Makefile: number of training shards
    #[arg(long, hide = true, value_parser = in_range::<usize>(1..=99_999))]
    train_shards: Option<usize>,
    /// For the Makefile: number of test shards
    #[arg(long, hide = true, value_parser = in_range::<usize>(1..=99_999))]
    test_shards: Option<usize>,
}

impl Args {
    /// What decides the rows of the shard.
    pub(crate) fn settings(&self) -> Settings {
        Settings {
            size_px: self.size,
            shard: self.shard,
            filter: self.filter,
            files: self.files.clone(),
            one_colour: self.one_colour,
            by_content: self.by_content,
            max_side_px: self.max_side_px,
        }
    }
}

//! Preprocessing configuration, checked.

use hpa_imaging::ResizeFilter;
use serde::Serialize;

use crate::{FilePattern, Shard};

/// How images are resized.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, clap::ValueEnum)]
#[serde(rename_all = "lowercase")]
pub enum Resampling {
    /// Mean over the area that a pixel covers.
    Area,
    /// Lanczos with three lobes: sharper, may ring.
    Lanczos,
}

impl From<Resampling> for ResizeFilter {
    fn from(resampling: Resampling) -> Self {
        match resampling {
            Resampling::Area => Self::Area,
            Resampling::Lanczos => Self::Lanczos,
        }
    }
}

/// The settings that decide the rows of a shard, beside its table and images.
///
/// Serialized into the shard's fingerprint; a renamed field keeps its recorded name, because a
/// different fingerprint means that every shard is made again.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Config {
    /// Side of the output images.
    pub size_px: usize,
    /// Which part of the table.
    pub shard: Shard,
    /// How images are resized.
    pub filter: Resampling,
    /// File names of a sample's images.
    pub files: FilePattern,
    /// Whether RGB images are accepted, each for its channel's own colour.
    #[serde(rename = "one_colour")]
    pub rgb_channel: bool,
    /// Whether a file's content may differ from the format of its extension.
    pub by_content: bool,
    /// Largest accepted width and height of a source image.
    pub max_side_px: usize,
}

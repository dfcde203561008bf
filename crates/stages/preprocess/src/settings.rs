//! The settings that decide what a shard holds.

use hpa_imaging::Filter;
use serde::Serialize;

use crate::{FilePattern, Shard};

/// How pictures are resized.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, clap::ValueEnum)]
#[serde(rename_all = "lowercase")]
pub enum Resampling {
    /// Mean over the area that a pixel covers.
    Area,
    /// Lanczos with three lobes: sharper, may ring.
    Lanczos,
}

impl From<Resampling> for Filter {
    fn from(filter: Resampling) -> Self {
        match filter {
            Resampling::Area => Self::Area,
            Resampling::Lanczos => Self::Lanczos,
        }
    }
}

/// What decides the rows of a shard, beside its table and pictures.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Settings {
    /// Side of the squares that are written.
    pub size_px: usize,
    /// Which part of the table.
    pub shard: Shard,
    /// How pictures are resized.
    pub filter: Resampling,
    /// Where the files are.
    pub files: FilePattern,
    /// Whether pictures may be in colour, each showing its channel's own.
    pub one_colour: bool,
    /// Whether a file may be of another format than its name says.
    pub by_content: bool,
    /// The longest side that is decoded.
    pub max_side_px: usize,
}

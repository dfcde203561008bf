//! What a data set is drawn with.

use hpa_cli::{in_range, in_range_f64};
use serde::Serialize;

/// Every number that shapes the pictures; flags of the program and keys of its TOML file.
#[derive(clap::Args, Clone, Debug, PartialEq, Serialize)]
pub struct Settings {
    /// Samples in train/
    #[arg(long, value_parser = in_range::<usize>(1..=1_000_000), default_value_t = Self::DEFAULT.train_samples)]
    pub train_samples: usize,
    /// Samples in test/
    #[arg(long, value_parser = in_range::<usize>(1..=1_000_000), default_value_t = Self::DEFAULT.test_samples)]
    pub test_samples: usize,
    /// Pixels along one side of a picture
    #[arg(long, value_parser = in_range::<usize>(16..=2048), default_value_t = Self::DEFAULT.size_px)]
    pub size_px: usize,
    /// Mean width of a cell in pixels
    #[arg(long, value_parser = in_range_f64(4.0..=2048.0), default_value_t = Self::DEFAULT.cell_diameter_px)]
    pub cell_diameter_px: f64,
    /// How much the size of cells differs from field to field: standard deviation of its logarithm
    #[arg(long, value_parser = in_range_f64(0.0..=0.5), default_value_t = Self::DEFAULT.cell_diameter_spread)]
    pub cell_diameter_spread: f64,
    /// Share of a field that cells cover, about
    #[arg(long, value_parser = in_range_f64(0.02..=1.0), default_value_t = Self::DEFAULT.confluence)]
    pub confluence: f64,
    /// Share of fields with dividing cells whatever their labels
    #[arg(long, value_parser = in_range_f64(0.0..=1.0), default_value_t = Self::DEFAULT.dividing_share)]
    pub dividing_share: f64,
    /// Exponent on the real label counts: 1 as in the real table, 0 all labels equally often
    #[arg(long, value_parser = in_range_f64(0.0..=1.0), default_value_t = Self::DEFAULT.tempering)]
    pub tempering: f64,
    /// Samples that carry each label at least, in train/ and in test/
    #[arg(long, value_parser = in_range::<usize>(0..=100_000), default_value_t = Self::DEFAULT.min_positives)]
    pub min_positives: usize,
    /// Weakest stain of one of several labels, relative to the strongest possible
    #[arg(long, value_parser = in_range_f64(0.05..=1.0), default_value_t = Self::DEFAULT.label_strength_min)]
    pub label_strength_min: f64,
    /// Antibody that sticks anywhere in the cell, relative to the protein's own stain
    #[arg(long, value_parser = in_range_f64(0.0..=2.0), default_value_t = Self::DEFAULT.unspecific_staining)]
    pub unspecific_staining: f64,
    /// How much protein differs from cell to cell: standard deviation of its logarithm
    #[arg(long, value_parser = in_range_f64(0.0..=1.5), default_value_t = Self::DEFAULT.expression_spread)]
    pub expression_spread: f64,
    /// Standard deviation of the point-spread function in pixels
    #[arg(long, value_parser = in_range_f64(0.0..=20.0), default_value_t = Self::DEFAULT.psf_sigma_px)]
    pub psf_sigma_px: f64,
    /// How uneven light and stain are over a field
    #[arg(long, value_parser = in_range_f64(0.0..=0.95), default_value_t = Self::DEFAULT.unevenness)]
    pub unevenness: f64,
    /// Photons of a white pixel: fewer make more shot noise
    #[arg(long, value_parser = in_range_f64(1.0..=100_000.0), default_value_t = Self::DEFAULT.photons)]
    pub photons: f64,
    /// Light where no cell is, relative to white, before the black level is taken off
    #[arg(long, value_parser = in_range_f64(0.0..=0.5), default_value_t = Self::DEFAULT.background)]
    pub background: f64,
    /// Standard deviation of the camera's own noise, relative to white
    #[arg(long, value_parser = in_range_f64(0.0..=0.5), default_value_t = Self::DEFAULT.read_noise)]
    pub read_noise: f64,
    /// Brightness of test/ relative to train/: the real test set is darker
    #[arg(long, value_parser = in_range_f64(0.05..=2.0), default_value_t = Self::DEFAULT.test_brightness)]
    pub test_brightness: f64,
    /// Where all chance comes from
    #[arg(long, value_parser = in_range::<u64>(0..=u64::MAX), default_value_t = Self::DEFAULT.seed)]
    pub seed: u64,
}

impl Settings {
    /// What flags and TOML leave out.
    pub const DEFAULT: Self = Self {
        train_samples: 1800,
        test_samples: 700,
        size_px: 128,
        cell_diameter_px: 56.0,
        cell_diameter_spread: 0.15,
        confluence: 0.7,
        dividing_share: 0.08,
        tempering: 0.3,
        min_positives: 0,
        label_strength_min: 0.6,
        unspecific_staining: 0.12,
        expression_spread: 0.3,
        psf_sigma_px: 0.8,
        unevenness: 0.25,
        photons: 150.0,
        background: 0.01,
        read_noise: 0.008,
        test_brightness: 0.8,
        seed: 1,
    };
}

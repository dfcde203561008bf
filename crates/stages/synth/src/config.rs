//! Configuration of a synthetic data set.

use hpa_cli::{in_range, in_range_f64};
use serde::Serialize;

/// Every parameter of the images; flags of the program and keys of its TOML file.
#[derive(clap::Args, Clone, Debug, PartialEq, Serialize)]
pub struct SynthConfig {
    /// Samples in train/
    #[arg(long, value_parser = in_range::<usize>(1..=1_000_000), default_value_t = Self::DEFAULT.train_samples)]
    pub train_samples: usize,
    /// Samples in test/
    #[arg(long, value_parser = in_range::<usize>(1..=1_000_000), default_value_t = Self::DEFAULT.test_samples)]
    pub test_samples: usize,
    /// Side of an image in pixels
    #[arg(long, value_parser = in_range::<usize>(16..=2048), default_value_t = Self::DEFAULT.size_px)]
    pub size_px: usize,
    /// Mean width of a cell in pixels
    #[arg(long, value_parser = in_range_f64(4.0..=2048.0), default_value_t = Self::DEFAULT.cell_diameter_px)]
    pub cell_diameter_px: f64,
    /// Spread of cell size between fields: standard deviation of its logarithm
    #[arg(long, value_parser = in_range_f64(0.0..=0.5), default_value_t = Self::DEFAULT.cell_diameter_spread)]
    pub cell_diameter_spread: f64,
    /// Approximate fraction of a field that cells cover
    #[arg(long, value_parser = in_range_f64(0.02..=1.0), default_value_t = Self::DEFAULT.confluence)]
    pub confluence: f64,
    /// Fraction of fields with dividing cells, independent of their labels
    #[arg(long, value_parser = in_range_f64(0.0..=1.0), default_value_t = Self::DEFAULT.dividing_share)]
    pub dividing_share: f64,
    /// Exponent on the real label counts: 1 keeps their imbalance, 0 makes all labels equally frequent
    #[arg(long, value_parser = in_range_f64(0.0..=1.0), default_value_t = Self::DEFAULT.label_balance_exponent)]
    pub label_balance_exponent: f64,
    /// Fewest samples with each label, in train/ and in test/
    #[arg(long, value_parser = in_range::<usize>(0..=100_000), default_value_t = Self::DEFAULT.min_positives)]
    pub min_positives: usize,
    /// Weakest stain of a label, relative to the strongest
    #[arg(long, value_parser = in_range_f64(0.05..=1.0), default_value_t = Self::DEFAULT.label_strength_min)]
    pub label_strength_min: f64,
    /// Unspecific staining of the whole cell, relative to the protein's stain
    #[arg(long, value_parser = in_range_f64(0.0..=2.0), default_value_t = Self::DEFAULT.unspecific_staining)]
    pub unspecific_staining: f64,
    /// Spread of protein expression between cells: standard deviation of its logarithm
    #[arg(long, value_parser = in_range_f64(0.0..=1.5), default_value_t = Self::DEFAULT.expression_spread)]
    pub expression_spread: f64,
    /// Standard deviation of the point-spread function in pixels
    #[arg(long, value_parser = in_range_f64(0.0..=20.0), default_value_t = Self::DEFAULT.psf_sigma_px)]
    pub psf_sigma_px: f64,
    /// Non-uniformity of illumination and stain over a field
    #[arg(long, value_parser = in_range_f64(0.0..=0.95), default_value_t = Self::DEFAULT.illumination_nonuniformity)]
    pub illumination_nonuniformity: f64,
    /// Photons of a white pixel; fewer give more shot noise
    #[arg(long, value_parser = in_range_f64(1.0..=100_000.0), default_value_t = Self::DEFAULT.photons)]
    pub photons: f64,
    /// Background light relative to white, before the black level is subtracted
    #[arg(long, value_parser = in_range_f64(0.0..=0.5), default_value_t = Self::DEFAULT.background)]
    pub background: f64,
    /// Standard deviation of the camera's read noise, relative to white
    #[arg(long, value_parser = in_range_f64(0.0..=0.5), default_value_t = Self::DEFAULT.read_noise)]
    pub read_noise: f64,
    /// Brightness of test/ relative to train/: the real test set is darker
    #[arg(long, value_parser = in_range_f64(0.05..=2.0), default_value_t = Self::DEFAULT.test_brightness)]
    pub test_brightness: f64,
    /// Seed of all random draws
    #[arg(long, value_parser = in_range::<u64>(0..=u64::MAX), default_value_t = Self::DEFAULT.seed)]
    pub seed: u64,
}

impl SynthConfig {
    /// The defaults.
    pub const DEFAULT: Self = Self {
        train_samples: 1800,
        test_samples: 700,
        size_px: 128,
        cell_diameter_px: 56.0,
        cell_diameter_spread: 0.15,
        confluence: 0.7,
        dividing_share: 0.08,
        label_balance_exponent: 0.3,
        min_positives: 0,
        label_strength_min: 0.6,
        unspecific_staining: 0.12,
        expression_spread: 0.3,
        psf_sigma_px: 0.8,
        illumination_nonuniformity: 0.25,
        photons: 150.0,
        background: 0.01,
        read_noise: 0.008,
        test_brightness: 0.8,
        seed: 1,
    };
}

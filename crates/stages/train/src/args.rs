//! The flags of `hpa-train`.

use crate::Settings;
use hpa_artifacts::{Checkpoint, Folds, History, Labels};
use hpa_nn::Device;
use hpa_stage::{Input, Output, in_range};
use std::path::PathBuf;

/// Inputs, outputs and settings.
#[derive(clap::Args, Debug)]
pub struct Args {
    /// The pixels: shards that hpa-preprocess wrote
    #[arg(long, required = true, num_args = 1.., value_name = "SHARD.parquet")]
    pub images: Vec<PathBuf>,
    /// Which labels each sample carries
    #[arg(long, value_name = "FILE.parquet")]
    pub labels: Input<Labels>,
    /// Which fold holds each sample out
    #[arg(long, value_name = "FILE.parquet")]
    pub folds: Input<Folds>,
    /// The fold that is held out, from 0
    #[arg(long, value_name = "I", value_parser = in_range::<u64>(0..=254))]
    pub fold: u64,
    /// Where to compute: auto, cpu or cuda
    #[arg(long, value_name = "DEVICE", default_value = "auto")]
    pub device: Device,
    /// Where to write the weights
    #[arg(long, value_name = "FILE.safetensors")]
    pub out: Output<Checkpoint>,
    /// Where to write what each epoch did
    #[arg(long, value_name = "FILE.parquet")]
    pub out_history: Option<Output<History>>,
    /// Keep the state of unfinished training here, and go on from it
    #[arg(long, value_name = "DIR")]
    pub resume_dir: Option<PathBuf>,
    /// Seconds between two such states, at least; 0 keeps one after every epoch
    #[arg(long, value_name = "SECONDS", default_value_t = 20, value_parser = in_range::<u64>(0..=86_400))]
    pub save_every_s: u64,
    /// Start from these weights: safetensors under torchvision's or timm's names
    #[arg(long, value_name = "FILE.safetensors")]
    pub weights: Option<PathBuf>,
    /// The recipe.
    #[command(flatten)]
    pub settings: Settings,
}

//! The flags of `hpa-train`.

use crate::Settings;
use crate::find::Search;
use anyhow::Context;
use hpa_artifacts::{Checkpoint, Folds, History, Labels};
use hpa_cli::{Input, Output, in_range};
use hpa_nn::DeviceKind;
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
    pub device: DeviceKind,
    /// Where to write the weights
    #[arg(long, value_name = "FILE.safetensors", required_unless_present = "find_learning_rate")]
    pub out: Option<Output<Checkpoint>>,
    /// Where to write what each epoch did
    #[arg(long, value_name = "FILE.parquet")]
    pub out_history: Option<Output<History>>,
    /// Where to write events for `TensorBoard` while training runs; the name must hold `tfevents`
    #[arg(long, value_name = "FILE.tfevents", value_parser = event_file)]
    pub out_events: Option<PathBuf>,
    /// CheckpointPolicy the state of unfinished training here, and go on from it
    #[arg(long, value_name = "DIR")]
    pub resume_dir: Option<PathBuf>,
    /// CheckpointPolicy a state after every epoch, and within one after so many seconds; 0: after every step
    #[arg(long, value_name = "SECONDS", default_value_t = 300, value_parser = in_range::<u64>(0..=86_400))]
    pub save_every_s: u64,
    /// Start from these weights: safetensors under torchvision's or timm's names
    #[arg(long, value_name = "FILE.safetensors")]
    pub weights: Option<PathBuf>,
    /// The recipe.
    #[command(flatten)]
    pub settings: Settings,
    /// Another thing to do than to train.
    #[command(flatten)]
    pub search: Search,
}

impl Args {
    /// Where the weights go.
    pub(crate) fn out(&self) -> anyhow::Result<&Output<Checkpoint>> {
        self.out.as_ref().context("training needs --out")
    }
}

/// `TensorBoard` looks at files of such names alone.
fn event_file(text: &str) -> Result<PathBuf, String> {
    let path = PathBuf::from(text);
    let name = path.file_name().map(|name| name.to_string_lossy().into_owned());
    if name.is_some_and(|name| name.contains("tfevents")) {
        Ok(path)
    } else {
        Err("TensorBoard would not see it: expected a name that holds `tfevents`".to_owned())
    }
}

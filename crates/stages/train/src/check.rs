//! `--check`: configuration, device and pretrained weights, before any work.

use crate::{Args, pretrained_network};
use hpa_cli::RunContext;
use hpa_core::LabelNames;
use serde::Serialize;

/// The JSON value of a check that holds.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct CheckReport {
    /// The network.
    pub architecture: &'static str,
    /// Where it would be trained.
    pub device: &'static str,
    /// The pretrained weights; none if it would be trained from scratch.
    pub weights: Option<String>,
}

pub(crate) fn run(args: &Args, context: &RunContext) -> anyhow::Result<CheckReport> {
    let config = args.config();
    let architecture = config.model.architecture.name();
    hpa_ops::select_simd()?;
    let device = args.device.open()?;
    device.check(config.run.precision)?;
    anyhow::ensure!(
        !config.model.pretrained || args.weights.is_some(),
        "{architecture} starts from pretrained weights (pretrained = true), and there are no --weights\n  help: give WEIGHTS=DIR with {architecture}.safetensors (`--weights DIR`), or WEIGHTS=none (`--weights none`) to train from scratch"
    );
    if let Some(path) = args.weights() {
        pretrained_network(config, &path, LabelNames::atlas().count())?;
    }
    let weights = args.weights().map(|path| path.display().to_string());
    let start = weights.as_deref().map_or("from scratch".to_owned(), |path| format!("from {path}"));
    let epochs = config.run.epochs;
    context.info(format!("ok: {architecture}, {epochs} epochs on {}, {start}", device.path()));
    Ok(CheckReport { architecture, device: device.path(), weights })
}

//! Probabilities from checkpoints: out of fold, or the mean over models.

use std::process::ExitCode;

#[global_allocator]
static ALLOCATOR: hpa_ops::CachingAllocator = hpa_ops::CachingAllocator::new();

const EXAMPLE: &str = "hpa-predict --model data/quick/models/resnet18/fold-*.safetensors \\
    --images data/quick/images/train-*.parquet --folds data/quick/folds.parquet \\
    --tta d4 --out data/quick/predictions/resnet18/oof.parquet";

fn main() -> ExitCode {
    let about = "Probabilities from checkpoints: out of fold, or the mean over models";
    hpa_cli::run(hpa_cli::program!(about, EXAMPLE), hpa_predict::run)
}

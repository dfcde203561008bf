//! Trains one network on all folds but one.

use std::process::ExitCode;

#[global_allocator]
static ALLOCATOR: hpa_ops::CachingAllocator = hpa_ops::CachingAllocator::new();

const EXAMPLE: &str = "hpa-train --config pipelines/quick/models/resnet18.toml \\
    --images data/quick/images/train-*.parquet \\
    --labels data/quick/labels.parquet --folds data/quick/folds.parquet --fold 0 \\
    --out data/quick/models/resnet18/fold-0.safetensors";

fn main() -> ExitCode {
    let about = "Trains one network on all folds but one";
    let program = hpa_cli::program!(about, EXAMPLE, renamed: hpa_train::RENAMED);
    hpa_cli::run(program, hpa_train::run)
}

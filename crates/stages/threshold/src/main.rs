//! `hpa-threshold`: probabilities and labels in, one threshold per label out.

mod args;

use args::Args;
use hpa_artifacts::{Provenance, align, check_made_from};
use hpa_cli::RunContext;
use hpa_metrics::Bootstrap;
use hpa_threshold::{Search, Summary};
use std::process::ExitCode;

/// The system's allocator returns freed buffers of columns to the system and pays for page faults
/// when the next one is allocated.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    hpa_cli::run(
        hpa_cli::program!(
            "Finds the threshold of each label",
            "hpa-threshold --predictions predictions/resnet18/oof.parquet \\\n    \
             --labels labels.parquet --method exact --out thresholds/resnet18/exact.parquet",
            renamed: &[
                ("methods", "threshold_methods in pipeline.mk"),
                ("submit", "submission_method in pipeline.mk"),
            ]
        ),
        run,
    )
}

fn run(args: &Args, context: &RunContext) -> anyhow::Result<Summary> {
    let settings = args.settings()?;
    let predictions = args.predictions.read(context)?;
    let labels = args.labels.read(context)?;
    let folds = args.folds.as_ref().map(|folds| folds.read(context)).transpose()?;
    let origin = predictions.origin;
    if predictions.value.folds.is_some() {
        let present = (labels.origin.digest, labels.origin.path.as_path());
        check_made_from(&origin, "labels", present)?;
    }
    if let Some(folds) = &folds {
        let present = (folds.origin.digest, folds.origin.path.as_path());
        check_made_from(&origin, "folds", present)?;
    }
    let data = align(&labels, predictions.value, folds.as_deref())?;
    if data.left_out > 0 {
        context.info(format!("{} predictions have no labels and are left out", data.left_out));
    }
    let bootstrap = match &data.groups {
        Some(groups) => Bootstrap::new(groups, args.bootstrap, settings.seed),
        None => Bootstrap::of_samples(data.n_samples(), args.bootstrap, settings.seed),
    };
    if data.groups.is_none() && data.predictions.folds.is_some() && args.bootstrap > 0 {
        context.info(
            "the interval takes duplicates for independent samples: give --folds, which groups them",
        );
    }
    let search = Search::run(&data, args.metric, &settings)?;
    let provenance = Provenance::new(&args.recorded())
        .with_input("predictions", origin.digest)
        .with_input("labels", labels.origin.digest)
        .with_lineage_of(&origin);
    args.out.write(&search.thresholds()?, &provenance)?;
    let summary = search.summary(&bootstrap);
    context.info(&summary);
    Ok(summary)
}

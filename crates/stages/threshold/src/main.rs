//! `hpa-threshold`: probabilities and labels in, one threshold per label out.

mod args;

use args::{Args, Config};
use hpa_artifacts::{Labels, Origin, Provenance, check_made_from};
use hpa_cli::RunContext;
use hpa_core::Seed;
use hpa_metrics::Bootstrap;
use hpa_threshold::{Aligned, Search, Summary, align, check_folds, groups};
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
             --labels labels.parquet --method exact --out thresholds/resnet18/exact.parquet"
        ),
        run,
    )
}

fn run(Config(args): &Config, context: &RunContext) -> anyhow::Result<Summary> {
    let predictions = args.predictions.read(context)?;
    let labels = args.labels.read(context)?;
    let origin = predictions.origin;
    let provenance = Provenance::new(&args.recorded())
        .with_input("predictions", origin.digest)
        .with_input("labels", labels.origin.digest)
        .with_lineage_of(&origin);
    if predictions.value.folds.is_some() {
        let present = (labels.origin.digest, labels.origin.path.as_path());
        check_made_from(&origin, "labels", present)?;
    }
    let data = align(&labels, predictions.value)?;
    if data.left_out > 0 {
        context.info(format!("{} predictions have no label and are left out", data.left_out));
    }
    let bootstrap = bootstrap(args, context, &labels.value, &data, &origin)?;
    let search = Search::run(&data, &labels.names, args.metric, &args.settings())?;
    args.out.write(&search.thresholds()?, &provenance)?;
    let summary = search.summary(bootstrap.as_ref());
    context.info(&summary);
    Ok(summary)
}

/// The resampling of the interval: by groups of duplicates where `--folds` names them.
fn bootstrap(
    args: &Args,
    context: &RunContext,
    labels: &Labels,
    data: &Aligned,
    predictions: &Origin,
) -> anyhow::Result<Option<Bootstrap>> {
    let seed = Seed::new(args.seed);
    let held_out = data.folds.as_ref().map(|(_, folds)| &folds[..]);
    if let Some(folds) = &args.folds {
        let folds = folds.read(context)?;
        check_folds(predictions, &folds.origin)?;
        let groups = groups(labels, &folds.value, held_out)?;
        return Ok(Some(Bootstrap::new(&groups, args.bootstrap, seed)));
    }
    if args.bootstrap == 0 {
        return Ok(None);
    }
    if held_out.is_some() {
        context.info(
            "the interval takes duplicates for independent samples: give --folds, which groups them",
        );
    }
    Ok(Some(Bootstrap::of_samples(data.n_samples(), args.bootstrap, seed)))
}

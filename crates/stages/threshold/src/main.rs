//! `hpa-threshold`: probabilities and labels in, one threshold a label out.

mod args;

use args::{Args, Checked};
use hpa_artifacts::{Labels, Origin, Provenance, check_made_from};
use hpa_cli::RunContext;
use hpa_core::Seed;
use hpa_metrics::Bootstrap;
use hpa_threshold::{Aligned, Search, Summary, align, check_folds, groups};
use std::process::ExitCode;

/// Buffers of columns come and go by the dozen: what was freed is used again, where the system's
/// allocator would hand it back and fault fresh pages in.
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

/// Works as one of the pool's threads from the start: otherwise every parallel part hands its work
/// over and waits to be woken.
fn run(Checked(args): &Checked, context: &RunContext) -> anyhow::Result<Summary> {
    rayon::scope(|_| find(args, context))
}

fn find(args: &Args, context: &RunContext) -> anyhow::Result<Summary> {
    let (predictions, labels) =
        rayon::join(|| args.predictions.read(context), || args.labels.read(context));
    let (predictions, labels) = (predictions?, labels?);
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
    let plan = resamples(args, context, (&labels.value, &data), &origin)?;
    let names = labels.value.names.clone();
    drop(labels); // the search needs the room
    let search = Search::run(&data, &names, args.metric, &args.settings())?;
    let thresholds = search.thresholds()?;
    // The disk is waited for while the summary is computed.
    let (written, summary) =
        rayon::join(|| args.out.write(&thresholds, &provenance), || search.summary(plan.as_ref()));
    written?;
    context.info(&summary);
    Ok(summary)
}

/// How the interval resamples: groups of duplicates where `--folds` names them.
fn resamples(
    args: &Args,
    context: &RunContext,
    (labels, data): (&Labels, &Aligned),
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
        let mend = "give --folds, which says what belongs together";
        context.info(format!("the interval takes duplicates for independent samples: {mend}"));
    }
    Ok(Some(Bootstrap::of_samples(data.n_samples(), args.bootstrap, seed)))
}

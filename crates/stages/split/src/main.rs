//! `hpa-split`: labels to `folds.parquet`.

mod args;
mod inputs;
mod log;

use anyhow::Result;
use args::{Args, Config};
use hpa_artifacts::atomic::write_bytes;
use hpa_cli::RunContext;
use hpa_core::{FoldCount, Seed};
use hpa_split::{SampleList, Summary, assign_folds, groups_csv, label_conflicts, summarize};
use inputs::Inputs;
use std::process::ExitCode;

fn main() -> ExitCode {
    let program = hpa_cli::program!(
        "Assign samples to folds: every label evenly, duplicates together",
        "hpa-split --labels labels.parquet --images images/train-*.parquet \\\n    \
         --duplicates train_duplicates.txt --folds 5 --seed 1 --out folds.parquet",
        renamed: &[("skipped", "exclude"), ("out-twins", "out-leaks")]
    );
    hpa_cli::run(program, run)
}

fn run(args: &Args, context: &RunContext) -> Result<Summary> {
    let labels = args.labels.read(context)?;
    let inputs = Inputs::open(args, context)?;
    let samples = SampleList::new(&labels, inputs.images(), inputs.excluded())?;
    let groups = inputs.group_duplicates(&samples, args.hash_distance, context)?;
    let fold_count = FoldCount::try_from(u64::from(args.folds))?;
    let folds = assign_folds(&samples, &groups, &labels.names, fold_count, Seed::new(args.seed))?;
    let leaks = inputs.find_leaks(&samples, args.hash_distance)?;
    let mut summary = summarize(&folds, &samples, &labels.names);
    summary.leaks = leaks.as_ref().map(|leaks| leaks.test_samples);
    log::summary(&summary, &label_conflicts(&folds, &samples), context);
    if let Some(path) = &args.out_groups {
        write_bytes(path, groups_csv(&folds, &samples).as_bytes())?;
    }
    if let (Some(path), Some(leaks)) = (&args.out_leaks, &leaks) {
        write_bytes(path, leaks.table.as_bytes())?;
        log::leaks(leaks.test_samples, path, context);
    }
    if let Some(out) = &args.out {
        let config = Config::from(args);
        out.write(&folds, &inputs.provenance(&config, labels.origin.digest))?;
    }
    Ok(summary)
}

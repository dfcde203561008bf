//! `hpa-split`: labels to `folds.parquet`.

mod args;
mod grouping;
mod tell;

use anyhow::Result;
use args::Arguments;
use grouping::{Sources, group, leaks};
use hpa_artifacts::atomic::write_bytes;
use hpa_cli::RunContext;
use hpa_core::{FoldCount, Seed};
use hpa_split::{Roster, Summary, conflicts, deal, groups_csv, summarize};
use std::process::ExitCode;
use tell::{tell, warn_of_leaks};

fn main() -> ExitCode {
    let program = hpa_cli::program!(
        "Deals samples to folds: every label evenly, duplicates together",
        "hpa-split --labels labels.parquet --images images/train-*.parquet \\\n    \
         --duplicates train_duplicates.txt --folds 5 --seed 1 --out folds.parquet"
    );
    hpa_cli::run(program, run)
}

fn run(args: &Arguments, context: &RunContext) -> Result<Summary> {
    let labels = args.labels.read(context)?;
    let sources = Sources::open(args, context)?;
    let roster = Roster::new(&labels, sources.images(), sources.skipped())?;
    let groups = group(&roster, &sources, args.hash_distance, context)?;
    let count = FoldCount::try_from(u64::from(args.folds))?;
    let folds = deal(&roster, &groups, &labels.names, (count, Seed::new(args.seed)))?;
    let leaks = leaks(&roster, &sources, args.hash_distance)?;
    let mut summary = summarize(&folds, &roster, &labels.names);
    summary.twins = leaks.as_ref().map(|(_, count)| *count);
    tell(&summary, &conflicts(&folds, &roster), context);
    if let Some(path) = &args.out_groups {
        write_bytes(path, groups_csv(&folds, &roster).as_bytes())?;
    }
    if let (Some(path), Some((table, count))) = (&args.out_twins, &leaks) {
        write_bytes(path, table.as_bytes())?;
        warn_of_leaks(*count, path, context);
    }
    if let Some(out) = &args.out {
        out.write(&folds, &sources.provenance(&args.settings(), labels.origin.digest))?;
    }
    Ok(summary)
}

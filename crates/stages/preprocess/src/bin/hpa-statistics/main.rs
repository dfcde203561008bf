//! `hpa-statistics`: shards to the brightness of their pixels.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::ValueHint;
use hpa_artifacts::{Artifact, Provenance, Statistics};
use hpa_cli::{Input, Output, RunContext};
use hpa_preprocess::{StatisticsSummary, compare, count};

/// What the user asks for.
#[derive(clap::Args, Debug)]
struct Args {
    /// Shards of one part of the data
    #[arg(long, value_name = "SHARD.parquet", required = true, num_args = 1.., value_hint = ValueHint::FilePath)]
    images: Vec<PathBuf>,
    /// Statistics of the training part: what differs as mistakes make it differ is warned of
    #[arg(long, value_name = "STATISTICS.parquet")]
    reference: Option<Input<Statistics>>,
    /// Where to write the statistics
    #[arg(long, value_name = "STATISTICS.parquet")]
    out: Output<Statistics>,
}

fn main() -> ExitCode {
    let about = "Count the grey levels of shards, and warn of wrong scales and swapped channels";
    let example = "hpa-statistics --images images/test-*.parquet \\\n    \
                   --reference statistics/train.parquet --out statistics/test.parquet";
    hpa_cli::run(hpa_cli::program!(about, example), run)
}

fn run(args: &Args, context: &RunContext) -> anyhow::Result<StatisticsSummary> {
    let store = context.open_images(&args.images)?;
    let reference = args.reference.as_ref().map(|input| input.read(context)).transpose()?;
    let progress = context.progress("counting grey levels", store.len() as u64, "samples");
    let statistics = count(&store, |done| progress.inc(done as u64))?;
    progress.finish();
    let warnings = reference.as_ref().map_or_else(Vec::new, |r| compare(&r.value, &statistics));
    for text in &warnings {
        context.warn(text);
    }
    let provenance = Provenance::new(&Statistics::SCHEMA).with_input("images", store.digest());
    args.out.write(&statistics, &provenance)?;
    Ok(StatisticsSummary::new(&statistics, warnings))
}

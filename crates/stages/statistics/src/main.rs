//! `hpa-statistics`: image shards to `statistics.parquet`.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::ValueHint;
use hpa_artifacts::{Artifact, Provenance, Statistics};
use hpa_cli::{Input, Output, RunContext};
use hpa_statistics::{Summary, compare_with_reference, count_levels};

/// Command-line arguments.
#[derive(clap::Args, Debug)]
struct Args {
    /// Image shards of one part of the data
    #[arg(long, value_name = "SHARD.parquet", required = true, num_args = 1.., value_hint = ValueHint::FilePath)]
    images: Vec<PathBuf>,
    /// Statistics of the training part, to warn of wrong scales and swapped channels
    #[arg(long, value_name = "STATISTICS.parquet")]
    reference: Option<Input<Statistics>>,
    /// Where to write the statistics
    #[arg(long, value_name = "STATISTICS.parquet")]
    out: Output<Statistics>,
}

fn main() -> ExitCode {
    let about = "Count the grey levels of image shards; warn of wrong scales and swapped channels";
    let example = "hpa-statistics --images images/test-*.parquet \\\n    \
                   --reference statistics/train.parquet --out statistics/test.parquet";
    hpa_cli::run(hpa_cli::program!(about, example), run)
}

fn run(args: &Args, context: &RunContext) -> anyhow::Result<Summary> {
    let store = context.open_images(&args.images)?;
    let reference = args.reference.as_ref().map(|input| input.read(context)).transpose()?;
    let progress = context.progress("counting grey levels", store.len() as u64, "samples");
    let statistics = count_levels(&store, |done| progress.inc(done as u64))?;
    progress.finish();
    let warnings = reference
        .map_or_else(Vec::new, |reference| compare_with_reference(&reference.value, &statistics));
    for text in &warnings {
        context.warning(text);
    }
    let provenance = Provenance::new(&Statistics::SCHEMA).with_input("images", store.digest());
    args.out.write(&statistics, &provenance)?;
    Ok(Summary::new(&statistics, warnings))
}

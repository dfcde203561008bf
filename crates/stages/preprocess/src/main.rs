//! `hpa-preprocess`: pictures to a shard.

use std::io::Write;
use std::process::ExitCode;
use std::time::Instant;

use hpa_artifacts::atomic::AtomicFile;
use hpa_artifacts::csv_table::read_label_csv;
use hpa_cli::RunContext;
use hpa_core::{LabelNames, SampleId};
use hpa_preprocess::{ShardJob, Summary, write_shard};

mod args;

use args::Args;

fn main() -> ExitCode {
    let about = "Decode, check and shrink the four pictures of each sample into a Parquet shard";
    let example = "hpa-preprocess --csv train.csv --images train --size 256 --shard 0/4 \\\n    \
                   --out images/train-00000-of-00004.parquet";
    hpa_cli::run(hpa_cli::program!(about, example), run)
}

fn run(args: &Args, context: &RunContext) -> anyhow::Result<Summary> {
    let start = Instant::now();
    let settings = args.settings();
    let rows = read_label_csv(&args.csv, &LabelNames::atlas())?;
    let ids: Vec<SampleId> =
        rows.into_iter().map(|row| row.id).filter(|id| settings.shard.holds(id)).collect();
    // Opened first: a list that cannot be written must not be found out after an hour.
    let list = args.out_skipped.as_deref().map(AtomicFile::create).transpose()?;
    let job =
        ShardJob { ids: &ids, folders: &args.images, settings: &settings, skip: list.is_some() };
    let progress = context.progress("preprocessing", ids.len() as u64, "samples");
    let outcome = write_shard(job, &args.out, |done| progress.inc(done as u64))?;
    progress.finish();
    if let Some(mut list) = list {
        list.write_all(&outcome.skipped.to_csv())?;
        list.commit()?;
    }
    if outcome.confirmed {
        context
            .notice(format!("{} is up to date: its inputs have not changed", args.out.display()));
    }
    outcome.left_out().into_iter().for_each(|text| context.warn(text));
    outcome.enlarged(settings.size_px).into_iter().for_each(|text| context.notice(text));
    Ok(outcome.summary(start.elapsed()))
}

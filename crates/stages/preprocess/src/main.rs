//! `hpa-preprocess`: image files to a Parquet shard.

use std::io::Write;
use std::process::ExitCode;
use std::time::Instant;

use hpa_artifacts::atomic::AtomicFile;
use hpa_artifacts::read_label_csv;
use hpa_cli::RunContext;
use hpa_core::{LabelNames, SampleId};
use hpa_preprocess::{ShardJob, Summary, write_shard};

mod args;

use args::Args;

fn main() -> ExitCode {
    let about = "Decode, check and resize the four images of each sample into a Parquet shard";
    let example = "hpa-preprocess --csv train.csv --images train --size-px 256 --shard 0/4 \\\n    \
                   --out images/train-00000-of-00004.parquet";
    let renamed = &[
        ("size", "size-px"),
        ("one-colour", "rgb-channel"),
        ("train-shards", "train_shards in pipeline.mk"),
        ("test-shards", "test_shards in pipeline.mk"),
    ];
    hpa_cli::run(hpa_cli::program!(about, example, renamed: renamed), run)
}

fn run(args: &Args, context: &RunContext) -> anyhow::Result<Summary> {
    let start = Instant::now();
    let config = args.config();
    let rows = read_label_csv(&args.csv, &LabelNames::atlas())?;
    let ids: Vec<SampleId> =
        rows.into_iter().map(|row| row.id).filter(|id| config.shard.contains(id)).collect();
    // Created first, so that a path that cannot be written fails at once, not after an hour.
    let skipped_list = args.out_skipped.as_deref().map(AtomicFile::create).transpose()?;
    let job = ShardJob {
        ids: &ids,
        folders: &args.images,
        config: &config,
        skip: skipped_list.is_some(),
    };
    let progress = context.progress("preprocessing", ids.len() as u64, "samples");
    let outcome = write_shard(job, &args.out, |done| progress.inc(done as u64))?;
    progress.finish();
    if let Some(mut list) = skipped_list {
        list.write_all(&outcome.skipped.to_csv())?;
        list.commit()?;
    }
    if outcome.up_to_date {
        context.info(format!("{} is up to date: its inputs have not changed", args.out.display()));
    }
    if let Some(text) = outcome.skipped_warning() {
        context.warning(text);
    }
    if let Some(text) = outcome.upscaled_notice(config.size_px) {
        context.info(text);
    }
    Ok(outcome.summary(start.elapsed()))
}

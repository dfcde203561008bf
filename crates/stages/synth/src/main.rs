//! Draws a data set in Kaggle's layout.

use anyhow::Context;
use hpa_cli::RunContext;
use hpa_core::Seed;
use hpa_synth::{Settings, plan, prepare_folder, write_pictures, write_tables};
use rayon::prelude::*;
use serde::Serialize;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Instant;

#[derive(clap::Args)]
struct Args {
    #[command(flatten)]
    settings: Settings,
    /// Folder to draw into; an earlier drawing there is replaced
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
}

#[derive(Serialize)]
struct Summary {
    samples: usize,
    train_samples: usize,
    test_samples: usize,
    seconds: f64,
    samples_per_second: f64,
}

fn main() -> ExitCode {
    let about = "Draws fields of cells with labelled proteins in Kaggle's layout";
    let example = "hpa-synth --config pipelines/quick/synth.toml --out data/quick/raw";
    hpa_cli::run(hpa_cli::program!(about, example), run)
}

fn run(args: &Args, context: &RunContext) -> anyhow::Result<Summary> {
    let begun = Instant::now();
    let settings = &args.settings;
    let samples = plan(settings)?;
    let mark = serde_json::to_string_pretty(settings).context("settings are no JSON")?;
    prepare_folder(&args.out, &(mark + "\n"))?;
    let progress = context.progress("drawing", samples.len() as u64, "samples");
    samples.par_iter().try_for_each(|sample| {
        write_pictures(&args.out, sample, settings.size_px, &sample.draw(settings))?;
        progress.inc(1);
        anyhow::Ok(())
    })?;
    write_tables(&args.out, &samples, Seed::new(settings.seed).derive("tables"))?;
    progress.finish();
    let seconds = begun.elapsed().as_secs_f64();
    let (train_samples, test_samples) = (settings.train_samples, settings.test_samples);
    let samples_per_second = samples.len() as f64 / seconds;
    let samples = samples.len();
    Ok(Summary { samples, train_samples, test_samples, seconds, samples_per_second })
}

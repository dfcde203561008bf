//! `hpa-synth`: a synthetic data set in Kaggle's layout.

use anyhow::Context;
use hpa_cli::RunContext;
use hpa_core::Seed;
use hpa_synth::{SynthConfig, prepare_folder, samples, write_images, write_tables};
use rayon::prelude::*;
use serde::Serialize;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Instant;

#[derive(clap::Args)]
struct Args {
    #[command(flatten)]
    config: SynthConfig,
    /// Folder of the data set; one drawn there before is replaced
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
    let about = "Draws a synthetic data set of labelled cells in Kaggle's layout";
    let example = "hpa-synth --config pipelines/quick/synth.toml --out data/quick/raw";
    let renamed =
        &[("tempering", "label-balance-exponent"), ("unevenness", "illumination-nonuniformity")];
    hpa_cli::run(hpa_cli::program!(about, example, renamed: renamed), run)
}

fn run(args: &Args, context: &RunContext) -> anyhow::Result<Summary> {
    let start = Instant::now();
    let config = &args.config;
    let samples = samples(config)?;
    let recorded =
        serde_json::to_string_pretty(config).context("cannot write the configuration")?;
    prepare_folder(&args.out, &(recorded + "\n"))?;
    let progress = context.progress("drawing", samples.len() as u64, "samples");
    samples.par_iter().try_for_each(|sample| {
        write_images(&args.out, sample, config.size_px, &sample.draw(config))?;
        progress.inc(1);
        anyhow::Ok(())
    })?;
    write_tables(&args.out, &samples, Seed::new(config.seed).derive("tables"))?;
    progress.finish();
    let seconds = start.elapsed().as_secs_f64();
    Ok(Summary {
        samples: samples.len(),
        train_samples: config.train_samples,
        test_samples: config.test_samples,
        seconds,
        samples_per_second: samples.len() as f64 / seconds,
    })
}

//! `hpa-report`: the files of a run to one page and one table of scores.

mod args;

use args::Args;
use hpa_artifacts::ScoreRow;
use hpa_artifacts::atomic::{self, AtomicFile};
use hpa_cli::RunContext;
use hpa_core::Seed;
use hpa_report::{
    ReportInputs, Resampling, RunData, evaluate, render_page, score_table, text_table,
};
use serde::Serialize;
use std::process::ExitCode;

const EXAMPLE: &str = "hpa-report --labels labels.parquet --folds folds.parquet \\
    --history models/resnet18/fold-*.history.parquet \\
    --predictions predictions/resnet18/oof.parquet \\
    --thresholds thresholds/resnet18/exact.parquet --images images/train-*.parquet \\
    --out report/index.html --out-scores report/scores.parquet";

fn main() -> ExitCode {
    let about = "Reports scores, curves and samples of a run on one self-contained page";
    hpa_cli::run(hpa_cli::program!(about, EXAMPLE), run)
}

/// What `--json` prints, a list.
#[derive(Serialize)]
struct ScoreJson {
    name: String,
    split: String,
    method: String,
    metric: String,
    value: f64,
    low: f64,
    high: f64,
}

fn run(args: &Args, context: &RunContext) -> anyhow::Result<Vec<ScoreJson>> {
    // Check that both outputs can be written, so that the scores are not left without the page.
    for path in [args.out.as_path(), args.out_scores.path()] {
        AtomicFile::create(path)?;
    }
    let files = args.read(context)?;
    let images = context.open_images(&args.images)?;
    let provenance = args.provenance(&files, &images);
    let run = RunData::new(files)?;
    for notice in &run.notices {
        context.info(notice);
    }
    let resampling = Resampling { replicates: args.bootstrap, seed: Seed::new(args.seed) };
    let evaluations = evaluate(&run, resampling);
    let page = render_page(&ReportInputs {
        run: &run,
        evaluations: &evaluations,
        images: &images,
        provenance: &provenance,
        resampling,
        gallery: args.gallery,
    })?;
    let scores = score_table(&run, &evaluations);
    args.out_scores.write(&scores, &provenance)?;
    atomic::write_bytes(&args.out, page.as_bytes())?;
    context.info(format_args!("\n{}\n", text_table(&run, &evaluations)));
    context.info(format_args!("page    {}", args.out.display()));
    context.info(format_args!("scores  {}", args.out_scores.path().display()));
    Ok(scores.rows.into_iter().map(score_json).collect())
}

fn score_json(row: ScoreRow) -> ScoreJson {
    let ScoreRow { name, split, method, metric, value, low, high } = row;
    ScoreJson { name, split, method, metric, value, low, high }
}

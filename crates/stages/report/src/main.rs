//! `hpa-report`: the files of a run to one page and one table of scores.

mod flags;

use flags::Flags;
use hpa_artifacts::ScoreRow;
use hpa_artifacts::atomic::{self, AtomicFile};
use hpa_cli::RunContext;
use hpa_report::{Material, Run, judge, render_page, resampling, score_table, text_table};
use serde::Serialize;
use std::process::ExitCode;

const EXAMPLE: &str = "hpa-report --labels labels.parquet --folds folds.parquet \\
    --history models/resnet18/fold-*.history.parquet \\
    --predictions predictions/resnet18/oof.parquet \\
    --thresholds thresholds/resnet18/exact.parquet --images images/train-*.parquet \\
    --out report/index.html --out-scores report/scores.parquet";

fn main() -> ExitCode {
    let about = "Shows scores, curves and samples of a run on one self-contained page";
    hpa_cli::run(hpa_cli::program!(about, EXAMPLE), run)
}

/// What `--json` prints.
#[derive(Serialize)]
struct Line {
    name: String,
    split: String,
    method: String,
    metric: String,
    value: f64,
    low: f64,
    high: f64,
}

fn run(flags: &Flags, context: &RunContext) -> anyhow::Result<Vec<Line>> {
    // Both can be written or neither is: else scores would be left without their page.
    for path in [flags.out.as_path(), flags.out_scores.path()] {
        AtomicFile::create(path)?;
    }
    let inputs = flags.read(context)?;
    let images = context.open_images(&flags.images)?;
    let provenance = flags.provenance(&inputs, &images);
    let run = Run::new(inputs)?;
    run.notices.iter().for_each(|notice| context.info(notice));
    let resampling = resampling(flags.bootstrap, flags.seed);
    let verdicts = judge(&run, resampling);
    let (verdicts, images, provenance) = (verdicts.as_slice(), &images, &provenance);
    let material = Material { verdicts, images, provenance, resampling, gallery: flags.gallery };
    let page = render_page(&run, material)?;
    let scores = score_table(&run, verdicts);
    flags.out_scores.write(&scores, provenance)?;
    atomic::write_bytes(&flags.out, page.as_bytes())?;
    context.info(format_args!("\n{}\n", text_table(&run, verdicts)));
    context.info(format_args!("page    {}", flags.out.display()));
    context.info(format_args!("scores  {}", flags.out_scores.path().display()));
    Ok(scores.rows.into_iter().map(line).collect())
}

fn line(row: ScoreRow) -> Line {
    let ScoreRow { name, split, method, metric, value, low, high } = row;
    Line { name, split, method, metric, value, low, high }
}

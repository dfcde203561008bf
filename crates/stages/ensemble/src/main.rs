//! `hpa-ensemble`: predictions of several models to predictions of one ensemble.

use hpa_artifacts::{Loaded, Predictions, Provenance, Thresholds};
use hpa_cli::{Input, Output, RunContext};
use hpa_ensemble::{Method, combine, with_members};
use serde::Serialize;
use std::process::ExitCode;

/// The flags as typed.
#[derive(clap::Args)]
struct Args {
    /// How the members are combined
    #[arg(long, value_enum)]
    method: Method,
    /// The members' predictions; all out of fold, or none
    #[arg(long, num_args = 1.., required = true, value_name = "PREDICTIONS.parquet")]
    predictions: Vec<Input<Predictions>>,
    /// For method or: the thresholds of each member, in the same order
    #[arg(long, num_args = 1.., required_if_eq("method", "or"), value_name = "THRESHOLDS.parquet")]
    thresholds: Vec<Input<Thresholds>>,
    /// Where to write the ensemble's predictions
    #[arg(long, value_name = "PREDICTIONS.parquet")]
    out: Output<Predictions>,
}

/// The settings that change the result; the members are inputs.
#[derive(Serialize)]
struct Config {
    method: Method,
}

/// The value of `--json`.
#[derive(Serialize)]
struct Summary {
    method: Method,
    members: usize,
    samples: usize,
}

fn main() -> ExitCode {
    let program = hpa_cli::program!(
        "Combines the predictions of several models",
        "hpa-ensemble --method average --predictions predictions/resnet18/oof.parquet \\\n    \
         predictions/resnet34/oof.parquet --out predictions/average/oof.parquet",
        renamed: &[("members", "members.NAME in pipeline.mk")]
    );
    hpa_cli::run(program, run)
}

fn run(args: &Args, context: &RunContext) -> anyhow::Result<Summary> {
    let members: Vec<Loaded<Predictions>> =
        args.predictions.iter().map(|path| path.read(context)).collect::<Result<_, _>>()?;
    let thresholds: Vec<Loaded<Thresholds>> =
        args.thresholds.iter().map(|path| path.read(context)).collect::<Result<_, _>>()?;
    let predictions = combine(args.method, &members, &thresholds)?;
    let provenance = Provenance::new(&Config { method: args.method });
    args.out.write(&predictions, &with_members(provenance, &members, &thresholds))?;
    let samples = predictions.ids.len();
    Ok(Summary { method: args.method, members: members.len(), samples })
}

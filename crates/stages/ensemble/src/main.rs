//! `hpa-ensemble`: predictions of several models to predictions of one ensemble.

mod args;

use anyhow::Result;
use args::{Arguments, Outcome};
use hpa_artifacts::{Loaded, Predictions, Thresholds};
use hpa_cli::RunContext;
use hpa_ensemble::{EnsembleError, Method, align, average, check_named, lineage, maximum, vote};
use std::process::ExitCode;

fn main() -> ExitCode {
    let program = hpa_cli::program!(
        "Combines the predictions of several models",
        "hpa-ensemble --method average --predictions predictions/resnet18/oof.parquet \\\n    \
         predictions/resnet34/oof.parquet --out predictions/average/oof.parquet"
    );
    hpa_cli::run(program, run)
}

fn run(args: &Arguments, context: &RunContext) -> Result<Outcome> {
    let members: Vec<Loaded<Predictions>> =
        args.predictions.iter().map(|path| path.read(context)).collect::<Result<_, _>>()?;
    check_named(&args.members, &members)?;
    let thresholds: Vec<Loaded<Thresholds>> =
        args.thresholds.iter().map(|path| path.read(context)).collect::<Result<_, _>>()?;
    let aligned = align(&members)?;
    let columns: Vec<&[f32]> = aligned.iter().map(|one| one.probabilities.as_slice()).collect();
    let probabilities = match args.method {
        Method::Or => vote(&members, &aligned, &thresholds)?,
        _ if !thresholds.is_empty() => {
            let (predictions, thresholds) = (members.len(), thresholds.len());
            return Err(EnsembleError::ThresholdCount { predictions, thresholds }.into());
        }
        Method::Average => average(&columns),
        Method::Max => maximum(&columns),
    };
    let value = Predictions { probabilities, ..aligned[0].clone() };
    let provenance = lineage(&members, args.provenance(&members, &thresholds));
    args.out.write(&value, &provenance)?;
    Ok(Outcome { method: args.method, members: members.len(), samples: value.ids.len() })
}

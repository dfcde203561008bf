//! `--check-input-conv`: the network with a four-channel first convolution against the
//! three-channel one.

use crate::Args;
use anyhow::Context;
use hpa_artifacts::read_external_weights;
use hpa_cli::{CheckFailed, RunContext};
use hpa_nn::{InputConvCheck, check_input_conv};
use serde::Serialize;

/// The JSON value of the comparison.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct InputConvReport {
    /// `equal` or `different`.
    pub verdict: &'static str,
    /// The network.
    pub architecture: &'static str,
    /// The pretrained weights; none for random ones.
    pub weights: Option<String>,
    /// Each initialization of the fourth channel.
    pub checks: Vec<InputConvCheck>,
}

pub(crate) fn run(args: &Args, context: &RunContext) -> anyhow::Result<InputConvReport> {
    hpa_ops::select_simd()?;
    let architecture = args.config().model.architecture;
    let file = args.weights().as_deref().map(read_external_weights).transpose()?;
    let weights = args.weights().map(|path| path.display().to_string());
    if weights.is_none() {
        context.info("no --weights: a three-channel network with random weights is adapted");
    }
    let source = weights.as_deref().unwrap_or("random weights");
    let checks = check_input_conv(architecture, file, args.config().seed())
        .with_context(|| format!("cannot check {source}"))?;
    for check in &checks {
        context.info(line(check));
    }
    let failed = checks.iter().filter(|check| !check.passes).map(|check| check.first_conv.name());
    let failed: Vec<&str> = failed.collect();
    let report = InputConvReport {
        verdict: if failed.is_empty() { "equal" } else { "different" },
        architecture: architecture.name(),
        weights: weights.clone(),
        checks,
    };
    if !failed.is_empty() {
        let message = format!(
            "different: with {} the logits of the four-channel {architecture} of {source} are not those of the three-channel one\n  help: this is a bug of the program, please report it with the file",
            failed.join(", ")
        );
        return Err(CheckFailed::new(message, &report)?.into());
    }
    context.info(format!(
        "equal: with `zero` the four-channel {architecture} of {source} has the logits of the three-channel one on red, green and blue; the other initializations match their references"
    ));
    Ok(report)
}

fn line(check: &InputConvCheck) -> String {
    let InputConvCheck { first_conv, reference, difference, passes } = check;
    let found = match difference {
        None => "not compared".to_owned(),
        Some(difference) => {
            let word = if *passes { "equal" } else { "DIFFERENT" };
            format!("{word}, difference {difference:.1e} of the largest logit")
        }
    };
    format!("{:<14} {found}; reference: {reference}", first_conv.name())
}

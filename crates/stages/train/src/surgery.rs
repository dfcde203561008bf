//! `--check-surgery`: does the four-channel network answer as the three-channel one did?

use crate::Settings;
use anyhow::Context;
use hpa_artifacts::read_external_weights;
use hpa_cli::{CheckFailed, RunContext};
use hpa_core::Seed;
use hpa_nn::{InputConvCheck, check_input_conv};
use serde::Serialize;
use std::path::Path;

/// What `--json` prints.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Verdict {
    /// `equal` or `different`.
    pub verdict: &'static str,
    /// The network.
    pub architecture: &'static str,
    /// The pretrained file; nothing where random weights stood in for one.
    pub weights: Option<String>,
    /// Every way to a first convolution.
    pub checks: Vec<InputConvCheck>,
}

pub(crate) fn check(
    settings: &Settings,
    weights: Option<&Path>,
    context: &RunContext,
) -> anyhow::Result<Verdict> {
    hpa_ops::select_simd()?;
    let architecture = settings.architecture;
    let file = weights.map(read_external_weights).transpose()?;
    let name = weights.map(|path| path.display().to_string());
    if name.is_none() {
        context.info("no --weights: a three-channel network of random weights is widened");
    }
    let shown = name.as_deref().unwrap_or("random weights");
    let checks = check_input_conv(architecture, file, Seed::new(settings.seed))
        .with_context(|| format!("cannot check {shown}"))?;
    for check in &checks {
        context.info(line(check));
    }
    let all_hold = checks.iter().all(|check| check.holds);
    let verdict = if all_hold { "equal" } else { "different" };
    let verdict =
        Verdict { verdict, architecture: architecture.name(), weights: name.clone(), checks };
    if !all_hold {
        let message = format!(
            "different: with {} the four-channel {architecture} of {shown} does not answer as the three-channel one\n  help: this is a fault of the program, please report it with the file",
            broken(&verdict.checks)
        );
        return Err(CheckFailed::new(message, &verdict)?.into());
    }
    context.info(format!(
        "equal: with `zero` the four-channel {architecture} of {shown} answers as the three-channel one about red, green and blue; the other ways keep their promises"
    ));
    Ok(verdict)
}

fn line(check: &InputConvCheck) -> String {
    let InputConvCheck { first_conv, promise, difference, holds } = check;
    let found = match difference {
        None => "not compared".to_owned(),
        Some(difference) => {
            let word = if *holds { "equal" } else { "DIFFERENT" };
            format!("{word}, off by {difference:.1e} of the largest logit")
        }
    };
    format!("{:<14} {found}; promises: {promise}", first_conv.name())
}

fn broken(checks: &[InputConvCheck]) -> String {
    let names = checks.iter().filter(|check| !check.holds).map(|check| check.first_conv.name());
    names.collect::<Vec<_>>().join(", ")
}

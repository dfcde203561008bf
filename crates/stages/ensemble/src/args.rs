//! The flags of `hpa-ensemble`, and what `--json` prints.

use clap::Args;
use hpa_artifacts::{Digest, Loaded, Predictions, Provenance, Thresholds};
use hpa_cli::{Input, Output};
use hpa_ensemble::Method;
use serde::Serialize;

/// What the user sets.
#[derive(Args)]
pub(crate) struct Arguments {
    /// How the members are combined
    #[arg(long, value_enum)]
    pub(crate) method: Method,
    /// Names of the members in order; the folders of their predictions must have them
    #[arg(long, num_args = 1.., value_name = "NAME")]
    pub(crate) members: Vec<String>,
    /// The members' predictions; all out of fold, or none
    #[arg(long, num_args = 1.., required = true, value_name = "PREDICTIONS.parquet")]
    pub(crate) predictions: Vec<Input<Predictions>>,
    /// For method or: the thresholds of each member, in the same order
    #[arg(long, num_args = 1.., required_if_eq("method", "or"), value_name = "THRESHOLDS.parquet")]
    pub(crate) thresholds: Vec<Input<Thresholds>>,
    /// Where to write the ensemble's predictions
    #[arg(long, value_name = "PREDICTIONS.parquet")]
    pub(crate) out: Output<Predictions>,
}

/// The settings that matter for the result; the members are inputs.
#[derive(Serialize)]
struct Settings {
    method: Method,
}

/// What was combined.
#[derive(Serialize)]
pub(crate) struct Outcome {
    pub(crate) method: Method,
    pub(crate) members: usize,
    pub(crate) samples: usize,
}

impl Arguments {
    /// What the ensemble was made of.
    pub(crate) fn provenance(
        &self,
        members: &[Loaded<Predictions>],
        thresholds: &[Loaded<Thresholds>],
    ) -> Provenance {
        let predictions: Vec<Digest> = members.iter().map(|one| one.origin.digest).collect();
        let provenance = Provenance::new(&Settings { method: self.method })
            .with_input("predictions", Digest::combine(&predictions));
        if thresholds.is_empty() {
            return provenance;
        }
        let thresholds: Vec<Digest> = thresholds.iter().map(|one| one.origin.digest).collect();
        provenance.with_input("thresholds", Digest::combine(&thresholds))
    }
}

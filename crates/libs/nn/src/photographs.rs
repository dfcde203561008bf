//! Networks as they were trained on photographs: three channels, a classifier of their own.

use crate::Architecture;
use crate::error::NnError;
use crate::network::Network;
use crate::network::plan::Plan;
use crate::weights::import::{misfits, renamed};
use hpa_artifacts::Weights;
use std::collections::BTreeMap;

/// Red, green and blue.
pub(crate) const CHANNELS: usize = 3;

impl Network {
    /// The network of a file of timm or torchvision with nothing changed: it looks at images
    /// `[N, S, S, 3]` and answers about the file's own classes.
    ///
    /// # Errors
    /// With a list of all tensors that do not fit, a missing classifier among them.
    pub fn of_photographs(
        architecture: Architecture,
        file: BTreeMap<String, Weights>,
    ) -> Result<Self, NnError> {
        // The classifier's name does not depend on how many classes it has.
        let plan = Plan::new(architecture, 1, CHANNELS);
        let file = renamed(&plan, file);
        let bias = file.get(&format!("{}.bias", plan.classifier().name));
        let classes = bias.map_or(1, |bias| bias.values.len());
        let plan = Plan::new(architecture, classes, CHANNELS);
        let misfits = misfits(&plan.entries(), &file);
        if !misfits.is_empty() {
            return Err(NnError::Misfit { architecture: architecture.name(), misfits });
        }
        Self::build(architecture, plan, file)
    }
}

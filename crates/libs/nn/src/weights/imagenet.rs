//! `ImageNet` networks as published: three channels and their own classifier.

use crate::config::architecture::Architecture;
use crate::error::NnError;
use crate::models::Network;
use crate::weights::state_dict::timm_names;
use hpa_artifacts::Weights;
use std::collections::BTreeMap;

/// Red, green and blue.
pub(crate) const RGB: usize = 3;

impl Network {
    /// The network of a timm or torchvision file without any adaptation: it takes images
    /// `[N, S, S, 3]` and returns the logits of the file's own classes.
    ///
    /// # Errors
    /// With a list of all tensors that do not match, a missing classifier among them.
    pub fn from_imagenet(
        architecture: Architecture,
        state_dict: BTreeMap<String, Weights>,
    ) -> Result<Self, NnError> {
        // The classifier's name does not depend on how many classes it has.
        let layers = architecture.layers(1, RGB);
        let state_dict = timm_names(architecture, &layers, state_dict);
        let bias = state_dict.get(&format!("{}.bias", layers.classifier.name));
        let classes = bias.map_or(1, |bias| bias.values.len());
        Self::from_state_dict(architecture, classes, RGB, state_dict)
    }
}

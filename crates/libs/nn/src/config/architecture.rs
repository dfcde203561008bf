//! The networks that can be trained, by name.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// A network.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Architecture {
    /// 18 weighted layers, blocks of two 3×3 convolutions (He et al. 2015, arXiv 1512.03385).
    ResNet18,
    /// 34 weighted layers, the same blocks.
    ResNet34,
    /// 50 weighted layers, bottleneck blocks with the stride in the 3×3 convolution, as in
    /// torchvision ("v1.5").
    ResNet50,
    /// Depthwise convolutions and no squeeze-excite, TensorFlow's "lite" form of B0 (Tan & Le 2019,
    /// arXiv 1905.11946).
    #[serde(rename = "efficientnet-lite0")]
    EfficientNetLite0,
}

/// A name that is not a network's.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{name:?} is not a network: expected one of {}", Architecture::ALL.map(Architecture::name).join(", "))]
pub struct UnknownArchitecture {
    name: String,
}

impl Architecture {
    /// All networks.
    pub const ALL: [Self; 4] =
        [Self::ResNet18, Self::ResNet34, Self::ResNet50, Self::EfficientNetLite0];

    /// The name in configurations and checkpoints.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::ResNet18 => "resnet18",
            Self::ResNet34 => "resnet34",
            Self::ResNet50 => "resnet50",
            Self::EfficientNetLite0 => "efficientnet-lite0",
        }
    }
}

impl std::str::FromStr for Architecture {
    type Err = UnknownArchitecture;
    fn from_str(text: &str) -> Result<Self, UnknownArchitecture> {
        Self::ALL
            .into_iter()
            .find(|architecture| architecture.name() == text)
            .ok_or_else(|| UnknownArchitecture { name: text.to_owned() })
    }
}

impl std::fmt::Display for Architecture {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.name())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_unknown_network_is_refused_with_the_list() {
        let error = "densenet121".parse::<Architecture>().unwrap_err().to_string();
        assert_eq!(
            error,
            "\"densenet121\" is not a network: expected one of resnet18, resnet34, resnet50, efficientnet-lite0"
        );
        for architecture in Architecture::ALL {
            assert_eq!(architecture.name().parse(), Ok(architecture));
        }
    }
}

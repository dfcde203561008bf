//! The networks that can be trained, by name.

use serde::{Deserialize, Serialize};

/// A network.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
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

/// The name of a network that is not there.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("there is no network {name:?} here: expected one of {}", names())]
pub struct UnknownArchitecture {
    name: String,
}

impl Architecture {
    /// All of them.
    pub const ALL: [Self; 4] =
        [Self::ResNet18, Self::ResNet34, Self::ResNet50, Self::EfficientNetLite0];

    /// The word in configurations and checkpoints.
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

fn names() -> String {
    Architecture::ALL.map(Architecture::name).join(", ")
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
    fn a_network_that_is_not_there_is_refused_with_the_list() {
        let error = "densenet121".parse::<Architecture>().unwrap_err().to_string();
        assert_eq!(
            error,
            "there is no network \"densenet121\" here: expected one of resnet18, resnet34, resnet50, efficientnet-lite0"
        );
        for architecture in Architecture::ALL {
            assert_eq!(architecture.name().parse(), Ok(architecture));
        }
    }
}

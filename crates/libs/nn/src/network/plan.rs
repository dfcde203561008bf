//! The layers of any family of networks.

use crate::Architecture;
use crate::network::efficientnet::EfficientNet;
use crate::network::layers::{Classifier, Entry, Unit, Walk};
use crate::network::resnet::ResNet;
use candle_core::Tensor;

/// A network's layers and the way through them.
#[derive(Clone, Debug)]
pub(crate) enum Plan {
    ResNet(ResNet),
    EfficientNet(EfficientNet),
}

impl Plan {
    /// A network that looks at `channels` channels and answers about `labels` labels.
    pub(crate) fn new(architecture: Architecture, labels: usize, channels: usize) -> Self {
        let resnet = |depths, is_bottleneck| {
            Self::ResNet(ResNet::new((depths, is_bottleneck), labels, channels))
        };
        match architecture {
            Architecture::ResNet18 => resnet([2, 2, 2, 2], false),
            Architecture::ResNet34 => resnet([3, 4, 6, 3], false),
            Architecture::ResNet50 => resnet([3, 4, 6, 3], true),
            Architecture::EfficientNetLite0 => {
                Self::EfficientNet(EfficientNet::lite0(labels, channels))
            }
        }
    }

    /// Every tensor of the network.
    pub(crate) fn entries(&self) -> Vec<Entry> {
        let units = self.units().into_iter().flat_map(Unit::entries);
        units.chain(self.classifier().entries()).collect()
    }

    pub(crate) fn stem(&self) -> &Unit {
        match self {
            Self::ResNet(plan) => plan.stem(),
            Self::EfficientNet(plan) => plan.stem(),
        }
    }

    pub(crate) fn classifier(&self) -> &Classifier {
        match self {
            Self::ResNet(plan) => plan.classifier(),
            Self::EfficientNet(plan) => plan.classifier(),
        }
    }

    pub(crate) fn units(&self) -> Vec<&Unit> {
        match self {
            Self::ResNet(plan) => plan.units().collect(),
            Self::EfficientNet(plan) => plan.units().collect(),
        }
    }

    /// What batch norm adds to a variance before its root.
    pub(crate) const fn epsilon(&self) -> f64 {
        match self {
            Self::ResNet(_) => crate::network::resnet::EPSILON,
            Self::EfficientNet(_) => crate::network::efficientnet::EPSILON,
        }
    }

    /// The name under which this network keeps a tensor that a file from elsewhere calls `name`.
    pub(crate) fn own_name(&self, name: &str) -> Option<String> {
        match self {
            Self::ResNet(_) => None,
            Self::EfficientNet(plan) => plan.own_name(name),
        }
    }

    /// Images `[N, S, S, C]` to logits `[N, L]`.
    pub(crate) fn forward(
        &self,
        images: &Tensor,
        walk: &mut impl Walk,
    ) -> candle_core::Result<Tensor> {
        match self {
            Self::ResNet(plan) => plan.forward(images, walk),
            Self::EfficientNet(plan) => plan.forward(images, walk),
        }
    }
}

//! Residual networks: He et al., *Deep Residual Learning for Image Recognition* (2015),
//! arXiv 1512.03385, under the weight names of torchvision and timm.
//!
//! Shapes, for images `[N, S, S, 4]`: the stem halves the side twice, layers 2 to 4 once each,
//! so that the last map is `[N, S/32, S/32, F]` with F = 512 (ResNet-18, -34) or 2048 (-50).

use crate::network::layers::{Activation, Classifier, Padded, Unit, Walk};
use candle_core::Tensor;

/// Added to a variance before its root: torchvision's value.
pub(crate) const EPSILON: f64 = 1e-5;

/// A residual network's layers in the order in which they are passed.
#[derive(Clone, Debug)]
pub(crate) struct ResNet {
    stem: Unit,
    blocks: Vec<Block>,
    classifier: Classifier,
}

/// Convolutions, and the convolution that fits the short cut to their result where it must be.
#[derive(Clone, Debug)]
struct Block {
    body: Vec<Unit>,
    shortcut: Option<Unit>,
}

impl ResNet {
    pub(crate) fn new(
        (depths, is_bottleneck): ([usize; 4], bool),
        labels: usize,
        channels: usize,
    ) -> Self {
        let mut blocks = Vec::new();
        let mut inputs = 64;
        for (layer, depth) in depths.into_iter().enumerate() {
            for index in 0..depth {
                let shape = BlockShape {
                    prefix: format!("layer{}.{index}", layer + 1),
                    inputs,
                    width: 64 << layer,
                    stride: if layer > 0 && index == 0 { 2 } else { 1 },
                };
                let block = if is_bottleneck { shape.bottleneck() } else { shape.basic() };
                inputs = block.body.last().map_or(inputs, |unit| unit.outputs);
                blocks.push(block);
            }
        }
        let stem = Unit {
            convolution: "conv1".into(),
            norm: "bn1".into(),
            inputs: channels,
            outputs: 64,
            kernel: 7,
            stride: 2,
            groups: 1,
            padded: Padded::Half,
        };
        let classifier = Classifier { name: "fc".into(), features: inputs, labels };
        Self { stem, blocks, classifier }
    }

    pub(crate) fn stem(&self) -> &Unit {
        &self.stem
    }

    pub(crate) fn classifier(&self) -> &Classifier {
        &self.classifier
    }

    pub(crate) fn units(&self) -> impl Iterator<Item = &Unit> {
        let blocks = self.blocks.iter().flat_map(|block| block.body.iter().chain(&block.shortcut));
        std::iter::once(&self.stem).chain(blocks)
    }

    /// Images `[N, S, S, 4]` to logits `[N, L]`.
    pub(crate) fn forward(
        &self,
        images: &Tensor,
        walk: &mut impl Walk,
    ) -> candle_core::Result<Tensor> {
        let x = walk.unit(&self.stem, images, None, Activation::Relu)?; // [N, S/2, S/2, 64]
        let mut x = walk.stem_pool(&x)?; // [N, S/4, S/4, 64]
        for block in &self.blocks {
            x = block.forward(x, walk)?;
        }
        let features = walk.average(&x)?; // [N, F]
        walk.classifier(&self.classifier, &features)
    }
}

impl Block {
    fn forward(&self, x: Tensor, walk: &mut impl Walk) -> candle_core::Result<Tensor> {
        let short = match &self.shortcut {
            Some(unit) => walk.unit(unit, &x, None, Activation::Linear)?,
            None => x.clone(),
        };
        let (last, inner) = self.body.split_last().expect("a block has two or three convolutions");
        let mut x = x;
        for unit in inner {
            x = walk.unit(unit, &x, None, Activation::Relu)?;
        }
        walk.unit(last, &x, Some(&short), Activation::Relu)
    }
}

struct BlockShape {
    prefix: String,
    inputs: usize,
    width: usize,
    stride: usize,
}

impl BlockShape {
    fn basic(&self) -> Block {
        let body = vec![
            self.unit(1, (self.inputs, self.width), 3, self.stride),
            self.unit(2, (self.width, self.width), 3, 1),
        ];
        Block { shortcut: self.shortcut(self.width), body }
    }

    fn bottleneck(&self) -> Block {
        let outputs = self.width * 4;
        let body = vec![
            self.unit(1, (self.inputs, self.width), 1, 1),
            self.unit(2, (self.width, self.width), 3, self.stride),
            self.unit(3, (self.width, outputs), 1, 1),
        ];
        Block { shortcut: self.shortcut(outputs), body }
    }

    fn unit(&self, number: usize, channels: (usize, usize), kernel: usize, stride: usize) -> Unit {
        Unit {
            convolution: format!("{}.conv{number}", self.prefix),
            norm: format!("{}.bn{number}", self.prefix),
            inputs: channels.0,
            outputs: channels.1,
            kernel,
            stride,
            groups: 1,
            padded: Padded::Half,
        }
    }

    fn shortcut(&self, outputs: usize) -> Option<Unit> {
        (self.stride != 1 || self.inputs != outputs).then(|| Unit {
            convolution: format!("{}.downsample.0", self.prefix),
            norm: format!("{}.downsample.1", self.prefix),
            inputs: self.inputs,
            outputs,
            kernel: 1,
            stride: self.stride,
            groups: 1,
            padded: Padded::Half,
        })
    }
}

#[cfg(test)]
mod tests {
    use crate::Architecture;
    use crate::network::layers::Entry;
    use crate::network::plan::Plan;

    fn parameters(architecture: Architecture) -> usize {
        let entries = Plan::new(architecture, 1000, 4).entries();
        let size = |entry: &Entry| entry.shape.iter().product::<usize>();
        entries.iter().filter(|entry| !entry.is_buffer).map(size).sum()
    }

    #[test]
    fn parameter_counts_are_torchvisions_plus_the_fourth_channel() {
        let fourth = 64 * 7 * 7;
        assert_eq!(parameters(Architecture::ResNet18), 11_689_512 + fourth);
        assert_eq!(parameters(Architecture::ResNet34), 21_797_672 + fourth);
        assert_eq!(parameters(Architecture::ResNet50), 25_557_032 + fourth);
    }

    #[test]
    fn names_and_shapes_are_torchvisions() {
        let entries = Plan::new(Architecture::ResNet50, 28, 4).entries();
        let shape = |name: &str| &entries.iter().find(|entry| entry.name == name).unwrap().shape;
        assert_eq!(shape("conv1.weight"), &[64, 4, 7, 7]);
        assert_eq!(shape("layer1.0.downsample.0.weight"), &[256, 64, 1, 1]);
        assert_eq!(shape("layer1.0.downsample.1.running_mean"), &[256]);
        assert_eq!(shape("layer4.2.conv3.weight"), &[2048, 512, 1, 1]);
        assert_eq!(shape("fc.weight"), &[28, 2048]);
        assert!(!entries.iter().any(|entry| entry.name == "layer1.1.downsample.0.weight"));
    }
}

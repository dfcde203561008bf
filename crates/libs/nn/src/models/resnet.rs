//! Residual networks: He et al., *Deep Residual Learning for Image Recognition* (2015),
//! arXiv 1512.03385, under the tensor names of torchvision and timm.
//!
//! Shapes, for images `[N, S, S, C]`: the stem halves the side twice, `layer2` to `layer4` once
//! each, so that the last map is `[N, S/32, S/32, F]` with F = 512 (ResNet-18, -34) or 2048 (-50).

use crate::models::layers::{Activation, Block, ConvBnAct, Layers, Linear, Shortcut};

/// torchvision's batch-norm epsilon.
const EPS: f64 = 1e-5;

/// Channels of the stem.
const STEM: usize = 64;

/// Depth and kind of blocks of a residual network.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Variant {
    /// Blocks of `layer1` to `layer4`.
    depths: [usize; 4],
    /// Whether blocks are 1×1, 3×3, 1×1 convolutions rather than two 3×3.
    bottleneck: bool,
}

pub(crate) const RESNET18: Variant = Variant { depths: [2, 2, 2, 2], bottleneck: false };
pub(crate) const RESNET34: Variant = Variant { depths: [3, 4, 6, 3], bottleneck: false };
pub(crate) const RESNET50: Variant = Variant { depths: [3, 4, 6, 3], bottleneck: true };

/// The layers of a variant for images of `in_channels` channels.
pub(crate) fn layers(variant: Variant, num_labels: usize, in_channels: usize) -> Layers {
    let mut blocks = Vec::new();
    let mut channels = STEM;
    for (stage, depth) in variant.depths.into_iter().enumerate() {
        let width = STEM << stage;
        for index in 0..depth {
            let prefix = format!("layer{}.{index}", stage + 1);
            let stride = if stage > 0 && index == 0 { 2 } else { 1 };
            let block = if variant.bottleneck {
                bottleneck(&prefix, channels, width, stride)
            } else {
                basic_block(&prefix, channels, width, stride)
            };
            channels = block.body.last().map_or(channels, |layer| layer.out_channels);
            blocks.push(block);
        }
    }
    Layers {
        stem: ConvBnAct { stride: 2, ..ConvBnAct::new("conv1", "bn1", in_channels, STEM, 7) },
        stem_pool: true,
        blocks,
        head: None,
        classifier: Linear { name: "fc".into(), in_features: channels, out_features: num_labels },
        eps: EPS,
    }
}

fn basic_block(prefix: &str, in_channels: usize, width: usize, stride: usize) -> Block {
    let body = vec![
        ConvBnAct { stride, ..conv(prefix, 1, in_channels, width, 3) },
        conv(prefix, 2, width, width, 3),
    ];
    Block { body, shortcut: shortcut(prefix, in_channels, width, stride) }
}

/// With the stride in the 3×3 convolution, as in torchvision ("`ResNet` v1.5").
fn bottleneck(prefix: &str, in_channels: usize, width: usize, stride: usize) -> Block {
    let out_channels = 4 * width;
    let body = vec![
        conv(prefix, 1, in_channels, width, 1),
        ConvBnAct { stride, ..conv(prefix, 2, width, width, 3) },
        conv(prefix, 3, width, out_channels, 1),
    ];
    Block { body, shortcut: shortcut(prefix, in_channels, out_channels, stride) }
}

fn conv(
    prefix: &str,
    number: usize,
    in_channels: usize,
    out_channels: usize,
    kernel: usize,
) -> ConvBnAct {
    let name = |kind: &str| format!("{prefix}.{kind}{number}");
    ConvBnAct::new(name("conv"), name("bn"), in_channels, out_channels, kernel)
}

fn shortcut(prefix: &str, in_channels: usize, out_channels: usize, stride: usize) -> Shortcut {
    if stride == 1 && in_channels == out_channels {
        return Shortcut::Identity;
    }
    let name = |index: usize| format!("{prefix}.downsample.{index}");
    Shortcut::Projection(ConvBnAct {
        stride,
        activation: Activation::Identity,
        ..ConvBnAct::new(name(0), name(1), in_channels, out_channels, 1)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn num_parameters(variant: Variant) -> usize {
        let params = layers(variant, 1000, 4).params().into_iter();
        params.filter(|spec| !spec.is_buffer).map(|spec| spec.shape.iter().product::<usize>()).sum()
    }

    #[test]
    fn parameter_counts_are_torchvisions_plus_the_fourth_channel() {
        let fourth = 64 * 7 * 7;
        assert_eq!(num_parameters(RESNET18), 11_689_512 + fourth);
        assert_eq!(num_parameters(RESNET34), 21_797_672 + fourth);
        assert_eq!(num_parameters(RESNET50), 25_557_032 + fourth);
    }

    #[test]
    fn names_and_shapes_are_torchvisions() {
        let params = layers(RESNET50, 28, 4).params();
        let shape = |name: &str| &params.iter().find(|spec| spec.name == name).unwrap().shape;
        assert_eq!(shape("conv1.weight"), &[64, 4, 7, 7]);
        assert_eq!(shape("layer1.0.downsample.0.weight"), &[256, 64, 1, 1]);
        assert_eq!(shape("layer1.0.downsample.1.running_mean"), &[256]);
        assert_eq!(shape("layer4.2.conv3.weight"), &[2048, 512, 1, 1]);
        assert_eq!(shape("fc.weight"), &[28, 2048]);
        assert!(!params.iter().any(|spec| spec.name == "layer1.1.downsample.0.weight"));
    }
}

//! EfficientNet-Lite: inverted bottlenecks with depthwise convolutions, without squeeze-excite.
//!
//! Tan & Le, *`EfficientNet`* (2019), arXiv 1905.11946, in the form for mobile devices that
//! TensorFlow published as "lite": `ReLU6` for swish, stem and head of a fixed width. Its weights
//! were trained with TensorFlow's "SAME" padding and a batch-norm epsilon of 1e-3, so these are part
//! of the network. Tensors are named as in timm (`tf_efficientnet_lite0`); files with the names of
//! lukemelas' `EfficientNet-PyTorch` are read as well.
//!
//! Shapes, for images `[N, S, S, C]`: the stem halves the side, stages 2, 3, 4 and 6 once each, so
//! that the last map is `[N, S/32, S/32, 1280]`.

use crate::models::layers::{Activation, Block, ConvBnAct, Layers, Linear, PaddingMode, Shortcut};

/// TensorFlow's batch-norm epsilon for this network.
const EPS: f64 = 1e-3;

/// Blocks of one resolution.
struct Stage {
    repeats: usize,
    kernel: usize,
    /// Stride of the first block; the others have stride 1.
    stride: usize,
    /// Channels of the depthwise convolution, in multiples of the block's input channels.
    expansion: usize,
    out_channels: usize,
}

const fn stage(
    repeats: usize,
    kernel: usize,
    stride: usize,
    expansion: usize,
    out_channels: usize,
) -> Stage {
    Stage { repeats, kernel, stride, expansion, out_channels }
}

/// Stages of B0.
const STAGES: [Stage; 7] = [
    stage(1, 3, 1, 1, 16),
    stage(2, 3, 2, 6, 24),
    stage(2, 5, 2, 6, 40),
    stage(3, 3, 2, 6, 80),
    stage(3, 5, 1, 6, 112),
    stage(4, 5, 2, 6, 192),
    stage(1, 3, 1, 6, 320),
];
const STEM: usize = 32;
const FEATURES: usize = 1280;

/// The layers of EfficientNet-Lite0 for images of `in_channels` channels.
pub(crate) fn lite0(num_labels: usize, in_channels: usize) -> Layers {
    let mut blocks = Vec::new();
    let mut channels = STEM;
    for (number, stage) in STAGES.iter().enumerate() {
        for index in 0..stage.repeats {
            let prefix = format!("blocks.{number}.{index}");
            let stride = if index == 0 { stage.stride } else { 1 };
            blocks.push(inverted_bottleneck(&prefix, stage, channels, stride));
            channels = stage.out_channels;
        }
    }
    Layers {
        stem: ConvBnAct { stride: 2, ..conv("conv_stem", "bn1", in_channels, STEM, 3) },
        stem_pool: false,
        blocks,
        head: Some(conv("conv_head", "bn2", channels, FEATURES, 1)),
        classifier: Linear {
            name: "classifier".into(),
            in_features: FEATURES,
            out_features: num_labels,
        },
        eps: EPS,
    }
}

/// Expand, depthwise convolution, project. Names are timm's: the first stage's block is "depthwise
/// separable", without expansion, and calls its second convolution `conv_pw`, which in other blocks
/// is the first one's name.
fn inverted_bottleneck(prefix: &str, stage: &Stage, in_channels: usize, stride: usize) -> Block {
    let width = in_channels * stage.expansion;
    let layer = |name: &str, bn: usize, in_channels, out_channels, kernel| {
        let (name, bn) = (format!("{prefix}.{name}"), format!("{prefix}.bn{bn}"));
        conv(&name, &bn, in_channels, out_channels, kernel)
    };
    let depthwise = |bn| ConvBnAct {
        stride,
        groups: width,
        ..layer("conv_dw", bn, width, width, stage.kernel)
    };
    let project = |name, bn| ConvBnAct {
        activation: Activation::Identity,
        ..layer(name, bn, width, stage.out_channels, 1)
    };
    let body = if stage.expansion == 1 {
        vec![depthwise(1), project("conv_pw", 2)]
    } else {
        let expand = layer("conv_pw", 1, in_channels, width, 1);
        vec![expand, depthwise(2), project("conv_pwl", 3)]
    };
    let has_shortcut = stride == 1 && in_channels == stage.out_channels;
    Block { body, shortcut: if has_shortcut { Shortcut::Identity } else { Shortcut::None } }
}

fn conv(name: &str, bn: &str, in_channels: usize, out_channels: usize, kernel: usize) -> ConvBnAct {
    ConvBnAct {
        padding: PaddingMode::Same,
        activation: Activation::Relu6,
        ..ConvBnAct::new(name, bn, in_channels, out_channels, kernel)
    }
}

/// timm's name of a tensor that `EfficientNet-PyTorch` calls `name`.
pub(crate) fn timm_name(layers: &Layers, name: &str) -> Option<String> {
    let (prefix, kind) = name.rsplit_once('.')?;
    let timm = match prefix {
        "_conv_stem" => "conv_stem",
        "_bn0" => "bn1",
        "_conv_head" => "conv_head",
        "_bn1" => "bn2",
        "_fc" => "classifier",
        _ => {
            let (number, layer) = prefix.strip_prefix("_blocks.")?.split_once('.')?;
            timm_block_name(layers.blocks.get(number.parse::<usize>().ok()?)?, layer)?
        }
    };
    Some(format!("{timm}.{kind}"))
}

/// timm's prefix of the layer of a block that `EfficientNet-PyTorch` calls `name`: there, norms are
/// counted from 0 in blocks with an expansion, and from 1 in those without.
fn timm_block_name<'b>(block: &'b Block, name: &str) -> Option<&'b str> {
    let body = &block.body;
    let (index, is_norm) = match name {
        "_expand_conv" if body.len() == 3 => (0, false),
        "_bn0" if body.len() == 3 => (0, true),
        "_depthwise_conv" => (body.len() - 2, false),
        "_bn1" => (body.len() - 2, true),
        "_project_conv" => (body.len() - 1, false),
        "_bn2" => (body.len() - 1, true),
        _ => return None,
    };
    Some(if is_norm { &body[index].bn } else { &body[index].conv })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_parameter_count_is_timms() {
        // timm 1.0: sum(p.numel() for p in create_model("tf_efficientnet_lite0").parameters())
        let params = lite0(1000, 3).params().into_iter().filter(|spec| !spec.is_buffer);
        assert_eq!(
            params.map(|spec| spec.shape.iter().product::<usize>()).sum::<usize>(),
            4_652_008
        );
    }

    #[test]
    fn names_and_shapes_are_timms() {
        let params = lite0(1000, 4).params();
        let shape = |name: &str| &params.iter().find(|spec| spec.name == name).unwrap().shape;
        assert_eq!(shape("conv_stem.weight"), &[32, 4, 3, 3]);
        assert_eq!(shape("blocks.0.0.conv_dw.weight"), &[32, 1, 3, 3]);
        assert_eq!(shape("blocks.0.0.conv_pw.weight"), &[16, 32, 1, 1]);
        assert_eq!(shape("blocks.1.0.conv_pw.weight"), &[96, 16, 1, 1]);
        assert_eq!(shape("blocks.2.0.conv_dw.weight"), &[144, 1, 5, 5]);
        assert_eq!(shape("blocks.6.0.conv_pwl.weight"), &[320, 1152, 1, 1]);
        assert_eq!(shape("blocks.6.0.bn3.running_var"), &[320]);
        assert_eq!(shape("conv_head.weight"), &[1280, 320, 1, 1]);
        assert_eq!(shape("classifier.bias"), &[1000]);
    }

    #[test]
    fn blocks_have_the_published_strides() {
        let stride = |block: &Block| block.body.iter().map(|layer| layer.stride).max().unwrap();
        let strides: Vec<usize> = lite0(28, 4).blocks.iter().map(stride).collect();
        assert_eq!(strides, [1, 2, 1, 2, 1, 2, 1, 1, 1, 1, 1, 2, 1, 1, 1, 1]);
    }

    #[test]
    fn names_of_efficientnet_pytorch_are_translated() {
        let layers = lite0(28, 4);
        for (theirs, ours) in [
            ("_conv_stem.weight", "conv_stem.weight"),
            ("_bn0.running_mean", "bn1.running_mean"),
            ("_blocks.0._depthwise_conv.weight", "blocks.0.0.conv_dw.weight"),
            ("_blocks.0._project_conv.weight", "blocks.0.0.conv_pw.weight"),
            ("_blocks.0._bn2.bias", "blocks.0.0.bn2.bias"),
            ("_blocks.2._expand_conv.weight", "blocks.1.1.conv_pw.weight"),
            ("_blocks.15._bn2.weight", "blocks.6.0.bn3.weight"),
            ("_fc.bias", "classifier.bias"),
        ] {
            assert_eq!(timm_name(&layers, theirs).as_deref(), Some(ours));
        }
        for name in ["_blocks.0._expand_conv.weight", "_blocks.16._bn2.bias", "_se.weight", "x"] {
            assert_eq!(timm_name(&layers, name), None, "{name}");
        }
    }
}

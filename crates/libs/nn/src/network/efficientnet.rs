//! EfficientNet-Lite: inverted bottlenecks with depthwise convolutions, without squeeze-excite.
//!
//! Tan & Le, *`EfficientNet`* (2019), arXiv 1905.11946, in the form for mobile devices that TensorFlow
//! published as "lite": `ReLU6` for swish, stem and head of a fixed width. Its weights were trained
//! with TensorFlow's "SAME" padding and a batch-norm epsilon of 1e-3, so these are part of the
//! network. Tensors are named as in timm (`tf_efficientnet_lite0`); files with the names of
//! lukemelas' `EfficientNet-PyTorch` are read as well.
//!
//! Shapes, for images `[N, S, S, 4]`: the stem halves the side, stages 2, 3, 4 and 6 once each, so
//! that the last map is `[N, S/32, S/32, 1280]`.

use crate::network::layers::{Activation, Classifier, Padded, Unit, Walk};
use candle_core::Tensor;

/// TensorFlow's value for this network.
pub(crate) const EPSILON: f64 = 1e-3;

/// Repeats, kernel, stride of the first block, expansion, outputs of each stage of B0.
const STAGES: [[usize; 5]; 7] = [
    [1, 3, 1, 1, 16],
    [2, 3, 2, 6, 24],
    [2, 5, 2, 6, 40],
    [3, 3, 2, 6, 80],
    [3, 5, 1, 6, 112],
    [4, 5, 2, 6, 192],
    [1, 3, 1, 6, 320],
];
const STEM: usize = 32;
const FEATURES: usize = 1280;

/// The network's layers in the order in which they are passed.
#[derive(Clone, Debug)]
pub(crate) struct EfficientNet {
    stem: Unit,
    blocks: Vec<Block>,
    head: Unit,
    classifier: Classifier,
}

/// Widen, look around, narrow; what came in is added where the shapes allow.
#[derive(Clone, Debug)]
struct Block {
    /// The last one is linear.
    body: Vec<Unit>,
    is_residual: bool,
}

impl EfficientNet {
    pub(crate) fn lite0(labels: usize, channels: usize) -> Self {
        let mut blocks = Vec::new();
        let mut inputs = STEM;
        for (stage, [repeats, kernel, stride, expansion, outputs]) in STAGES.into_iter().enumerate()
        {
            for index in 0..repeats {
                let shape = BlockShape {
                    prefix: format!("blocks.{stage}.{index}"),
                    inputs,
                    outputs,
                    kernel,
                    stride: if index == 0 { stride } else { 1 },
                    expansion,
                };
                blocks.push(shape.block());
                inputs = outputs;
            }
        }
        let stem = Unit { stride: 2, ..unit(["conv_stem", "bn1"], channels, STEM, 3) };
        let head = unit(["conv_head", "bn2"], inputs, FEATURES, 1);
        let classifier = Classifier { name: "classifier".into(), features: FEATURES, labels };
        Self { stem, blocks, head, classifier }
    }

    pub(crate) fn stem(&self) -> &Unit {
        &self.stem
    }

    pub(crate) fn classifier(&self) -> &Classifier {
        &self.classifier
    }

    pub(crate) fn units(&self) -> impl Iterator<Item = &Unit> {
        let blocks = self.blocks.iter().flat_map(|block| &block.body);
        std::iter::once(&self.stem).chain(blocks).chain(std::iter::once(&self.head))
    }

    /// Images `[N, S, S, 4]` to logits `[N, L]`.
    pub(crate) fn forward(
        &self,
        images: &Tensor,
        walk: &mut impl Walk,
    ) -> candle_core::Result<Tensor> {
        let mut x = walk.unit(&self.stem, images, None, Activation::Relu6)?; // [N, S/2, S/2, 32]
        for block in &self.blocks {
            x = block.forward(x, walk)?;
        }
        let x = walk.unit(&self.head, &x, None, Activation::Relu6)?; // [N, S/32, S/32, 1280]
        let features = hpa_ops::global_average_pool(&x)?; // [N, 1280]
        walk.classifier(&self.classifier, &features)
    }

    /// timm's name of a tensor that `EfficientNet-PyTorch` calls `name`.
    pub(crate) fn own_name(&self, name: &str) -> Option<String> {
        let (prefix, kind) = name.rsplit_once('.')?;
        if let Some(rest) = prefix.strip_prefix("_blocks.") {
            let (number, layer) = rest.split_once('.')?;
            let block = self.blocks.get(number.parse::<usize>().ok()?)?;
            return block.own_name(layer).map(|own| format!("{own}.{kind}"));
        }
        let own = match prefix {
            "_conv_stem" => "conv_stem",
            "_bn0" => "bn1",
            "_conv_head" => "conv_head",
            "_bn1" => "bn2",
            "_fc" => "classifier",
            _ => return None,
        };
        Some(format!("{own}.{kind}"))
    }
}

impl Block {
    fn forward(&self, x: Tensor, walk: &mut impl Walk) -> candle_core::Result<Tensor> {
        let short = self.is_residual.then(|| x.clone());
        let (last, inner) = self.body.split_last().expect("a block has two or three convolutions");
        let mut x = x;
        for unit in inner {
            x = walk.unit(unit, &x, None, Activation::Relu6)?;
        }
        walk.unit(last, &x, short.as_ref(), Activation::Linear)
    }

    /// The prefix of the layer that `EfficientNet-PyTorch` calls `layer`: it counts the norms from
    /// 0 where the block widens first, and from 1 where it does not.
    fn own_name(&self, layer: &str) -> Option<&str> {
        let widens = self.body.len() == 3;
        let (place, is_norm) = match layer {
            "_expand_conv" if widens => (0, false),
            "_bn0" if widens => (0, true),
            "_depthwise_conv" => (self.body.len() - 2, false),
            "_bn1" => (self.body.len() - 2, true),
            "_project_conv" => (self.body.len() - 1, false),
            "_bn2" => (self.body.len() - 1, true),
            _ => return None,
        };
        let unit = &self.body[place];
        Some(if is_norm { &unit.norm } else { &unit.convolution })
    }
}

/// A convolution of all channels with stride 1.
fn unit([convolution, norm]: [&str; 2], inputs: usize, outputs: usize, kernel: usize) -> Unit {
    Unit {
        convolution: convolution.into(),
        norm: norm.into(),
        inputs,
        outputs,
        kernel,
        stride: 1,
        groups: 1,
        padded: Padded::Same,
    }
}

struct BlockShape {
    prefix: String,
    inputs: usize,
    outputs: usize,
    kernel: usize,
    stride: usize,
    expansion: usize,
}

impl BlockShape {
    /// Names are timm's: the first stage's block is "depthwise separable", and calls its second
    /// convolution `conv_pw`, which elsewhere is the first one's name.
    fn block(&self) -> Block {
        let wide = self.inputs * self.expansion;
        let body = if self.expansion == 1 {
            vec![
                self.depthwise("bn1", wide),
                self.pointwise(["conv_pw", "bn2"], wide, self.outputs),
            ]
        } else {
            vec![
                self.pointwise(["conv_pw", "bn1"], self.inputs, wide),
                self.depthwise("bn2", wide),
                self.pointwise(["conv_pwl", "bn3"], wide, self.outputs),
            ]
        };
        Block { body, is_residual: self.stride == 1 && self.inputs == self.outputs }
    }

    fn pointwise(&self, names: [&str; 2], inputs: usize, outputs: usize) -> Unit {
        let [convolution, norm] = names.map(|name| format!("{}.{name}", self.prefix));
        unit([&convolution, &norm], inputs, outputs, 1)
    }

    fn depthwise(&self, norm: &str, channels: usize) -> Unit {
        let [convolution, norm] = ["conv_dw", norm].map(|name| format!("{}.{name}", self.prefix));
        let plain = unit([&convolution, &norm], channels, channels, self.kernel);
        Unit { stride: self.stride, groups: channels, ..plain }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Architecture;
    use crate::network::layers::Entry;
    use crate::network::plan::Plan;

    fn entries(channels: usize) -> Vec<Entry> {
        Plan::new(Architecture::EfficientNetLite0, 1000, channels).entries()
    }

    #[test]
    fn the_parameter_count_is_timms() {
        // timm 1.0: sum(p.numel() for p in create_model("tf_efficientnet_lite0").parameters())
        let size = |entry: &Entry| entry.shape.iter().product::<usize>();
        let count: usize = entries(3).iter().filter(|entry| !entry.is_buffer).map(size).sum();
        assert_eq!(count, 4_652_008);
    }

    #[test]
    fn names_and_shapes_are_timms() {
        let entries = entries(4);
        let shape = |name: &str| &entries.iter().find(|entry| entry.name == name).unwrap().shape;
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
    fn blocks_have_the_strides_that_were_published() {
        let plan = EfficientNet::lite0(28, 4);
        let strides: Vec<usize> = plan
            .blocks
            .iter()
            .map(|block| block.body.iter().map(|unit| unit.stride).max().unwrap())
            .collect();
        assert_eq!(strides, [1, 2, 1, 2, 1, 2, 1, 1, 1, 1, 1, 2, 1, 1, 1, 1]);
    }

    #[test]
    fn the_names_of_the_other_implementation_are_known() {
        let plan = EfficientNet::lite0(28, 4);
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
            assert_eq!(plan.own_name(theirs).as_deref(), Some(ours));
        }
        for name in ["_blocks.0._expand_conv.weight", "_blocks.16._bn2.bias", "_se.weight", "x"] {
            assert_eq!(plan.own_name(name), None, "{name}");
        }
    }
}

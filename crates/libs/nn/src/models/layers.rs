//! Layers of a convolutional network, their tensors, and the forward pass over them.
//!
//! A family of networks (`resnet.rs` is one) builds [`Layers`] from a table of variants. Every
//! computation over a network is a [`ForwardPass`]: training records gradients and batch
//! statistics, inference runs with batch norm folded into the weights, `flops.rs` only counts.

use candle_core::{Result, Tensor};
use candle_nn::Init;
use hpa_ops::{Conv2d, Padding};

/// Stem, residual blocks, optional head, global average pooling, classifier.
#[derive(Clone, Debug)]
pub(crate) struct Layers {
    pub(crate) stem: ConvBnAct,
    /// Whether a 3×3 max pooling of stride 2 follows the stem.
    pub(crate) stem_pool: bool,
    pub(crate) blocks: Vec<Block>,
    pub(crate) head: Option<ConvBnAct>,
    pub(crate) classifier: Linear,
    /// Added to the variance in batch norm.
    pub(crate) eps: f64,
}

/// Convolutions with a shortcut around them.
#[derive(Clone, Debug)]
pub(crate) struct Block {
    /// Two or three.
    pub(crate) body: Vec<ConvBnAct>,
    pub(crate) shortcut: Shortcut,
}

/// What is added before the last activation of a block.
#[derive(Clone, Debug)]
pub(crate) enum Shortcut {
    None,
    /// The block's input.
    Identity,
    /// The block's input, brought to the shape of its output.
    Projection(ConvBnAct),
}

/// A convolution without bias, batch norm and an activation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ConvBnAct {
    /// Prefix of the convolution's weight: `layer1.0.conv1`.
    pub(crate) conv: String,
    /// Prefix of the batch norm's tensors: `layer1.0.bn1`.
    pub(crate) bn: String,
    pub(crate) in_channels: usize,
    pub(crate) out_channels: usize,
    /// Side of the square kernel.
    pub(crate) kernel: usize,
    pub(crate) stride: usize,
    /// As many as input channels for a depthwise convolution.
    pub(crate) groups: usize,
    pub(crate) padding: PaddingMode,
    pub(crate) activation: Activation,
}

/// Zero padding of a convolution.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum PaddingMode {
    /// Half the kernel on all four sides, as in PyTorch's networks.
    Half,
    /// TensorFlow's "SAME": an odd zero goes to the bottom and right.
    Same,
}

/// Activation after a batch norm.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Activation {
    Identity,
    Relu,
    Relu6,
}

/// A linear layer with bias.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Linear {
    /// Prefix of weight and bias: `fc`.
    pub(crate) name: String,
    pub(crate) in_features: usize,
    pub(crate) out_features: usize,
}

/// Name, shape and initial values of a parameter or buffer.
#[derive(Clone, Debug)]
pub(crate) struct ParamSpec {
    pub(crate) name: String,
    pub(crate) shape: Vec<usize>,
    pub(crate) init: Init,
    /// Running statistics are buffers: saved, but not trained.
    pub(crate) is_buffer: bool,
}

/// How each kind of layer is computed. Activations are `[N, H, W, C]`.
pub(crate) trait ForwardPass {
    /// Convolution, batch norm, `+ residual` if there is one, activation.
    fn conv(&mut self, layer: &ConvBnAct, x: &Tensor, residual: Option<&Tensor>) -> Result<Tensor>;

    /// 3×3 max pooling of stride 2: `[N, H, W, C]` to `[N, H/2, W/2, C]`.
    fn max_pool(&mut self, x: &Tensor) -> Result<Tensor> {
        hpa_ops::max_pool2d(x, 3, 2, 1)
    }

    /// Global average pooling: `[N, H, W, F]` to `[N, F]`.
    fn average_pool(&mut self, x: &Tensor) -> Result<Tensor> {
        hpa_ops::global_average_pool(x)
    }

    /// Features `[N, F]` to logits `[N, L]`.
    fn linear(&mut self, layer: &Linear, x: &Tensor) -> Result<Tensor>;
}

impl Layers {
    /// Images `[N, S, S, C]` to logits `[N, L]`.
    pub(crate) fn forward(&self, images: &Tensor, pass: &mut impl ForwardPass) -> Result<Tensor> {
        let mut x = pass.conv(&self.stem, images, None)?; // [N, S/2, S/2, 64 or 32]
        if self.stem_pool {
            x = pass.max_pool(&x)?; // [N, S/4, S/4, 64]
        }
        for block in &self.blocks {
            let residual = match &block.shortcut {
                Shortcut::None => None,
                Shortcut::Identity => Some(x.clone()),
                Shortcut::Projection(layer) => Some(pass.conv(layer, &x, None)?),
            };
            let (last, inner) = block.body.split_last().expect("a block has convolutions");
            for layer in inner {
                x = pass.conv(layer, &x, None)?;
            }
            x = pass.conv(last, &x, residual.as_ref())?;
        }
        if let Some(head) = &self.head {
            x = pass.conv(head, &x, None)?;
        }
        let features = pass.average_pool(&x)?; // [N, S/32, S/32, F] to [N, F]
        pass.linear(&self.classifier, &features)
    }

    /// All convolutions, in the order of the forward pass but for the projections.
    pub(crate) fn convolutions(&self) -> impl Iterator<Item = &ConvBnAct> {
        let blocks = self.blocks.iter().flat_map(|block| {
            let projection = match &block.shortcut {
                Shortcut::Projection(layer) => Some(layer),
                Shortcut::None | Shortcut::Identity => None,
            };
            block.body.iter().chain(projection)
        });
        std::iter::once(&self.stem).chain(blocks).chain(&self.head)
    }

    /// Every parameter and buffer of the network.
    pub(crate) fn params(&self) -> Vec<ParamSpec> {
        let convolutions = self.convolutions().flat_map(ConvBnAct::params);
        convolutions.chain(self.classifier.params()).collect()
    }
}

impl ConvBnAct {
    /// A convolution of stride 1 over all channels, with `PyTorch`'s padding and `ReLU`.
    pub(crate) fn new(
        conv: impl Into<String>,
        bn: impl Into<String>,
        in_channels: usize,
        out_channels: usize,
        kernel: usize,
    ) -> Self {
        Self {
            conv: conv.into(),
            bn: bn.into(),
            in_channels,
            out_channels,
            kernel,
            stride: 1,
            groups: 1,
            padding: PaddingMode::Half,
            activation: Activation::Relu,
        }
    }

    /// Pads `x` as far as the convolution cannot do so itself, and the convolution's geometry.
    pub(crate) fn pad(&self, x: &Tensor) -> Result<(Tensor, Conv2d)> {
        let Self { kernel, stride, groups, .. } = *self;
        let geometry = |padding| Conv2d { stride, padding, groups };
        if self.padding == PaddingMode::Half {
            return Ok((x.clone(), geometry(kernel / 2)));
        }
        let (_, height, width, _) = x.dims4()?;
        let padding = Padding::same([height, width], [kernel, kernel], stride);
        match padding.symmetric() {
            Some(width) => Ok((x.clone(), geometry(width))),
            None => Ok((hpa_ops::zero_pad2d(x, padding)?, geometry(0))),
        }
    }

    fn params(&self) -> Vec<ParamSpec> {
        let Self { conv, bn, in_channels, out_channels, kernel, groups, .. } = self;
        let fan_out = out_channels * kernel * kernel / groups;
        let per_channel = |name: &str, value, is_buffer| ParamSpec {
            name: format!("{bn}.{name}"),
            shape: vec![*out_channels],
            init: Init::Const(value),
            is_buffer,
        };
        vec![
            ParamSpec {
                name: format!("{conv}.weight"),
                shape: vec![*out_channels, in_channels / groups, *kernel, *kernel],
                // Kaiming normal of the fan-out, as in torchvision: He et al. 2015, arXiv 1502.01852.
                init: Init::Randn { mean: 0.0, stdev: (2.0 / fan_out as f64).sqrt() },
                is_buffer: false,
            },
            per_channel("weight", 1.0, false),
            per_channel("bias", 0.0, false),
            per_channel("running_mean", 0.0, true),
            per_channel("running_var", 1.0, true),
        ]
    }
}

impl Linear {
    /// Weight and bias.
    pub(crate) fn params(&self) -> [ParamSpec; 2] {
        // Uniform within ±1/√fan_in: the default of torch.nn.Linear.
        let bound = (self.in_features as f64).sqrt().recip();
        let spec = |name: &str, shape| ParamSpec {
            name: format!("{}.{name}", self.name),
            shape,
            init: Init::Uniform { lo: -bound, up: bound },
            is_buffer: false,
        };
        [
            spec("weight", vec![self.out_features, self.in_features]),
            spec("bias", vec![self.out_features]),
        ]
    }
}

impl Activation {
    /// The activation of an operation that applies `ReLU` itself when asked to.
    pub(crate) fn after_relu(self, y: Tensor) -> Result<Tensor> {
        match self {
            Self::Identity | Self::Relu => Ok(y),
            Self::Relu6 => hpa_ops::relu6(&y),
        }
    }
}

//! What networks are made of: named layers, and how their weights start.
//!
//! A family of networks (`resnet.rs` is one) describes itself in these words and walks through
//! its layers by [`Walk`]. Training and evaluation are two walks over the same description:
//! one records gradients and batch statistics, the other multiplies batch norm into the weights.

use candle_core::Tensor;
use hpa_ops::{Conv2d, Padding};

/// A convolution without bias and the batch norm behind it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Unit {
    /// Prefix of the convolution's weight: `layer1.0.conv1`.
    pub(crate) convolution: String,
    /// Prefix of the batch norm's tensors: `layer1.0.bn1`.
    pub(crate) norm: String,
    pub(crate) inputs: usize,
    pub(crate) outputs: usize,
    /// Side of the square kernel.
    pub(crate) kernel: usize,
    pub(crate) stride: usize,
    /// Channel groups that do not see each other; as many as channels is depthwise.
    pub(crate) groups: usize,
    pub(crate) padded: Padded,
}

/// Which zeros surround a map.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Padded {
    /// Half the kernel on all four sides, as in PyTorch's networks.
    Half,
    /// TensorFlow's "SAME": the odd zero is behind.
    Same,
}

/// What follows a batch norm.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Activation {
    Linear,
    Relu,
    Relu6,
}

impl Activation {
    /// What an operation that rectifies by itself leaves to be done.
    pub(crate) fn finish(self, y: Tensor) -> candle_core::Result<Tensor> {
        match self {
            Self::Linear | Self::Relu => Ok(y),
            Self::Relu6 => hpa_ops::relu6(&y),
        }
    }
}

/// The last layer: features to one logit a label.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Classifier {
    /// Prefix of its weight and bias: `fc`.
    pub(crate) name: String,
    pub(crate) features: usize,
    pub(crate) labels: usize,
}

/// One way through the layers of a network. Activations are `[N, H, W, C]`.
pub(crate) trait Walk {
    /// Convolution, batch norm, then `+ residual` where it is wanted, then the activation.
    fn unit(
        &mut self,
        unit: &Unit,
        x: &Tensor,
        residual: Option<&Tensor>,
        activation: Activation,
    ) -> candle_core::Result<Tensor>;

    /// The largest of 3x3 pixels, every second one along both axes.
    fn stem_pool(&mut self, x: &Tensor) -> candle_core::Result<Tensor> {
        hpa_ops::max_pool2d(x, 3, 2, 1)
    }

    /// The mean of a map: `[N, H, W, F]` to `[N, F]`.
    fn average(&mut self, x: &Tensor) -> candle_core::Result<Tensor> {
        hpa_ops::global_average_pool(x)
    }

    /// Features `[N, F]` to logits `[N, L]`.
    fn classifier(&mut self, layer: &Classifier, x: &Tensor) -> candle_core::Result<Tensor>;
}

/// How a tensor starts.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Start {
    /// Normal with variance 2 / `fan_out`: He et al. 2015, arXiv 1502.01852, as torchvision does.
    KaimingNormal { fan_out: usize },
    /// Uniform within ±1/√`fan_in`: `torch.nn.Linear`'s default.
    Uniform { fan_in: usize },
    /// The same number everywhere.
    Constant(f32),
}

/// A tensor that a network has.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Entry {
    pub(crate) name: String,
    pub(crate) shape: Vec<usize>,
    pub(crate) start: Start,
    /// Running statistics are buffers: kept, but not trained.
    pub(crate) is_buffer: bool,
}

impl Unit {
    /// The map with the zeros that the convolution does not add by itself, and how it then moves.
    pub(crate) fn pad(&self, x: &Tensor) -> candle_core::Result<(Tensor, Conv2d)> {
        let Self { kernel, stride, groups, padded, .. } = *self;
        let spec = |padding| Conv2d { stride, padding, groups };
        if padded == Padded::Half {
            return Ok((x.clone(), spec(kernel / 2)));
        }
        let (_, height, width, _) = x.dims4()?;
        let padding = Padding::same([height, width], [kernel, kernel], stride);
        match padding.symmetric() {
            Some(width) => Ok((x.clone(), spec(width))),
            None => Ok((hpa_ops::zero_pad2d(x, padding)?, spec(0))),
        }
    }

    pub(crate) fn entries(&self) -> Vec<Entry> {
        let Self { convolution, norm, inputs, outputs, kernel, groups, .. } = self;
        let fan_out = outputs * kernel * kernel / groups;
        let per_channel = |name: &str, value, is_buffer| Entry {
            name: format!("{norm}.{name}"),
            shape: vec![*outputs],
            start: Start::Constant(value),
            is_buffer,
        };
        vec![
            Entry {
                name: format!("{convolution}.weight"),
                shape: vec![*outputs, inputs / groups, *kernel, *kernel],
                start: Start::KaimingNormal { fan_out },
                is_buffer: false,
            },
            per_channel("weight", 1.0, false),
            per_channel("bias", 0.0, false),
            per_channel("running_mean", 0.0, true),
            per_channel("running_var", 1.0, true),
        ]
    }
}

impl Classifier {
    pub(crate) fn entries(&self) -> Vec<Entry> {
        let start = Start::Uniform { fan_in: self.features };
        let entry = |name: &str, shape| Entry {
            name: format!("{}.{name}", self.name),
            shape,
            start,
            is_buffer: false,
        };
        vec![entry("weight", vec![self.labels, self.features]), entry("bias", vec![self.labels])]
    }
}

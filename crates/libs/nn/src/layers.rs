//! What networks are made of: named layers, and how their weights start.
//!
//! A family of networks (`resnet.rs` is one) describes itself in these words and walks through
//! its layers by [`Walk`]. Training and evaluation are two walks over the same description:
//! one records gradients and batch statistics, the other multiplies batch norm into the weights.

use candle_core::Tensor;

/// A convolution without bias and the batch norm behind it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Unit {
    /// Prefix of the convolution's weight: `layer1.0.conv1`.
    pub(crate) convolution: String,
    /// Prefix of the batch norm's tensors: `layer1.0.bn1`.
    pub(crate) norm: String,
    pub(crate) inputs: usize,
    pub(crate) outputs: usize,
    /// Side of the square kernel; the padding is half of it.
    pub(crate) kernel: usize,
    pub(crate) stride: usize,
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
    /// Convolution, batch norm, then `+ residual` and rectifier where they are wanted.
    fn unit(
        &mut self,
        unit: &Unit,
        x: &Tensor,
        residual: Option<&Tensor>,
        relu: bool,
    ) -> candle_core::Result<Tensor>;

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
    pub(crate) fn entries(&self) -> Vec<Entry> {
        let Self { convolution, norm, inputs, outputs, kernel, .. } = self;
        let fan_out = outputs * kernel * kernel;
        let per_channel = |name: &str, value, is_buffer| Entry {
            name: format!("{norm}.{name}"),
            shape: vec![*outputs],
            start: Start::Constant(value),
            is_buffer,
        };
        vec![
            Entry {
                name: format!("{convolution}.weight"),
                shape: vec![*outputs, *inputs, *kernel, *kernel],
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

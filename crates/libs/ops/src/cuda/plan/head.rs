//! Launches of `kernels/head.cu`.

use super::{Launch, Real, arguments};

/// A linear layer: rows, inputs, outputs, and whether operands are rounded to bf16.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Linear {
    pub(crate) real: Real,
    pub(crate) rows: usize,
    pub(crate) inputs: usize,
    pub(crate) outputs: usize,
    pub(crate) rounds: bool,
}

impl Linear {
    /// `y, x, w, bias`.
    pub(crate) fn forward(&self, [y, x, w, bias]: [u64; 4]) -> Launch {
        let arguments = arguments![y, x, w, bias, self.inputs, self.outputs, self.rounds];
        Launch::blocks("linear_forward", self.real, self.rows * self.outputs, arguments)
    }

    /// `dx, dy, w`.
    pub(crate) fn input_gradient(&self, [dx, dy, w]: [u64; 3]) -> Launch {
        let (count, name) = (self.rows * self.inputs, "linear_input_gradient");
        let arguments = arguments![dx, dy, w, self.inputs, self.outputs, self.rounds, count];
        Launch::each(name, self.real, count, arguments)
    }

    /// `dw, x, dy`.
    pub(crate) fn weight_gradient(&self, [dw, x, dy]: [u64; 3]) -> Launch {
        let Self { real, rows, inputs, outputs, rounds } = *self;
        let count = inputs * outputs;
        let arguments = arguments![dw, x, dy, rows, inputs, outputs, rounds, count];
        Launch::each("linear_weight_gradient", real, count, arguments)
    }

    /// `db, dy`.
    pub(crate) fn bias_gradient(&self, [db, dy]: [u64; 2]) -> Launch {
        let arguments = arguments![db, dy, self.rows, self.outputs];
        Launch::blocks("column_sums", self.real, self.outputs, arguments)
    }
}

/// The focal loss of `count` logits in rows of `labels`.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Loss {
    pub(crate) labels: usize,
    pub(crate) count: usize,
    pub(crate) gamma: f64,
    pub(crate) scale: f64,
}

impl Loss {
    /// `loss, logits, targets, weights`; weights of 0 are none.
    pub(crate) fn forward(&self, [loss, logits, targets, weights]: [u64; 4]) -> Launch {
        let Self { labels, count, gamma, scale } = *self;
        let arguments = arguments![loss, logits, targets, weights, labels, count, gamma, scale];
        Launch::blocks("loss_forward", Real::F32, 1, arguments)
    }

    /// `dx, logits, targets, weights, gradient`.
    pub(crate) fn backward(&self, at: [u64; 5]) -> Launch {
        let (Self { labels, count, gamma, scale }, [dx, logits, targets, weights, gradient]) =
            (*self, at);
        let arguments =
            arguments![dx, logits, targets, weights, gradient, labels, count, gamma, scale];
        Launch::each("loss_backward", Real::F32, count, arguments)
    }
}

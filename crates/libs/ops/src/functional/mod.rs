//! Operations on tensors: shapes checked, the CPU or the GPU chosen, the backward pass recorded.

mod activation;
mod batch_norm;
mod conv2d;
mod linear;
mod loss;
mod pad;
mod pool;
mod precision;

pub use activation::{relu, relu6};
pub use batch_norm::{
    BatchNormEval, BatchStatistics, RunningStatistics, batch_norm_eval, batch_norm_train,
    fold_batch_norm,
};
pub use conv2d::{conv2d, conv2d_bias_act, conv2d_with_precision};
pub use linear::{linear, linear_with_precision};
pub use loss::{Reduction, bce_with_logits, focal_loss, weighted_focal_loss};
pub use pad::zero_pad2d;
pub use pool::{global_average_pool, max_pool2d};
pub use precision::{Precision, PrecisionError};

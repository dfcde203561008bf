//! Operations as candle's custom operations, for `Tensor::backward`.

use super::tape::run_backward;
use crate::op::{Backward, Op};
use candle_core::{
    CpuStorage, CudaStorage, CustomOp1, CustomOp2, CustomOp3, Layout, Result, Shape, Storage,
    Tensor, bail,
};
use std::sync::{Mutex, PoisonError};

/// An operation whose forward pass returns the output that is computed already.
pub(crate) struct CandleOp<const N: usize> {
    name: &'static str,
    output: Mutex<Option<(Storage, Shape)>>,
    backward: Box<Backward<N>>,
}

/// Adds an operation to candle's graph.
pub(crate) trait Apply<const N: usize> {
    fn apply(self, inputs: [&Tensor; N]) -> Result<Tensor>;
}

impl<const N: usize> From<Op<N>> for CandleOp<N> {
    fn from(op: Op<N>) -> Self {
        let output = Mutex::new(Some((op.output, op.shape)));
        Self { name: op.name, output, backward: op.backward }
    }
}

impl<const N: usize> CandleOp<N> {
    fn take(&self) -> Result<(Storage, Shape)> {
        let output = self.output.lock().unwrap_or_else(PoisonError::into_inner).take();
        output.map_or_else(|| bail!("{} was applied twice", self.name), Ok)
    }
}

macro_rules! impl_custom_op {
    (@tuple $only:ident) => {
        $only
    };
    (@tuple $($gradient:ident)+) => {
        ($($gradient),+)
    };
    ($count:literal, $trait:ident, $apply:ident, [$first:ident $($rest:ident)*], $gradients:ty) => {
        impl $trait for CandleOp<$count> {
            fn name(&self) -> &'static str {
                self.name
            }

            fn cpu_fwd(
                &self,
                $first: &CpuStorage,
                _: &Layout,
                $($rest: &CpuStorage, _: &Layout,)*
            ) -> Result<(CpuStorage, Shape)> {
                let _ = ($first, $($rest),*);
                match self.take()? {
                    (Storage::Cpu(output), shape) => Ok((output, shape)),
                    _ => bail!("{} has inputs on the CPU and its output elsewhere", self.name),
                }
            }

            fn cuda_fwd(
                &self,
                $first: &CudaStorage,
                _: &Layout,
                $($rest: &CudaStorage, _: &Layout,)*
            ) -> Result<(CudaStorage, Shape)> {
                let _ = ($first, $($rest),*);
                match self.take()? {
                    (Storage::Cuda(output), shape) => Ok((output, shape)),
                    _ => bail!("{} has inputs on the GPU and its output elsewhere", self.name),
                }
            }

            fn bwd(
                &self,
                $first: &Tensor,
                $($rest: &Tensor,)*
                output: &Tensor,
                grad_output: &Tensor,
            ) -> Result<$gradients> {
                let inputs = [$first, $($rest),*];
                let [$first, $($rest),*] =
                    run_backward(&self.backward, inputs, output, grad_output)?;
                Ok(impl_custom_op!(@tuple $first $($rest)*))
            }
        }

        impl Apply<$count> for CandleOp<$count> {
            fn apply(self, [$first, $($rest),*]: [&Tensor; $count]) -> Result<Tensor> {
                $first.$apply($($rest,)* self)
            }
        }
    };
}

impl_custom_op!(1, CustomOp1, apply_op1, [a], Option<Tensor>);
impl_custom_op!(2, CustomOp2, apply_op2, [a b], (Option<Tensor>, Option<Tensor>));
impl_custom_op!(3, CustomOp3, apply_op3, [a b c], (Option<Tensor>, Option<Tensor>, Option<Tensor>));

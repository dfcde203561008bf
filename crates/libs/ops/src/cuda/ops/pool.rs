//! Max pooling with saved indices, and global average pooling, on the GPU.

use super::op;
use crate::cuda::context::{CudaContext, act_dtype};
use crate::cuda::launch::layers::{self, GlobalPool};
use crate::geometry::PoolWindow;
use crate::op::Op;
use crate::tensor::dims4;
use candle_core::{Result, Tensor};

/// The maximum over each window.
pub(crate) fn max_pool2d(x: &Tensor, window: PoolWindow) -> Result<Op<1>> {
    const NAME: &str = "max_pool2d";
    let (context, dtype) = (CudaContext::of(x.device())?, act_dtype(x, NAME)?);
    let dims = dims4(x.dims(), NAME)?;
    let [n, ..] = dims;
    let shape = (n, window.h_out, window.w_out, window.c);
    let len = n * window.h_out * window.w_out * window.c;
    let (y, indices) = (context.alloc_act(dtype, len)?, context.alloc::<u8>(len)?);
    context.with_addresses([x], |[x]| {
        context.launch(&layers::max_pool(dtype, [y.address, indices.address, x], &window, n))
    })?;
    let indices = indices.into_tensor(shape);
    Ok(op(NAME, y, shape, move |ctx| {
        let dx = context.alloc_act(dtype, dims.iter().product())?;
        context.with_addresses([&indices, ctx.grad_output], |[indices, dy]| {
            let at = [dx.address, indices, dy];
            context.launch(&layers::max_pool_backward(dtype, at, &window, n))
        })?;
        Ok([Some(dx.into_tensor(&dims))])
    }))
}

/// The mean over the pixels of each image, `[N, C]`.
pub(crate) fn global_average_pool(x: &Tensor) -> Result<Op<1>> {
    const NAME: &str = "global_average_pool";
    let (context, dtype) = (CudaContext::of(x.device())?, act_dtype(x, NAME)?);
    let dims = dims4(x.dims(), NAME)?;
    let [n, h, w, c] = dims;
    let pool = GlobalPool { dtype, images: n, pixels: h * w, channels: c };
    let y = context.alloc_act(dtype, n * c)?;
    context.with_addresses([x], |[x]| context.launch(&pool.forward([y.address, x])))?;
    Ok(op(NAME, y, (n, c), move |ctx| {
        let dx = context.alloc_act(dtype, dims.iter().product())?;
        context.with_addresses([ctx.grad_output], |[dy]| {
            context.launch(&pool.backward([dx.address, dy]))
        })?;
        Ok([Some(dx.into_tensor(&dims))])
    }))
}

//! Operations that have been computed already, for candle's graph and for the tape.
//!
//! Both want a custom operation. On a card an operation is a function that launches kernels; what
//! it has written is then handed over by one of these, with the way back.

use super::memory::Output;
use crate::tape;
use candle_core::{
    CpuStorage, CudaStorage, CustomOp1, CustomOp2, CustomOp3, Layout, Result, Shape, Tensor, bail,
};
use std::sync::{Mutex, PoisonError};

/// From the inputs, the output and its gradient to the gradients of the inputs.
type Back<const N: usize> =
    dyn Fn([&Tensor; N], [&Tensor; 2]) -> Result<[Option<Tensor>; N]> + Send + Sync;

pub(super) struct Recorded<const N: usize> {
    name: &'static str,
    output: Mutex<Option<(CudaStorage, Shape)>>,
    back: Box<Back<N>>,
}

impl<const N: usize> Recorded<N> {
    pub(super) fn new(
        name: &'static str,
        output: Output,
        shape: impl Into<Shape>,
        back: impl Fn([&Tensor; N], [&Tensor; 2]) -> Result<[Option<Tensor>; N]> + Send + Sync + 'static,
    ) -> Self {
        let output = Mutex::new(Some((output.storage, shape.into())));
        Self { name, output, back: Box::new(back) }
    }

    fn take(&self) -> Result<(CudaStorage, Shape)> {
        let output = self.output.lock().unwrap_or_else(PoisonError::into_inner).take();
        output.map_or_else(|| bail!("{} was recorded twice", self.name), Ok)
    }

    fn on_cpu<T>(&self) -> Result<T> {
        bail!("{} takes all its tensors on the graphics card", self.name)
    }
}

impl Recorded<1> {
    pub(super) fn on(self, x: &Tensor) -> Result<Tensor> {
        tape::apply1(x, self)
    }
}

impl Recorded<2> {
    pub(super) fn on(self, a: &Tensor, b: &Tensor) -> Result<Tensor> {
        tape::apply2(a, b, self)
    }
}

impl Recorded<3> {
    pub(super) fn on(self, inputs: [&Tensor; 3]) -> Result<Tensor> {
        tape::apply3(inputs, self)
    }
}

impl CustomOp1 for Recorded<1> {
    fn name(&self) -> &'static str {
        self.name
    }

    fn cpu_fwd(&self, _: &CpuStorage, _: &Layout) -> Result<(CpuStorage, Shape)> {
        self.on_cpu()
    }

    fn cuda_fwd(&self, _: &CudaStorage, _: &Layout) -> Result<(CudaStorage, Shape)> {
        self.take()
    }

    fn bwd(&self, x: &Tensor, y: &Tensor, dy: &Tensor) -> Result<Option<Tensor>> {
        let [dx] = (self.back)([x], [y, dy])?;
        Ok(dx)
    }
}

impl CustomOp2 for Recorded<2> {
    fn name(&self) -> &'static str {
        self.name
    }

    fn cpu_fwd(
        &self,
        _: &CpuStorage,
        _: &Layout,
        _: &CpuStorage,
        _: &Layout,
    ) -> Result<(CpuStorage, Shape)> {
        self.on_cpu()
    }

    fn cuda_fwd(
        &self,
        _: &CudaStorage,
        _: &Layout,
        _: &CudaStorage,
        _: &Layout,
    ) -> Result<(CudaStorage, Shape)> {
        self.take()
    }

    fn bwd(
        &self,
        a: &Tensor,
        b: &Tensor,
        y: &Tensor,
        dy: &Tensor,
    ) -> Result<(Option<Tensor>, Option<Tensor>)> {
        let [da, db] = (self.back)([a, b], [y, dy])?;
        Ok((da, db))
    }
}

impl CustomOp3 for Recorded<3> {
    fn name(&self) -> &'static str {
        self.name
    }

    fn cpu_fwd(
        &self,
        _: &CpuStorage,
        _: &Layout,
        _: &CpuStorage,
        _: &Layout,
        _: &CpuStorage,
        _: &Layout,
    ) -> Result<(CpuStorage, Shape)> {
        self.on_cpu()
    }

    fn cuda_fwd(
        &self,
        _: &CudaStorage,
        _: &Layout,
        _: &CudaStorage,
        _: &Layout,
        _: &CudaStorage,
        _: &Layout,
    ) -> Result<(CudaStorage, Shape)> {
        self.take()
    }

    fn bwd(
        &self,
        a: &Tensor,
        b: &Tensor,
        c: &Tensor,
        y: &Tensor,
        dy: &Tensor,
    ) -> Result<(Option<Tensor>, Option<Tensor>, Option<Tensor>)> {
        let [da, db, dc] = (self.back)([a, b, c], [y, dy])?;
        Ok((da, db, dc))
    }
}

//! Comparison of one case on both devices.

use crate::cases::{Case, Kind};
use crate::random::Random;
use candle_core::{
    CpuStorage, CudaStorage, CustomOp1, DType, Device, Layout, Result, Shape, Tensor, Var, bail,
};

/// The output and the gradients of all inputs, in `f32` on the CPU.
type Values = Vec<Vec<f32>>;

/// The largest error of a case; up to 1e-4 is allowed, or 1e-2 for bf16.
///
/// # Errors
/// When the error is too large, two runs differ, or an operation fails.
pub(crate) fn check(case: &Case, device: &Device, is_bf16: bool) -> Result<f64> {
    let expected = compute(case, &Device::Cpu, is_bf16)?;
    let [first, second] = [compute(case, device, is_bf16)?, compute(case, device, is_bf16)?];
    let mut worst = 0.0;
    for (number, (got, expected)) in first.iter().zip(&expected).enumerate() {
        let same = second[number].iter().zip(got).all(|(a, b)| a.to_bits() == b.to_bits());
        if !same {
            bail!("two runs differ in output {number} of output and gradients");
        }
        let error = difference(got, expected, is_bf16);
        // False for NaN.
        let is_close = error <= if is_bf16 { 1e-2 } else { 1e-4 };
        if !is_close {
            bail!("error {error:e} in output {number} of output and gradients");
        }
        worst = error.max(worst);
    }
    Ok(worst)
}

/// The largest difference relative to the largest value, or for `by_norm` the L2 norm of the
/// differences relative to that of the values.
pub(crate) fn difference(got: &[f32], expected: &[f32], by_norm: bool) -> f64 {
    if got.len() != expected.len() {
        return f64::NAN;
    }
    let pairs = || got.iter().zip(expected).map(|(g, e)| (f64::from(*g), f64::from(*e)));
    if by_norm {
        let norm: f64 = pairs().map(|(_, e)| e * e).sum();
        let difference: f64 = pairs().map(|(g, e)| (g - e).powi(2)).sum();
        return (difference / norm.max(1e-60)).sqrt();
    }
    let largest = pairs().fold(1e-30_f64, |max, (_, e)| max.max(e.abs()));
    let worst = pairs().map(|(g, e)| (g - e).abs());
    worst.fold(0.0_f64, |max, d| if d.is_nan() || max.is_nan() { f64::NAN } else { max.max(d) })
        / largest
}

pub(crate) fn floats(tensor: &Tensor) -> Result<Vec<f32>> {
    tensor.to_device(&Device::Cpu)?.to_dtype(DType::F32)?.flatten_all()?.to_vec1()
}

/// A scalar with a given gradient; its value is 0.
struct WithGradient(Tensor);

impl CustomOp1 for WithGradient {
    fn name(&self) -> &'static str {
        "with_gradient"
    }

    fn cpu_fwd(&self, _: &CpuStorage, _: &Layout) -> Result<(CpuStorage, Shape)> {
        Ok((CpuStorage::F32(vec![0.0]), Shape::from(())))
    }

    fn cuda_fwd(&self, y: &CudaStorage, _: &Layout) -> Result<(CudaStorage, Shape)> {
        let zero = y.device.alloc_zeros::<f32>(1)?;
        Ok((CudaStorage::wrap_cuda_slice(zero, y.device.clone()), Shape::from(())))
    }

    fn bwd(&self, _: &Tensor, _: &Tensor, _: &Tensor) -> Result<Option<Tensor>> {
        Ok(Some(self.0.clone()))
    }
}

fn compute(case: &Case, device: &Device, is_bf16: bool) -> Result<Values> {
    let mut random = Random::new(case.inputs.len() as u64 + 77);
    let mut vars = Vec::new();
    for (shape, kind) in &case.inputs {
        let values = random.values(shape.iter().product());
        let mut tensor = Tensor::from_vec(values, shape.as_slice(), &Device::Cpu)?;
        if *kind == Kind::Activations && is_bf16 {
            tensor = tensor.to_dtype(DType::BF16)?;
            // The CPU computes with the same values in f32.
            if device.is_cpu() {
                tensor = tensor.to_dtype(DType::F32)?;
            }
        }
        vars.push(Var::from_tensor(&tensor.to_device(device)?)?);
    }
    let inputs: Vec<Tensor> = vars.iter().map(|var| var.as_tensor().clone()).collect();
    let y = (case.run)(&inputs)?;
    let mut values = vec![floats(&y)?];
    if case.has_gradients {
        let weights = Tensor::from_vec(random.values(y.elem_count()), y.shape(), &Device::Cpu)?;
        let weights = weights.to_dtype(DType::BF16)?.to_dtype(y.dtype())?.to_device(device)?;
        let gradients = y.apply_op1(WithGradient(weights))?.backward()?;
        for var in &vars {
            let Some(gradient) = gradients.get(var) else { bail!("an input has no gradient") };
            values.push(floats(gradient)?);
        }
    }
    Ok(values)
}

//! One case on both devices.

use crate::cases::{Case, Kind};
use crate::random::Random;
use candle_core::{
    CpuStorage, CudaStorage, CustomOp1, DType, Device, Layout, Result, Shape, Tensor, Var, bail,
};

/// The output and the gradients of all inputs, in `f32` on the processor.
type Answer = Vec<Vec<f32>>;

/// The largest error of a case in units of what is allowed to be 1e-4 or 1e-2.
///
/// # Errors
/// When it is too large, two runs differ, or an operation fails.
pub(crate) fn check(case: &Case, device: &Device, is_bf16: bool) -> Result<f64> {
    let expected = answer(case, &Device::Cpu, is_bf16)?;
    let [first, second] = [answer(case, device, is_bf16)?, answer(case, device, is_bf16)?];
    let mut worst = 0.0;
    for (number, (got, expected)) in first.iter().zip(&expected).enumerate() {
        let same = second[number].iter().zip(got).all(|(a, b)| a.to_bits() == b.to_bits());
        if !same {
            bail!("two runs differ in output {number} of output and gradients");
        }
        let error = difference(got, expected, is_bf16);
        // A NaN is no small error.
        let fits = error <= if is_bf16 { 1e-2 } else { 1e-4 };
        if !fits {
            bail!("error {error:e} in output {number} of output and gradients");
        }
        worst = error.max(worst);
    }
    Ok(worst)
}

/// By the largest value, or for bf16 by the length of all.
pub(crate) fn difference(got: &[f32], expected: &[f32], by_length: bool) -> f64 {
    if got.len() != expected.len() {
        return f64::NAN;
    }
    let pairs = || got.iter().zip(expected).map(|(g, e)| (f64::from(*g), f64::from(*e)));
    if by_length {
        let length: f64 = pairs().map(|(_, e)| e * e).sum();
        let off: f64 = pairs().map(|(g, e)| (g - e).powi(2)).sum();
        return (off / length.max(1e-60)).sqrt();
    }
    let largest = pairs().fold(1e-30_f64, |most, (_, e)| most.max(e.abs()));
    let worst = pairs().map(|(g, e)| (g - e).abs());
    worst.fold(0.0_f64, |most, d| if d.is_nan() || most.is_nan() { f64::NAN } else { most.max(d) })
        / largest
}

pub(crate) fn floats(tensor: &Tensor) -> Result<Vec<f32>> {
    tensor.to_device(&Device::Cpu)?.to_dtype(DType::F32)?.flatten_all()?.to_vec1()
}

/// A scalar whose gradient is known: what it is worth does not matter.
struct Weigh(Tensor);

impl CustomOp1 for Weigh {
    fn name(&self) -> &'static str {
        "weigh"
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

fn answer(case: &Case, device: &Device, is_bf16: bool) -> Result<Answer> {
    let mut random = Random::new(case.inputs.len() as u64 + 77);
    let mut vars = Vec::new();
    for (shape, kind) in &case.inputs {
        let values = random.values(shape.iter().product());
        let mut tensor = Tensor::from_vec(values, shape.as_slice(), &Device::Cpu)?;
        if *kind == Kind::Activations && is_bf16 {
            tensor = tensor.to_dtype(DType::BF16)?;
            // On the processor: the same values, in f32.
            if device.is_cpu() {
                tensor = tensor.to_dtype(DType::F32)?;
            }
        }
        vars.push(Var::from_tensor(&tensor.to_device(device)?)?);
    }
    let inputs: Vec<Tensor> = vars.iter().map(|var| var.as_tensor().clone()).collect();
    let y = (case.run)(&inputs)?;
    let mut answer = vec![floats(&y)?];
    if case.has_gradients {
        let weights = Tensor::from_vec(random.values(y.elem_count()), y.shape(), &Device::Cpu)?;
        let weights = weights.to_dtype(DType::BF16)?.to_dtype(y.dtype())?.to_device(device)?;
        let gradients = y.apply_op1(Weigh(weights))?.backward()?;
        for var in &vars {
            let Some(gradient) = gradients.get(var) else { bail!("an input has no gradient") };
            answer.push(floats(gradient)?);
        }
    }
    Ok(answer)
}

//! Seeded initial weights.
//!
//! Each tensor has a random stream of its own, keyed by its name, so that its values depend neither
//! on which other tensors there are nor on the order in which they are made. Candle's own generator
//! has no seed on the CPU.

use candle_core::{DType, Device, Result, Shape, Tensor, bail};
use candle_nn::Init;
use candle_nn::var_builder::SimpleBackend;
use hpa_core::{Rng, Seed};

/// Source of initial weights for a [`candle_nn::VarBuilder`]: the same for the same seed, name and
/// shape, on any machine and for any number of threads.
///
/// ```
/// use candle_core::{DType, Device};
/// use candle_nn::{Init, VarBuilder};
///
/// let init = hpa_nn::SeededInit(hpa_core::Seed::new(1));
/// let vb = VarBuilder::from_backend(Box::new(init), DType::F32, Device::Cpu);
/// let weight = vb.pp("fc").get_with_hints((28, 512), "weight", Init::Randn { mean: 0.0, stdev: 0.1 })?;
/// # Ok::<(), candle_core::Error>(())
/// ```
#[derive(Clone, Copy, Debug)]
pub struct SeededInit(pub Seed);

impl SimpleBackend for SeededInit {
    fn get(&self, s: Shape, name: &str, h: Init, dtype: DType, dev: &Device) -> Result<Tensor> {
        let mut rng = self.0.derive("initial weights").derive(name).rng();
        let mut draw = |one: &dyn Fn(&mut Rng) -> f64| {
            #[expect(clippy::cast_possible_truncation, reason = "weights are 32-bit floats")]
            (0..s.elem_count()).map(|_| one(&mut rng) as f32).collect::<Vec<_>>()
        };
        let values = match h {
            Init::Const(value) => draw(&|_| value),
            Init::Randn { mean, stdev } => draw(&|rng| mean + stdev * rng.normal()),
            Init::Uniform { lo, up } => draw(&|rng| rng.range(lo, up)),
            Init::Kaiming { .. } => bail!("{name}: give the deviation by Init::Randn"),
        };
        Tensor::from_vec(values, s, dev)?.to_dtype(dtype)
    }

    fn get_unchecked(&self, name: &str, _: DType, _: &Device) -> Result<Tensor> {
        bail!("{name}: initial weights need a shape")
    }

    fn contains_tensor(&self, _: &str) -> bool {
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn weights(name: &str, seed: u64, init: Init) -> Vec<f32> {
        let shape = Shape::from((64, 32, 3, 3));
        let tensor = SeededInit(Seed::new(seed)).get(shape, name, init, DType::F32, &Device::Cpu);
        tensor.unwrap().flatten_all().unwrap().to_vec1().unwrap()
    }

    #[test]
    fn normal_weights_have_the_deviation_of_the_hint() {
        let weights = weights("a.weight", 1, Init::Randn { mean: 0.0, stdev: 0.25 });
        let squares = weights.iter().map(|&w| f64::from(w).powi(2)).sum::<f64>();
        let variance = squares / weights.len() as f64;
        assert!((variance * 16.0 - 1.0).abs() < 0.03, "{variance}");
    }

    #[test]
    fn the_values_of_a_tensor_depend_on_its_name_and_seed_alone() {
        let uniform = Init::Uniform { lo: -0.5, up: 0.5 };
        assert_eq!(weights("a.weight", 1, uniform), weights("a.weight", 1, uniform));
        assert_ne!(weights("a.weight", 1, uniform), weights("a.weight", 2, uniform));
        assert_ne!(weights("a.weight", 1, uniform), weights("b.weight", 1, uniform));
        assert!(weights("a.weight", 1, uniform).iter().all(|w| w.abs() <= 0.5));
    }
}

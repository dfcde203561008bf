//! Gradients against those of f64 that take the same side at every rectifier.
//!
//! A rectifier whose input is within rounding of zero passes a gradient or not by chance, and then
//! gradients below it jump by far more than rounding, in this engine as in PyTorch's own f32. So
//! what is compared here is what a wrong kernel would change and a decision would not: the network
//! in f64, by candle's own operations, whose rectifiers and stem pool decide as this engine's did.
#![expect(clippy::many_single_char_names, reason = "n, c, h, w, x, y are the field's own words")]

#[path = "../../tests/golden/formula.rs"]
mod formula;

use super::Training;
use crate::network::layers::{Activation, Classifier, Unit, Walk};
use crate::{Architecture, Loss, LossKind, LossReduction, Network};
use candle_core::{DType, Result, Tensor, Var};
use formula::{golden, images, network, targets};
use std::collections::BTreeMap;

/// Training that keeps what its rectifiers put out, and what the stem pool takes in.
struct Recording<'a> {
    training: Training<'a>,
    rectified: Vec<Tensor>,
}

impl Walk for Recording<'_> {
    fn unit(
        &mut self,
        unit: &Unit,
        x: &Tensor,
        residual: Option<&Tensor>,
        activation: Activation,
    ) -> Result<Tensor> {
        let y = self.training.unit(unit, x, residual, activation)?;
        if activation == Activation::Relu {
            self.rectified.push(y.clone());
        }
        Ok(y)
    }

    fn classifier(&mut self, layer: &Classifier, x: &Tensor) -> Result<Tensor> {
        self.training.classifier(layer, x)
    }
}

/// The network in f64, `[N, C, H, W]`, with decisions from elsewhere.
struct Exact {
    parameters: BTreeMap<String, Var>,
    /// 1 where a rectifier passes, 0 elsewhere, from the last to the first.
    masks: Vec<Tensor>,
    /// Which pixel each window of the stem pool takes: `[N, C, H' W']` of u32.
    winners: Tensor,
    epsilon: f64,
    /// Decisions that f64 would have taken otherwise.
    flips: f64,
}

impl Exact {
    fn parameter(&self, prefix: &str, kind: &str) -> &Tensor {
        self.parameters[&format!("{prefix}.{kind}")].as_tensor()
    }

    fn norm(&self, prefix: &str, x: &Tensor) -> Result<Tensor> {
        let per_channel = |kind| self.parameter(prefix, kind).reshape((1, (), 1, 1));
        let d = x.broadcast_sub(&x.mean_keepdim((0, 2, 3))?)?;
        let deviation = (d.sqr()?.mean_keepdim((0, 2, 3))? + self.epsilon)?.sqrt()?;
        let y = d.broadcast_div(&deviation)?.broadcast_mul(&per_channel("weight")?)?;
        y.broadcast_add(&per_channel("bias")?)
    }
}

impl Walk for Exact {
    fn unit(
        &mut self,
        unit: &Unit,
        x: &Tensor,
        residual: Option<&Tensor>,
        activation: Activation,
    ) -> Result<Tensor> {
        let weight = self.parameter(&unit.convolution, "weight");
        let y = x.conv2d(weight, unit.kernel / 2, unit.stride, 1, unit.groups)?;
        let y = self.norm(&unit.norm, &y)?;
        let y = residual.map_or_else(|| Ok(y.clone()), |residual| &y + residual)?;
        if activation != Activation::Relu {
            return Ok(y);
        }
        let mask = self.masks.pop().unwrap();
        let own = y.detach().gt(0.0)?.to_dtype(DType::F64)?;
        self.flips += (own - &mask)?.abs()?.sum_all()?.to_scalar::<f64>()?;
        y * mask
    }

    fn stem_pool(&mut self, x: &Tensor) -> Result<Tensor> {
        let (n, c, h, w) = x.dims4()?;
        let y = x.flatten(2, 3)?.contiguous()?.gather(&self.winners, 2)?;
        y.reshape((n, c, h / 2, w / 2))
    }

    fn average(&mut self, x: &Tensor) -> Result<Tensor> {
        x.mean((2, 3))
    }

    fn classifier(&mut self, layer: &Classifier, x: &Tensor) -> Result<Tensor> {
        let weight = self.parameter(&layer.name, "weight").t()?;
        x.matmul(&weight)?.broadcast_add(self.parameter(&layer.name, "bias"))
    }
}

/// `[N, H, W, C]` of f32 to `[N, C, H, W]` of f64.
fn turned(x: &Tensor) -> Tensor {
    x.detach().permute((0, 3, 1, 2)).unwrap().contiguous().unwrap().to_dtype(DType::F64).unwrap()
}

/// The first largest pixel of each 3x3 window with stride 2 and padding 1 of `[N, C, H, W]`.
fn winners(x: &Tensor) -> Tensor {
    let (n, c, h, w) = x.dims4().unwrap();
    let planes: Vec<f64> = x.flatten_all().unwrap().to_vec1().unwrap();
    let mut winners = Vec::new();
    for plane in planes.chunks_exact(h * w) {
        for window in 0..h / 2 * (w / 2) {
            let (y, x) = (window / (w / 2) * 2, window % (w / 2) * 2);
            let rows = y.saturating_sub(1)..(y + 2).min(h);
            let pixels =
                rows.flat_map(|y| (x.saturating_sub(1)..(x + 2).min(w)).map(move |x| y * w + x));
            let best = pixels.reduce(|best, at| if plane[at] > plane[best] { at } else { best });
            winners.push(u32::try_from(best.unwrap()).unwrap());
        }
    }
    Tensor::from_vec(winners, (n, c, h * w / 4), x.device()).unwrap()
}

/// This engine's gradients, and the decisions on the way.
fn ours(network: &mut Network, images: &Tensor) -> (BTreeMap<String, Tensor>, Vec<Tensor>) {
    let Network { plan, parameters, buffers, precision, .. } = network;
    let (frozen, precision, epsilon) = (None, *precision, plan.epsilon());
    let training = Training { precision, parameters, buffers, frozen, epsilon };
    let mut recording = Recording { training, rectified: Vec::new() };
    let logits = plan.forward(images, &mut recording).unwrap();
    let loss = Loss { kind: LossKind::Bce, gamma: 0.0, reduction: LossReduction::Sum };
    let rectified = recording.rectified;
    let gradients = loss.of(&logits, &targets(), &[]).unwrap().backward().unwrap();
    let gradient =
        |(name, var): (&String, &Var)| (name.clone(), gradients.get(var).unwrap().clone());
    (network.parameters().iter().map(gradient).collect(), rectified)
}

/// The gradients of f64 with these decisions, and how many f64 would have taken otherwise.
fn exact(
    network: &Network,
    images: &Tensor,
    rectified: &[Tensor],
) -> (BTreeMap<String, Tensor>, f64) {
    let wide = |var: &Var| Var::from_tensor(&var.to_dtype(DType::F64).unwrap()).unwrap();
    let parameters =
        network.parameters().iter().map(|(name, var)| (name.clone(), wide(var))).collect();
    let mask = |y: &Tensor| turned(y).gt(0.0).unwrap().to_dtype(DType::F64).unwrap();
    let masks = rectified.iter().rev().map(mask).collect();
    let (winners, epsilon) = (winners(&turned(&rectified[0])), network.plan().epsilon());
    let mut walk = Exact { parameters, masks, winners, epsilon, flips: 0.0 };
    let logits = network.plan().forward(&turned(images), &mut walk).unwrap();
    let targets = targets().to_dtype(DType::F64).unwrap();
    let softplus = (logits.exp().unwrap() + 1.0).unwrap().log().unwrap();
    let loss =
        (softplus - (logits * targets).unwrap()).unwrap().sum(1).unwrap().mean_all().unwrap();
    let gradients = loss.backward().unwrap();
    let gradient =
        |(name, var): (&String, &Var)| (name.clone(), gradients.get(var).unwrap().clone());
    (walk.parameters.iter().map(gradient).collect(), walk.flips)
}

fn check(architecture: Architecture) {
    let (golden, mut network) = (golden(architecture), network(architecture));
    let images = images(golden.images);
    let (ours, rectified) = ours(&mut network, &images);
    let (exact, flips) = exact(&network, &images, &rectified);
    let length =
        |x: &Tensor| x.sqr().unwrap().sum_all().unwrap().to_scalar::<f64>().unwrap().sqrt();
    let ratio = |(name, exact): (&String, &Tensor)| {
        let difference = (ours[name].to_dtype(DType::F64).unwrap() - exact).unwrap();
        let error = length(&difference) / length(exact);
        (error / golden.gradients[name].torch_f32_rounding.unwrap(), name.clone())
    };
    let mut ratios: Vec<_> = exact.iter().map(ratio).collect();
    ratios.sort_by(|a, b| a.0.total_cmp(&b.0));
    let (median, worst) = (ratios[ratios.len() / 2].0, ratios.last().unwrap());
    eprintln!(
        "{architecture}: {flips} decisions taken otherwise, median {median:.2}, worst {worst:?}"
    );
    assert!(worst.0 <= 5.0, "{architecture}: {worst:?}");
}

#[test]
fn every_gradient_of_a_resnet_is_as_exact_as_five_times_pytorchs_with_the_same_decisions() {
    for architecture in [Architecture::ResNet18, Architecture::ResNet34, Architecture::ResNet50] {
        check(architecture);
    }
}

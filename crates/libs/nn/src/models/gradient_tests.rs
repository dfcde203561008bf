//! Gradients of residual networks against an f64 reference with the same `ReLU` masks.
//!
//! A `ReLU` whose input is within rounding of zero passes a gradient or not by chance, and the
//! gradients below it then differ by far more than rounding, in this engine as in `PyTorch`'s own f32.
//! The reference therefore runs the network in f64, by candle's own operations, with the `ReLU` masks
//! and the max-pool indices of this engine: a wrong kernel changes the gradients, a mask does not.
#![expect(clippy::many_single_char_names, reason = "n, c, h, w, x, y are the field's own words")]

#[path = "../../tests/golden/fixture.rs"]
mod fixture;

use crate::models::layers::{Activation, ConvBnAct, ForwardPass, Linear};
use crate::models::train_forward::TrainForward;
use crate::{Architecture, LossConfig, LossKind, Network};
use candle_core::{DType, Result, Tensor, Var};
use fixture::{golden, images, network, targets};
use std::collections::BTreeMap;

/// The training forward pass, with the outputs of its `ReLU`s: the first is the max pool's input.
struct RecordRelu<'a> {
    inner: TrainForward<'a>,
    relu_outputs: Vec<Tensor>,
}

impl ForwardPass for RecordRelu<'_> {
    fn conv(&mut self, layer: &ConvBnAct, x: &Tensor, residual: Option<&Tensor>) -> Result<Tensor> {
        let y = self.inner.conv(layer, x, residual)?;
        if layer.activation == Activation::Relu {
            self.relu_outputs.push(y.clone());
        }
        Ok(y)
    }

    fn linear(&mut self, layer: &Linear, x: &Tensor) -> Result<Tensor> {
        self.inner.linear(layer, x)
    }
}

/// The network in f64, `[N, C, H, W]`, with given `ReLU` masks and max-pool indices.
struct F64Forward {
    params: BTreeMap<String, Var>,
    /// 1 where a `ReLU` passes, 0 elsewhere, from the last `ReLU` to the first.
    masks: Vec<Tensor>,
    /// The pixel that each max-pool window takes: `[N, C, H' W']` of u32.
    pool_indices: Tensor,
    eps: f64,
    /// `ReLU`s that f64 would have decided otherwise.
    flips: f64,
}

impl F64Forward {
    fn param(&self, prefix: &str, kind: &str) -> &Tensor {
        self.params[&format!("{prefix}.{kind}")].as_tensor()
    }

    fn batch_norm(&self, prefix: &str, x: &Tensor) -> Result<Tensor> {
        let per_channel = |kind| self.param(prefix, kind).reshape((1, (), 1, 1));
        let centred = x.broadcast_sub(&x.mean_keepdim((0, 2, 3))?)?;
        let deviation = (centred.sqr()?.mean_keepdim((0, 2, 3))? + self.eps)?.sqrt()?;
        let y = centred.broadcast_div(&deviation)?.broadcast_mul(&per_channel("weight")?)?;
        y.broadcast_add(&per_channel("bias")?)
    }
}

impl ForwardPass for F64Forward {
    fn conv(&mut self, layer: &ConvBnAct, x: &Tensor, residual: Option<&Tensor>) -> Result<Tensor> {
        let weight = self.param(&layer.conv, "weight");
        let y = x.conv2d(weight, layer.kernel / 2, layer.stride, 1, layer.groups)?;
        let y = self.batch_norm(&layer.bn, &y)?;
        let y = residual.map_or_else(|| Ok(y.clone()), |residual| &y + residual)?;
        if layer.activation != Activation::Relu {
            return Ok(y);
        }
        let mask = self.masks.pop().unwrap();
        let own = y.detach().gt(0.0)?.to_dtype(DType::F64)?;
        self.flips += (own - &mask)?.abs()?.sum_all()?.to_scalar::<f64>()?;
        y * mask
    }

    fn max_pool(&mut self, x: &Tensor) -> Result<Tensor> {
        let (n, c, h, w) = x.dims4()?;
        let y = x.flatten(2, 3)?.contiguous()?.gather(&self.pool_indices, 2)?;
        y.reshape((n, c, h / 2, w / 2))
    }

    fn average_pool(&mut self, x: &Tensor) -> Result<Tensor> {
        x.mean((2, 3))
    }

    fn linear(&mut self, layer: &Linear, x: &Tensor) -> Result<Tensor> {
        let weight = self.param(&layer.name, "weight").t()?;
        x.matmul(&weight)?.broadcast_add(self.param(&layer.name, "bias"))
    }
}

/// `[N, H, W, C]` of f32 to `[N, C, H, W]` of f64.
fn to_nchw(x: &Tensor) -> Tensor {
    x.detach().permute((0, 3, 1, 2)).unwrap().contiguous().unwrap().to_dtype(DType::F64).unwrap()
}

/// The first maximum of each 3×3 window of stride 2 and padding 1 of `[N, C, H, W]`.
fn max_pool_indices(x: &Tensor) -> Tensor {
    let (n, c, h, w) = x.dims4().unwrap();
    let planes: Vec<f64> = x.flatten_all().unwrap().to_vec1().unwrap();
    let mut indices = Vec::new();
    for plane in planes.chunks_exact(h * w) {
        for window in 0..h / 2 * (w / 2) {
            let (y, x) = (window / (w / 2) * 2, window % (w / 2) * 2);
            let rows = y.saturating_sub(1)..(y + 2).min(h);
            let pixels =
                rows.flat_map(|y| (x.saturating_sub(1)..(x + 2).min(w)).map(move |x| y * w + x));
            let best = pixels.reduce(|best, at| if plane[at] > plane[best] { at } else { best });
            indices.push(u32::try_from(best.unwrap()).unwrap());
        }
    }
    Tensor::from_vec(indices, (n, c, h * w / 4), x.device()).unwrap()
}

fn gradients(params: &BTreeMap<String, Var>, loss: &Tensor) -> BTreeMap<String, Tensor> {
    let gradients = loss.backward().unwrap();
    let gradient =
        |(name, var): (&String, &Var)| (name.clone(), gradients.get(var).unwrap().clone());
    params.iter().map(gradient).collect()
}

/// The gradients of this engine, and the outputs of its `ReLU`s.
fn f32_gradients(network: &Network, images: &Tensor) -> (BTreeMap<String, Tensor>, Vec<Tensor>) {
    let inner = TrainForward { network, train: true };
    let mut pass = RecordRelu { inner, relu_outputs: Vec::new() };
    let logits = network.layers().forward(images, &mut pass).unwrap();
    let loss = LossConfig { kind: LossKind::Bce, ..LossConfig::default() };
    let loss = loss.loss(&logits, &targets(), &[]).unwrap();
    (gradients(network.parameters(), &loss), pass.relu_outputs)
}

/// The gradients in f64 with these `ReLU` masks, and how many f64 would have decided otherwise.
fn f64_gradients(
    network: &Network,
    images: &Tensor,
    relu_outputs: &[Tensor],
) -> (BTreeMap<String, Tensor>, f64) {
    let to_f64 = |var: &Var| Var::from_tensor(&var.to_dtype(DType::F64).unwrap()).unwrap();
    let mask = |y: &Tensor| to_nchw(y).gt(0.0).unwrap().to_dtype(DType::F64).unwrap();
    let params = network.parameters().iter();
    let mut pass = F64Forward {
        params: params.map(|(name, var)| (name.clone(), to_f64(var))).collect(),
        masks: relu_outputs.iter().rev().map(mask).collect(),
        pool_indices: max_pool_indices(&to_nchw(&relu_outputs[0])),
        eps: network.layers().eps,
        flips: 0.0,
    };
    let logits = network.layers().forward(&to_nchw(images), &mut pass).unwrap();
    let targets = targets().to_dtype(DType::F64).unwrap();
    let softplus = (logits.exp().unwrap() + 1.0).unwrap().log().unwrap();
    let loss = (softplus - (logits * targets).unwrap()).unwrap();
    let loss = loss.sum(1).unwrap().mean_all().unwrap();
    (gradients(&pass.params, &loss), pass.flips)
}

fn check(architecture: Architecture) {
    let (golden, network) = (golden(architecture), network(architecture));
    let images = images(golden.images);
    let (found, relu_outputs) = f32_gradients(&network, &images);
    let (expected, flips) = f64_gradients(&network, &images, &relu_outputs);
    let norm = |x: &Tensor| x.sqr().unwrap().sum_all().unwrap().to_scalar::<f64>().unwrap().sqrt();
    let ratio = |(name, expected): (&String, &Tensor)| {
        let difference = (found[name].to_dtype(DType::F64).unwrap() - expected).unwrap();
        let error = norm(&difference) / norm(expected);
        (error / golden.gradients[name].torch_f32_rounding.unwrap(), name.clone())
    };
    let mut ratios: Vec<_> = expected.iter().map(ratio).collect();
    ratios.sort_by(|a, b| a.0.total_cmp(&b.0));
    let (median, worst) = (ratios[ratios.len() / 2].0, ratios.last().unwrap());
    eprintln!("{architecture}: {flips} masks differ, median {median:.2}, worst {worst:?}");
    assert!(worst.0 <= 5.0, "{architecture}: {worst:?}");
}

#[test]
fn every_gradient_is_as_exact_as_five_times_pytorchs_with_the_same_relu_masks() {
    for architecture in [Architecture::ResNet18, Architecture::ResNet34, Architecture::ResNet50] {
        check(architecture);
    }
}

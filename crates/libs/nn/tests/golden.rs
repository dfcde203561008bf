//! The networks' loss, logits, running statistics and gradients against PyTorch's.
//!
//! `golden/resnet.py` and `golden/efficientnet_lite0.py` say how weights and images come about and
//! what the stored projections mean; `golden/resnet18.json` and its like are what they wrote.
#![expect(clippy::unwrap_used, reason = "helpers of tests may panic")]

use candle_core::{Device, Tensor};
use hpa_artifacts::Weights;
use hpa_nn::{Architecture, Loss, LossKind, LossReduction, Network, Precision};
use std::collections::BTreeMap;

const BATCH: usize = 4;
const SIZE: usize = 64;
const LABELS: usize = 28;

/// 64 random bits for an element of a numbered stream: `bits` of the script.
fn bits(stream: u64, index: usize) -> u64 {
    let start = stream.wrapping_mul(0x9e37_79b9_7f4a_7c15);
    let place = (index as u64 + 1).wrapping_mul(0xd1b5_4a32_d192_ed03);
    let mut z = start.wrapping_add(place);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

#[expect(clippy::cast_possible_truncation, reason = "the script rounds in the same way")]
fn uniform(stream: u64, count: usize, low: f64, high: f64) -> Vec<f32> {
    let unit = |index| (bits(stream, index) >> 40) as f64 / f64::from(1 << 24);
    (0..count).map(|index| (low + (high - low) * unit(index)) as f32).collect()
}

fn value(stream: u64, name: &str, shape: &[usize]) -> Vec<f32> {
    let count = shape.iter().product();
    let (low, high) = match shape {
        [_, inputs, height, width] => {
            let bound = (6.0 / (inputs * height * width) as f64).sqrt();
            (-bound, bound)
        }
        _ if name == "fc.weight" || name == "classifier.weight" => (-0.1, 0.1),
        _ if name.ends_with("weight") => (0.5, 1.5),
        _ => (-0.2, 0.2),
    };
    uniform(stream, count, low, high)
}

/// The script's network: parameters are numbered in the order of their names.
fn network(architecture: Architecture) -> Network {
    let start = Network::new(architecture, LABELS, hpa_core::Seed::new(0)).unwrap();
    let mut tensors = start.tensors().unwrap();
    for (stream, (name, var)) in (0..).zip(start.parameters()) {
        let shape = var.dims().to_vec();
        let values = value(stream, name, &shape);
        tensors.insert(name.clone(), Weights { shape, values });
    }
    Network::from_tensors(architecture, LABELS, tensors).unwrap()
}

/// The script's images, `[N, 4, S, S]` there, `[N, S, S, 4]` here.
fn images(stream: u64) -> Tensor {
    let planes = uniform(stream, BATCH * 4 * SIZE * SIZE, -1.0, 3.0);
    let planes = Tensor::from_vec(planes, (BATCH, 4, SIZE, SIZE), &Device::Cpu).unwrap();
    planes.permute((0, 2, 3, 1)).unwrap().contiguous().unwrap()
}

fn targets() -> Tensor {
    let values = uniform(501, BATCH * LABELS, 0.0, 1.0).into_iter();
    let values = values.map(|value| if f64::from(value) < 0.25 { 1.0 } else { 0.0 });
    Tensor::from_vec(values.collect::<Vec<f32>>(), (BATCH, LABELS), &Device::Cpu).unwrap()
}

/// `<s_k, g>` for the 64 sign vectors.
fn sketch(gradient: &[f32]) -> [f64; 64] {
    let mut sums = [0.0; 64];
    for (index, &value) in gradient.iter().enumerate() {
        let word = bits(1000, index);
        for (place, sum) in sums.iter_mut().enumerate() {
            let sign = ((word >> place) & 1) as f64 * 2.0 - 1.0;
            *sum += sign * f64::from(value);
        }
    }
    sums
}

#[derive(serde::Deserialize)]
struct Golden {
    /// Number of the images' stream.
    #[serde(default = "first_stream")]
    images: u64,
    loss: f64,
    logits: Vec<f64>,
    /// Sum and largest magnitude.
    buffers: BTreeMap<String, [f64; 2]>,
    gradients: BTreeMap<String, Gradient>,
}

#[derive(serde::Deserialize)]
struct Gradient {
    norm: f64,
    torch_f32_error: f64,
    torch_bf16_error: Option<f64>,
    projections: Vec<f64>,
}

fn golden(architecture: Architecture) -> Golden {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/golden");
    let name = architecture.name().replace('-', "_");
    let text = std::fs::read_to_string(format!("{folder}/{name}.json")).unwrap();
    serde_json::from_str(&text).unwrap()
}

const fn first_stream() -> u64 {
    500
}

const RESNETS: [Architecture; 3] =
    [Architecture::ResNet18, Architecture::ResNet34, Architecture::ResNet50];

/// A gradient that is zero but for rounding: a bias that the next batch norm takes away.
const NOTHING: f64 = 1e-9;

fn loss(network: &mut Network, golden: &Golden) -> (Tensor, Tensor) {
    let logits = network.forward_train(&images(golden.images)).unwrap();
    let loss = Loss { kind: LossKind::Bce, gamma: 0.0, reduction: LossReduction::Sum };
    (loss.of(&logits, &targets(), &[]).unwrap(), logits)
}

#[test]
fn loss_logits_and_running_statistics_are_pytorchs() {
    for architecture in Architecture::ALL {
        check_forward(architecture);
    }
}

fn check_forward(architecture: Architecture) {
    let (golden, mut network) = (golden(architecture), network(architecture));
    let (loss, logits) = loss(&mut network, &golden);
    let loss = f64::from(loss.to_scalar::<f32>().unwrap());
    assert!((loss / golden.loss - 1.0).abs() < 1e-4, "{loss} {}", golden.loss);
    let logits: Vec<f32> = logits.flatten_all().unwrap().to_vec1().unwrap();
    let norm = |values: &mut dyn Iterator<Item = f64>| values.map(|v| v * v).sum::<f64>().sqrt();
    let differences = logits.iter().zip(&golden.logits).map(|(&a, b)| f64::from(a) - b);
    let error = norm(&mut differences.into_iter()) / norm(&mut golden.logits.iter().copied());
    eprintln!("logits: relative error {error:.2e}");
    // Measured: 6e-6, 2e-5 and 1e-4 on the residual networks, whose last maps have 16 values a channel.
    assert!(error < 2e-4, "{error}");
    for (name, weights) in network.tensors().unwrap() {
        let Some([sum, most]) = golden.buffers.get(&name) else { continue };
        let ours: f64 = weights.values.iter().map(|&value| f64::from(value)).sum();
        let scale = most * weights.values.len() as f64;
        assert!((ours - sum).abs() < 1e-5 * scale, "{name}: {ours} {sum}");
    }
}

/// Every gradient's error in multiples of PyTorch's own; every parameter has a gradient.
fn ratios(architecture: Architecture, precision: Precision) -> Vec<(f64, String)> {
    let (golden, mut network) = (golden(architecture), network(architecture));
    assert_eq!(golden.gradients.len(), network.parameters().len());
    network.set_precision(precision);
    let gradients = loss(&mut network, &golden).0.backward().unwrap();
    let ratio = |(name, var): (&String, &candle_core::Var)| {
        let gradient = gradients.get(var).unwrap_or_else(|| panic!("{name} has no gradient"));
        let ours = sketch(&gradient.flatten_all().unwrap().to_vec1::<f32>().unwrap());
        let expected = &golden.gradients[name];
        let squares = ours.iter().zip(&expected.projections).map(|(a, b)| (a - b).powi(2));
        let error = (squares.sum::<f64>() / 64.0).sqrt();
        if expected.norm < NOTHING {
            assert!(error < 1e-4, "{name} should have no gradient: {error:.1e}");
            return (0.0, name.clone());
        }
        let error = error / expected.norm;
        let theirs = match precision {
            Precision::F32 => expected.torch_f32_error,
            Precision::Bf16 => expected.torch_bf16_error.unwrap(),
        };
        (error / theirs, format!("{name}: {error:.2e}, {:.1} times PyTorch's", error / theirs))
    };
    network.parameters().iter().map(ratio).collect()
}

fn check_gradients(architecture: Architecture, precision: Precision) {
    let mut ratios = ratios(architecture, precision);
    ratios.sort_by(|a, b| a.0.total_cmp(&b.0));
    let (worst, line) = ratios.last().unwrap();
    let median = ratios[ratios.len() / 2].0;
    eprintln!("{architecture} in {precision:?}: median {median:.2}, worst {line}");
    assert!(*worst <= 5.0, "{architecture} in {precision:?}: {line}");
}

#[test]
fn every_gradient_is_as_exact_as_five_times_pytorchs_own_rounding() {
    for architecture in
        [Architecture::ResNet18, Architecture::ResNet34, Architecture::EfficientNetLite0]
    {
        check_gradients(architecture, Precision::F32);
    }
}

/// On these images a rectifier's input in the last 2x2 maps of ResNet-50 is within our rounding of
/// zero but not within PyTorch's: some gradients jump (measured: 137 times), the median does not.
#[test]
fn the_median_gradient_of_resnet50_is_as_exact_as_five_times_pytorchs() {
    let ratios = ratios(Architecture::ResNet50, Precision::F32);
    let mut errors: Vec<f64> = ratios.into_iter().map(|(ratio, _)| ratio).collect();
    errors.sort_by(f64::total_cmp);
    assert!(errors[errors.len() / 2] <= 5.0, "{errors:?}");
}

#[test]
fn every_gradient_in_bf16_is_as_exact_as_five_times_pytorchs_autocast() {
    if let Err(error) = Precision::Bf16.check() {
        eprintln!("skipped: {error}");
        return;
    }
    for architecture in RESNETS {
        check_gradients(architecture, Precision::Bf16);
    }
}

//! Loss, logits, running statistics and gradients of one network a family against PyTorch's.
//!
//! `golden/resnet18.py` and `golden/efficientnet_lite0.py` say how weights and images come about and
//! what the stored projections mean; the `.json` beside each is what it wrote.
#![expect(clippy::unwrap_used, reason = "helpers of tests may panic")]

use candle_core::{Device, Tensor};
use hpa_artifacts::Weights;
use hpa_nn::{Architecture, Loss, LossKind, LossReduction, Network};
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
fn images() -> Tensor {
    let planes = uniform(500, BATCH * 4 * SIZE * SIZE, -1.0, 3.0);
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
    projections: Vec<f64>,
}

fn golden(architecture: Architecture) -> Golden {
    serde_json::from_str(match architecture {
        Architecture::ResNet18 => include_str!("golden/resnet18.json"),
        Architecture::EfficientNetLite0 => include_str!("golden/efficientnet_lite0.json"),
        other => panic!("no script has looked at {other}"),
    })
    .unwrap()
}

/// A gradient that is zero but for rounding: a bias that the next batch norm takes away.
const NOTHING: f64 = 1e-9;

fn loss(network: &mut Network) -> (Tensor, Tensor) {
    let logits = network.forward_train(&images()).unwrap();
    let loss = Loss { kind: LossKind::Bce, gamma: 0.0, reduction: LossReduction::Sum };
    (loss.of(&logits, &targets(), &[]).unwrap(), logits)
}

fn check_forward(architecture: Architecture) {
    let (golden, mut network) = (golden(architecture), network(architecture));
    let (loss, logits) = loss(&mut network);
    let loss = f64::from(loss.to_scalar::<f32>().unwrap());
    assert!((loss / golden.loss - 1.0).abs() < 1e-4, "{loss} {}", golden.loss);
    let logits: Vec<f32> = logits.flatten_all().unwrap().to_vec1().unwrap();
    let norm = |values: &mut dyn Iterator<Item = f64>| values.map(|v| v * v).sum::<f64>().sqrt();
    let differences = logits.iter().zip(&golden.logits).map(|(&a, b)| f64::from(a) - b);
    let error = norm(&mut differences.into_iter()) / norm(&mut golden.logits.iter().copied());
    eprintln!("{architecture}: relative error of logits {error:.2e}");
    assert!(error < 1e-4, "{error}");
    for (name, weights) in network.tensors().unwrap() {
        let Some([sum, most]) = golden.buffers.get(&name) else { continue };
        let ours: f64 = weights.values.iter().map(|&value| f64::from(value)).sum();
        let scale = most * weights.values.len() as f64;
        assert!((ours - sum).abs() < 1e-5 * scale, "{name}: {ours} {sum}");
    }
}

fn check_gradients(architecture: Architecture) {
    let (golden, mut network) = (golden(architecture), network(architecture));
    let gradients = loss(&mut network).0.backward().unwrap();
    let mut worst = (0.0, String::new());
    for (name, var) in network.parameters() {
        let gradient = gradients.get(var).unwrap_or_else(|| panic!("{name} has no gradient"));
        let ours = sketch(&gradient.flatten_all().unwrap().to_vec1::<f32>().unwrap());
        let expected = &golden.gradients[name];
        let squares = ours.iter().zip(&expected.projections).map(|(a, b)| (a - b).powi(2));
        let error = (squares.sum::<f64>() / 64.0).sqrt();
        if expected.norm < NOTHING {
            assert!(error < 1e-4, "{name} should have no gradient: {error:.1e}");
            continue;
        }
        let error = error / expected.norm;
        let ratio = error / expected.torch_f32_error;
        eprintln!("{name}: {error:.2e}, {ratio:.1} times PyTorch's");
        if ratio > worst.0 {
            worst = (ratio, name.clone());
        }
    }
    assert!(
        worst.0 <= 5.0,
        "the gradient of {} is off {:.1} times PyTorch's error",
        worst.1,
        worst.0
    );
    assert_eq!(golden.gradients.len(), network.parameters().len());
}

#[test]
fn loss_logits_and_running_statistics_are_pytorchs() {
    check_forward(Architecture::ResNet18);
}

#[test]
fn every_gradient_is_as_exact_as_five_times_pytorchs_own_rounding() {
    check_gradients(Architecture::ResNet18);
}

#[test]
fn an_efficientnets_loss_logits_and_running_statistics_are_pytorchs() {
    check_forward(Architecture::EfficientNetLite0);
}

#[test]
fn every_gradient_of_an_efficientnet_is_as_exact_as_five_times_pytorchs_own_rounding() {
    check_gradients(Architecture::EfficientNetLite0);
}

//! Weights, images, labels and stored results of the golden files: `common.py` in Rust.
#![expect(dead_code, reason = "each test uses a part")]

use candle_core::{Device, Tensor};
use hpa_artifacts::Weights;
use hpa_nn::{Architecture, Network};
use std::collections::BTreeMap;

pub(crate) const BATCH: usize = 4;
pub(crate) const SIZE: usize = 64;
pub(crate) const LABELS: usize = 28;

/// 64 random bits for an element of a numbered stream: `bits` of `common.py`.
pub(crate) fn bits(stream: u64, index: usize) -> u64 {
    let start = stream.wrapping_mul(0x9e37_79b9_7f4a_7c15);
    let place = (index as u64 + 1).wrapping_mul(0xd1b5_4a32_d192_ed03);
    let mut z = start.wrapping_add(place);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

#[expect(clippy::cast_possible_truncation, reason = "common.py rounds in the same way")]
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

/// The network of the golden file: parameters are numbered in the order of their names.
pub(crate) fn network(architecture: Architecture) -> Network {
    let start = Network::new(architecture, LABELS, hpa_core::Seed::new(0)).unwrap();
    let mut tensors = start.tensors().unwrap();
    for (stream, (name, var)) in (0..).zip(start.parameters()) {
        let shape = var.dims().to_vec();
        let values = value(stream, name, &shape);
        tensors.insert(name.clone(), Weights { shape, values });
    }
    Network::from_tensors(architecture, LABELS, tensors).unwrap()
}

/// The images `[N, S, S, 4]` of the golden file; `[N, 4, S, S]` in `PyTorch`.
pub(crate) fn images(stream: u64) -> Tensor {
    let planes = uniform(stream, BATCH * 4 * SIZE * SIZE, -1.0, 3.0);
    let planes = Tensor::from_vec(planes, (BATCH, 4, SIZE, SIZE), &Device::Cpu).unwrap();
    planes.permute((0, 2, 3, 1)).unwrap().contiguous().unwrap()
}

pub(crate) fn targets() -> Tensor {
    let values = uniform(501, BATCH * LABELS, 0.0, 1.0).into_iter();
    let values = values.map(|value| if f64::from(value) < 0.25 { 1.0 } else { 0.0 });
    Tensor::from_vec(values.collect::<Vec<f32>>(), (BATCH, LABELS), &Device::Cpu).unwrap()
}

#[derive(serde::Deserialize)]
pub(crate) struct Golden {
    /// Number of the images' stream.
    #[serde(default = "first_stream")]
    pub(crate) images: u64,
    pub(crate) loss: f64,
    pub(crate) logits: Vec<f64>,
    /// Sum and largest magnitude.
    pub(crate) buffers: BTreeMap<String, [f64; 2]>,
    pub(crate) gradients: BTreeMap<String, Gradient>,
}

#[derive(serde::Deserialize)]
pub(crate) struct Gradient {
    pub(crate) norm: f64,
    pub(crate) torch_f32_error: f64,
    /// Against f64 with the `ReLU` masks of PyTorch's f32.
    pub(crate) torch_f32_rounding: Option<f64>,
    pub(crate) torch_bf16_error: Option<f64>,
    pub(crate) projections: Vec<f64>,
}

pub(crate) fn golden(architecture: Architecture) -> Golden {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/golden");
    let name = architecture.name().replace('-', "_");
    let text = std::fs::read_to_string(format!("{folder}/{name}.json")).unwrap();
    serde_json::from_str(&text).unwrap()
}

const fn first_stream() -> u64 {
    500
}

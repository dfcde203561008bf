//! The tensors of a safetensors file.

use crate::ArtifactError;
use safetensors::{Dtype, SafeTensorError, SafeTensors};
use std::collections::BTreeMap;
use std::path::Path;

/// A tensor of weights in memory.
#[derive(Clone, Debug, PartialEq)]
pub struct Weights {
    /// Its shape.
    pub shape: Vec<usize>,
    /// Its values, row-major.
    pub values: Vec<f32>,
}

/// Reads the floating-point tensors of a file such as timm's or torchvision's weights, as 32-bit
/// floats. Integer tensors (`num_batches_tracked`) are left out.
///
/// # Errors
/// When the file is absent or not a safetensors file.
pub fn read_external_weights(path: &Path) -> Result<BTreeMap<String, Weights>, ArtifactError> {
    let bytes = crate::io::error::read_regular(path)?;
    tensors(&bytes).map_err(|error| ArtifactError::invalid(path, "safetensors", error))
}

pub(crate) fn tensors(bytes: &[u8]) -> Result<BTreeMap<String, Weights>, SafeTensorError> {
    let file = SafeTensors::deserialize(bytes)?;
    let mut tensors = BTreeMap::new();
    for (name, view) in file.iter() {
        if let Some(values) = floats(view.dtype(), view.data()) {
            tensors.insert(name.to_owned(), Weights { shape: view.shape().to_vec(), values });
        }
    }
    Ok(tensors)
}

fn floats(dtype: Dtype, data: &[u8]) -> Option<Vec<f32>> {
    let pairs = || data.as_chunks::<2>().0.iter().copied();
    match dtype {
        Dtype::F32 => Some(data.as_chunks().0.iter().map(|b| f32::from_le_bytes(*b)).collect()),
        Dtype::F16 => Some(pairs().map(|b| half::f16::from_le_bytes(b).to_f32()).collect()),
        Dtype::BF16 => Some(pairs().map(|b| half::bf16::from_le_bytes(b).to_f32()).collect()),
        #[expect(clippy::cast_possible_truncation, reason = "training is done in 32 bits")]
        Dtype::F64 => {
            Some(data.as_chunks().0.iter().map(|b| f64::from_le_bytes(*b) as f32).collect())
        }
        _ => None,
    }
}

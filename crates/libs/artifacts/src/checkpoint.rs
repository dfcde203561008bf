//! `models/M/fold-F.safetensors`: the weights of a model and how it was trained.
//!
//! All that is not a tensor is canonical JSON in ONE metadata key, `hpa`: the metadata of
//! safetensors is an unordered map, so with two keys the bytes would differ from save to save.

use crate::io::atomic;
use crate::io::embedded_digest::{self, EmbeddedDigest, ZEROS, offset_in_safetensors};
use crate::io::error::read_regular;
use crate::weights::tensors;
use crate::{Artifact, ArtifactError, Digest, Loaded, Origin, Provenance, Weights, canonical_json};
use hpa_core::{Channel, LabelNames};
use safetensors::tensor::{Dtype, TensorView};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, HashMap};
use std::io::Cursor;
use std::path::Path;

/// A trained model.
#[derive(Clone, Debug, PartialEq)]
pub struct Checkpoint {
    /// Its configuration and provenance.
    pub meta: CheckpointMeta,
    /// Parameters and buffers under their torchvision names.
    pub tensors: BTreeMap<String, Weights>,
}

/// The metadata of a checkpoint.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct CheckpointMeta {
    /// `resnet18` …
    pub architecture: String,
    /// Raised whenever the same settings train another model.
    pub recipe_version: u32,
    /// Side of the images it was trained on, in pixels.
    pub size_px: usize,
    /// Mean of each channel over the training rows, pixels in `[0, 1]`.
    pub mean: [f32; Channel::COUNT],
    /// Standard deviation of each channel.
    pub std: [f32; Channel::COUNT],
    /// Names of the outputs.
    pub label_names: LabelNames,
    /// The fold that was held out.
    pub fold: u8,
    /// How many folds there are.
    pub folds: u8,
    /// The seed of all randomness in training.
    pub seed: u64,
    /// The SIMD path it was trained with: `avx512`, `avx2` or `portable`.
    pub simd: String,
    /// Which epoch's weights were kept: `last` or `best`.
    pub checkpoint: String,
    /// The checked training settings.
    pub settings: serde_json::Value,
    /// Digest of the settings, inputs and lineage.
    #[serde(flatten)]
    pub provenance: Provenance,
}

/// The metadata entry as written.
#[derive(Serialize, Deserialize)]
struct Header<M> {
    schema: String,
    digest: String,
    #[serde(flatten)]
    meta: M,
}

impl Artifact for Checkpoint {
    const SCHEMA: &'static str = "checkpoint/1";

    fn read(path: &Path) -> Result<Loaded<Self>, ArtifactError> {
        let bytes = read_regular(path)?;
        let meta = read_meta(path, &bytes)?;
        let offset = offset_in_safetensors(&bytes);
        let EmbeddedDigest { actual, recorded } =
            embedded_digest::read(&mut Cursor::new(&bytes), offset)
                .map_err(ArtifactError::io(path, "read"))?;
        if recorded != Some(actual) {
            return Err(ArtifactError::damaged(path, "its bytes are not those that were written"));
        }
        let origin = Origin {
            path: path.to_owned(),
            digest: actual,
            provenance: Some(meta.provenance.clone()),
        };
        let tensors = tensors(&bytes).map_err(|error| ArtifactError::damaged(path, error))?;
        let value = Self { meta, tensors };
        Ok(Loaded { value, origin })
    }

    /// `provenance` replaces the one in `meta`.
    fn write(&self, path: &Path, provenance: &Provenance) -> Result<Digest, ArtifactError> {
        let meta = CheckpointMeta { provenance: provenance.clone(), ..self.meta.clone() };
        let digest = String::from_utf8_lossy(&ZEROS).into_owned();
        let header = Header { schema: Self::SCHEMA.to_owned(), digest, meta };
        let mut bytes = serialize(&self.tensors, &canonical_json(&header))
            .map_err(|reason| ArtifactError::unwritable(path, reason))?;
        let offset = offset_in_safetensors(&bytes).and_then(|offset| usize::try_from(offset).ok());
        let offset = offset.expect("the header has just been given one digest");
        let digest = Digest::of_bytes(&bytes);
        bytes[offset..][..Digest::HEX_DIGITS].copy_from_slice(digest.to_string().as_bytes());
        atomic::write_bytes(path, &bytes)?;
        Ok(digest)
    }
}

fn serialize(tensors: &BTreeMap<String, Weights>, header: &str) -> Result<Vec<u8>, String> {
    let bytes: Vec<(&String, &Vec<usize>, Vec<u8>)> = tensors
        .iter()
        .map(|(name, weights)| {
            let bytes = weights.values.iter().flat_map(|value| value.to_le_bytes()).collect();
            (name, &weights.shape, bytes)
        })
        .collect();
    let views = bytes
        .iter()
        .map(|(name, shape, bytes)| {
            let view = TensorView::new(Dtype::F32, (*shape).clone(), bytes)
                .map_err(|error| format!("tensor {name}: {error}"))?;
            Ok((name.as_str(), view))
        })
        .collect::<Result<Vec<_>, String>>()?;
    let metadata = HashMap::from([("hpa".to_owned(), header.to_owned())]);
    safetensors::serialize(views, Some(metadata)).map_err(|error| error.to_string())
}

fn read_meta(path: &Path, bytes: &[u8]) -> Result<CheckpointMeta, ArtifactError> {
    let damaged = |reason: String| ArtifactError::damaged(path, reason);
    let (_, metadata) = safetensors::SafeTensors::read_metadata(bytes)
        .map_err(|error| ArtifactError::not_whole(path, Checkpoint::SCHEMA, error))?;
    let entry = metadata.metadata().as_ref().and_then(|map| map.get("hpa")).ok_or_else(|| {
        let reason =
            "it has no metadata key `hpa` (pass pretrained weights to `hpa-train --weights`)";
        ArtifactError::invalid(path, Checkpoint::SCHEMA, reason)
    })?;
    let kind: Header<serde_json::Value> = serde_json::from_str(entry)
        .map_err(|error| damaged(format!("metadata hpa is unreadable: {error}")))?;
    if kind.schema != Checkpoint::SCHEMA {
        let (path, found) = (path.to_owned(), kind.schema);
        return Err(ArtifactError::OtherKind { path, expected: Checkpoint::SCHEMA, found });
    }
    let header: Header<CheckpointMeta> = serde_json::from_str(entry)
        .map_err(|error| damaged(format!("metadata hpa is unreadable: {error}")))?;
    Ok(header.meta)
}

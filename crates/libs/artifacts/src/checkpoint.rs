//! `models/M/fold-F.safetensors`: a network's weights and how they came about.
//!
//! All that is not a tensor stands in ONE metadata key, `hpa`, as canonical JSON: the
//! metadata of safetensors is an unordered map, and two keys would give other bytes on each
//! save. Its `digest` entry is the BLAKE3 of the whole file with its own digits as zeros.

use crate::atomic;
use crate::weights::tensors;
use crate::{Artifact, ArtifactError, Digest, Loaded, Origin, Provenance, Weights, canonical_json};
use hpa_core::{Channel, LabelNames};
use safetensors::tensor::{Dtype, TensorView};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, HashMap};
use std::path::Path;

/// As it stands in the header: quotes are escaped, for the JSON is a string of JSON.
const DIGEST_MARK: &[u8] = br#"\"digest\":\""#;

/// A trained network.
#[derive(Clone, Debug, PartialEq)]
pub struct Checkpoint {
    /// What it is.
    pub meta: CheckpointMeta,
    /// Parameters and buffers under their torchvision names.
    pub tensors: BTreeMap<String, Weights>,
}

/// What a checkpoint says of itself.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct CheckpointMeta {
    /// `resnet18` …
    pub architecture: String,
    /// Raised whenever training changes its meaning.
    pub recipe_version: u32,
    /// Side of the pictures it was trained on.
    pub size_px: usize,
    /// Mean of each channel over the training rows, pixels in `[0, 1]`.
    pub mean: [f32; Channel::COUNT],
    /// Standard deviation of each channel.
    pub std: [f32; Channel::COUNT],
    /// What the outputs are called.
    pub label_names: LabelNames,
    /// The fold that was held out.
    pub fold: u8,
    /// How many folds there are.
    pub folds: u8,
    /// The seed of all chance in training.
    pub seed: u64,
    /// The instruction set that computed it: `avx512`, `avx2` or `portable`.
    pub simd: String,
    /// Which epoch was kept: `last` or `best`.
    pub checkpoint: String,
    /// The checked training settings.
    pub settings: serde_json::Value,
    /// Settings digest, inputs, descent.
    #[serde(flatten)]
    pub provenance: Provenance,
}

/// The metadata entry as it is written.
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
        let bytes = crate::error::read_regular(path)?;
        let meta = read_meta(path, &bytes)?;
        let (actual, recorded) = digests(&bytes);
        if recorded.as_deref() != Some(actual.to_string().as_str()) {
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

    /// The provenance given here replaces the one in `meta`.
    fn write(&self, path: &Path, provenance: &Provenance) -> Result<Digest, ArtifactError> {
        let meta = CheckpointMeta { provenance: provenance.clone(), ..self.meta.clone() };
        let digest = "0".repeat(Digest::HEX_DIGITS);
        let header = Header { schema: Self::SCHEMA.to_owned(), digest, meta };
        let mut bytes = serialise(&self.tensors, &canonical_json(&header))
            .map_err(|reason| ArtifactError::unwritable(path, reason))?;
        let place = digest_place(&bytes).expect("the header was just written with one digest");
        let digest = Digest::of_bytes(&bytes);
        bytes[place..][..Digest::HEX_DIGITS].copy_from_slice(digest.to_string().as_bytes());
        atomic::write_bytes(path, &bytes)?;
        Ok(digest)
    }
}

fn serialise(tensors: &BTreeMap<String, Weights>, header: &str) -> Result<Vec<u8>, String> {
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
            "it has no metadata key `hpa` (weights from elsewhere go to `hpa-train --weights`)";
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

/// Where the digest's digits begin in the header.
fn digest_place(bytes: &[u8]) -> Option<usize> {
    let length = u64::from_le_bytes(bytes.get(..8)?.try_into().ok()?);
    let end = usize::try_from(length).ok()?.checked_add(8)?;
    let header = bytes.get(..end)?;
    let place = header.windows(DIGEST_MARK.len()).position(|window| window == DIGEST_MARK)?;
    let place = place + DIGEST_MARK.len();
    header.get(place..place + Digest::HEX_DIGITS).map(|_| place)
}

/// The digest of the bytes with the recorded one as zeros, and the recorded one.
fn digests(bytes: &[u8]) -> (Digest, Option<String>) {
    let Some(place) = digest_place(bytes) else { return (Digest::of_bytes(bytes), None) };
    let end = place + Digest::HEX_DIGITS;
    let mut hasher = blake3::Hasher::new();
    hasher.update(&bytes[..place]).update(&[b'0'; Digest::HEX_DIGITS]).update(&bytes[end..]);
    let recorded = String::from_utf8_lossy(&bytes[place..end]).into_owned();
    (Digest::finish(&hasher), Some(recorded))
}

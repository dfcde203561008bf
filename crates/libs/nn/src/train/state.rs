//! Resumable training state, so that an interrupted run ends with the same bytes.
//!
//! One safetensors file with one metadata key, `hpa-state`: a digest of the run's settings and
//! inputs, the position, the history, and a digest of the file's content. Floats are stored as
//! their bits.

use hpa_artifacts::{ArtifactError, Digest, HistoryRow, Weights, atomic, canonical_json};
use safetensors::tensor::{Dtype, SafeTensors, TensorView};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, HashMap};
use std::path::Path;

/// A position between two steps of a run.
///
/// Together with the seed it is also the position of the sampler and of every random number,
/// because those are drawn by seed, epoch and sample.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Position {
    /// Optimizer steps so far.
    pub steps: usize,
    /// Batches of the present epoch that are done.
    pub batches: usize,
    /// Sum of their losses over the samples.
    pub loss: f64,
}

/// Everything that the next step needs.
#[derive(Clone, Debug, PartialEq)]
pub struct TrainState {
    /// Tensors of `network/`, `optimizer/`, `ema/` and `best/`, by prefixed name.
    pub tensors: BTreeMap<String, Weights>,
    /// Where in the run it was taken.
    pub position: Position,
    /// The epochs so far.
    pub history: Vec<HistoryRow>,
}

/// Why a file is not a state to resume from.
#[derive(Debug, thiserror::Error)]
pub enum StateError {
    /// There is no file.
    #[error("there is no state")]
    Absent,
    /// It was written by an older version.
    #[error("it was written by an older version, whose settings have other names")]
    OldVersion,
    /// It belongs to a run with other settings or inputs.
    #[error("it belongs to a run with other settings or inputs")]
    OtherRun,
    /// It is not whole.
    #[error("it is damaged: {0}")]
    Damaged(String),
}

const METADATA_KEY: &str = "hpa-state";
const VERSION: u32 = 2;

#[derive(Serialize, Deserialize)]
struct Header {
    /// Missing in version 1.
    #[serde(default)]
    version: u32,
    digest: Digest,
    body: Body,
}

#[derive(Serialize, Deserialize)]
struct Body {
    run: Digest,
    /// Steps, batches of the epoch, and the bits of the sum of their losses.
    #[serde(alias = "place")]
    position: [u64; 3],
    /// Epoch, the bits of the four floats of a [`HistoryRow`], then those of its lists, F1 first.
    history: Vec<Vec<u64>>,
}

impl TrainState {
    /// Writes the state of the run with this digest.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn write(&self, path: &Path, run: Digest) -> Result<(), ArtifactError> {
        let bytes: Vec<(&String, &Weights, Vec<u8>)> =
            self.tensors.iter().map(|(name, weights)| (name, weights, to_bytes(weights))).collect();
        let Position { steps, batches, loss } = self.position;
        let body = Body {
            run,
            position: [steps as u64, batches as u64, loss.to_bits()],
            history: self.history.iter().map(to_bits).collect(),
        };
        let named = bytes
            .iter()
            .map(|(name, weights, bytes)| (name.as_str(), &weights.shape[..], &bytes[..]));
        let digest = digest(&body, named);
        let header = canonical_json(&Header { version: VERSION, digest, body });
        let unwritable = |error: safetensors::SafeTensorError| ArtifactError::Unwritable {
            path: path.to_owned(),
            reason: error.to_string(),
        };
        let views = bytes.iter().map(|(name, weights, bytes)| {
            TensorView::new(Dtype::F32, weights.shape.clone(), bytes).map(|view| (name, view))
        });
        let views = views.collect::<Result<Vec<_>, _>>().map_err(unwritable)?;
        let metadata = HashMap::from([(METADATA_KEY.to_owned(), header)]);
        let file = safetensors::serialize(views, Some(metadata)).map_err(unwritable)?;
        atomic::write_bytes(path, &file)
    }

    /// Reads the state of the run with this digest.
    ///
    /// # Errors
    /// When there is none to resume from.
    pub fn read(path: &Path, run: Digest) -> Result<Self, StateError> {
        let damaged = |error: &dyn std::fmt::Display| StateError::Damaged(error.to_string());
        if path.exists() && !path.is_file() {
            return Err(damaged(&"it is not a regular file"));
        }
        let bytes = match std::fs::read(path) {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                return Err(StateError::Absent);
            }
            Err(error) => return Err(damaged(&error)),
        };
        let (_, metadata) = SafeTensors::read_metadata(&bytes).map_err(|error| damaged(&error))?;
        let entry = metadata.metadata().as_ref().and_then(|map| map.get(METADATA_KEY));
        let entry = entry.ok_or_else(|| damaged(&"it has no training state"))?;
        let header: Header = serde_json::from_str(entry).map_err(|error| damaged(&error))?;
        if header.version < VERSION {
            return Err(StateError::OldVersion);
        }
        let file = SafeTensors::deserialize(&bytes).map_err(|error| damaged(&error))?;
        let views: BTreeMap<&str, TensorView<'_>> = file.iter().collect();
        let named = views.iter().map(|(name, view)| (*name, view.shape(), view.data()));
        if digest(&header.body, named) != header.digest {
            return Err(damaged(&"its digest does not match its content"));
        }
        if header.body.run != run {
            return Err(StateError::OtherRun);
        }
        let tensors =
            views.into_iter().map(|(name, view)| (name.to_owned(), from_view(&view))).collect();
        let history = header.body.history.iter().map(|row| from_bits(row)).collect();
        let [steps, batches, loss] = header.body.position;
        let count = |number| usize::try_from(number).unwrap_or(usize::MAX);
        let position =
            Position { steps: count(steps), batches: count(batches), loss: f64::from_bits(loss) };
        Ok(Self { tensors, position, history })
    }

    /// Removes the tensors whose names begin with `prefix/` and returns them without it.
    pub(crate) fn take(&mut self, prefix: &str) -> BTreeMap<String, Weights> {
        let prefix = format!("{prefix}/");
        let taken = self.tensors.extract_if(.., |name, _| name.starts_with(&prefix));
        taken.map(|(name, weights)| (name[prefix.len()..].to_owned(), weights)).collect()
    }

    /// Adds tensors under `prefix/`.
    pub(crate) fn put(&mut self, prefix: &str, tensors: BTreeMap<String, Weights>) {
        let named =
            tensors.into_iter().map(|(name, weights)| (format!("{prefix}/{name}"), weights));
        self.tensors.extend(named);
    }
}

fn to_bytes(weights: &Weights) -> Vec<u8> {
    weights.values.iter().flat_map(|value| value.to_le_bytes()).collect()
}

fn from_view(view: &TensorView<'_>) -> Weights {
    let values = view.data().as_chunks().0.iter().map(|bytes| f32::from_le_bytes(*bytes)).collect();
    Weights { shape: view.shape().to_vec(), values }
}

/// Digest of the body and of each tensor's name, shape and bytes, in the order of the names.
fn digest<'a>(
    body: &Body,
    tensors: impl Iterator<Item = (&'a str, &'a [usize], &'a [u8])>,
) -> Digest {
    let mut digests = vec![Digest::of_bytes(canonical_json(body).as_bytes())];
    for (name, shape, bytes) in tensors {
        digests.push(Digest::of_bytes(canonical_json(&(name, shape)).as_bytes()));
        digests.push(Digest::of_bytes(bytes));
    }
    Digest::combine(&digests)
}

fn to_bits(row: &HistoryRow) -> Vec<u64> {
    let floats = [row.train_loss, row.valid_loss, row.valid_macro_f1, row.learning_rate];
    let lists = row.valid_label_f1.iter().chain(&row.valid_label_loss);
    let bits = floats.iter().chain(lists).map(|value| value.to_bits());
    std::iter::once(u64::from(row.epoch)).chain(bits).collect()
}

/// The digest has been checked, so the row has its shape.
fn from_bits(row: &[u64]) -> HistoryRow {
    let float = |index: usize| row.get(index).map_or(f64::NAN, |bits| f64::from_bits(*bits));
    let lists: Vec<f64> = row.iter().skip(5).map(|bits| f64::from_bits(*bits)).collect();
    let (f1, loss) = lists.split_at(lists.len() / 2);
    HistoryRow {
        epoch: row.first().and_then(|epoch| u32::try_from(*epoch).ok()).unwrap_or(u32::MAX),
        train_loss: float(1),
        valid_loss: float(2),
        valid_macro_f1: float(3),
        learning_rate: float(4),
        valid_label_f1: f1.to_vec(),
        valid_label_loss: loss.to_vec(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn state() -> TrainState {
        let weights = Weights { shape: vec![2, 1], values: vec![f32::MIN_POSITIVE, -0.1] };
        let history = vec![HistoryRow {
            epoch: 0,
            train_loss: 0.1 + 0.2,
            valid_loss: 1.0 / 3.0,
            valid_macro_f1: 0.0,
            learning_rate: 1e-9,
            valid_label_f1: vec![0.25, 0.0],
            valid_label_loss: vec![0.1, 0.7],
        }];
        let position = Position { steps: 7, batches: 2, loss: 0.1 + 0.7 };
        let mut state = TrainState { tensors: BTreeMap::new(), position, history };
        state.put("network", BTreeMap::from([("fc.weight".to_owned(), weights)]));
        state
    }

    #[test]
    fn a_state_reads_back_bit_for_bit() {
        let folder = tempfile::tempdir().unwrap();
        let (path, run) = (folder.path().join("m/state.safetensors"), Digest::of_bytes(b"run"));
        assert!(matches!(TrainState::read(&path, run), Err(StateError::Absent)));
        state().write(&path, run).unwrap();
        let mut read = TrainState::read(&path, run).unwrap();
        assert_eq!(read, state());
        assert_eq!(read.take("network")["fc.weight"].shape, [2, 1]);
        assert!(read.take("network").is_empty());
    }

    #[test]
    fn a_state_of_another_run_and_a_damaged_one_are_refused() {
        let folder = tempfile::tempdir().unwrap();
        let (path, run) = (folder.path().join("state.safetensors"), Digest::of_bytes(b"run"));
        state().write(&path, run).unwrap();
        let other = Digest::of_bytes(b"other");
        assert!(matches!(TrainState::read(&path, other), Err(StateError::OtherRun)));
        let whole = std::fs::read(&path).unwrap();
        for index in (8..whole.len()).step_by(7) {
            let mut bytes = whole.clone();
            bytes[index] ^= 1;
            atomic::write_bytes(&path, &bytes).unwrap();
            assert!(
                !matches!(TrainState::read(&path, run), Ok(read) if read != state()),
                "{index}"
            );
        }
        atomic::write_bytes(&path, &whole[..whole.len() - 3]).unwrap();
        assert!(matches!(TrainState::read(&path, run), Err(StateError::Damaged(_))));
    }
}

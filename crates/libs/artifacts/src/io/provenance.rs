//! Provenance: the settings and inputs that a file was made from.

use crate::{ArtifactError, Digest, canonical_json};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// The record, inside a file, of how it was made.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Provenance {
    /// Digest of the settings that matter (not threads, quiet, json).
    pub config: Digest,
    /// Flag of each input, and the input's digest.
    pub inputs: BTreeMap<String, Digest>,
    /// Digests of the `labels`, `images`, `folds` and `models` that the file descends from:
    /// thresholds fitted on one run's predictions must not decide those of another.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub lineage: BTreeMap<String, Digest>,
}

/// The file that a value was read from.
#[derive(Clone, Debug)]
pub struct Origin {
    /// Its path.
    pub path: PathBuf,
    /// The digest of its bytes.
    pub digest: Digest,
    /// Its record of how it was made; nothing in an external file.
    pub provenance: Option<Provenance>,
}

/// A value and the file it came from.
#[derive(Clone, Debug)]
pub struct Loaded<T> {
    /// The value.
    pub value: T,
    /// The file.
    pub origin: Origin,
}

impl<T> std::ops::Deref for Loaded<T> {
    type Target = T;
    fn deref(&self) -> &T {
        &self.value
    }
}

impl Provenance {
    /// The provenance of a file that has no inputs yet.
    #[must_use]
    pub fn new(config: &impl Serialize) -> Self {
        Self {
            config: Digest::of_bytes(canonical_json(config).as_bytes()),
            inputs: BTreeMap::new(),
            lineage: BTreeMap::new(),
        }
    }

    /// Adds the input of a flag.
    #[must_use]
    pub fn with_input(mut self, flag: &str, digest: Digest) -> Self {
        self.inputs.insert(flag.to_owned(), digest);
        self
    }

    /// Adds the lineage of an input.
    #[must_use]
    pub fn with_lineage_of(mut self, origin: &Origin) -> Self {
        if let Some(provenance) = &origin.provenance {
            self.lineage.extend(provenance.lineage.clone());
        }
        self
    }

    /// Adds one ancestor: `labels`, `images`, `folds` or `models`.
    #[must_use]
    pub fn with_ancestor(mut self, name: &str, digest: Digest) -> Self {
        self.lineage.insert(name.to_owned(), digest);
        self
    }
}

impl Origin {
    /// The digest of an ancestor, where it is recorded.
    #[must_use]
    pub fn ancestor(&self, name: &str) -> Option<Digest> {
        self.provenance.as_ref()?.lineage.get(name).copied()
    }

    /// The name of the folder that holds the file, which for predictions and thresholds is the name
    /// of the model or ensemble.
    #[must_use]
    pub fn folder_name(&self) -> String {
        folder_name(&self.path)
    }
}

fn folder_name(path: &Path) -> String {
    let absolute = std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
    let folder = absolute.parent().and_then(Path::file_name);
    folder.map_or_else(|| "unnamed".to_owned(), |name| name.to_string_lossy().into_owned())
}

/// Refuses two files whose ancestors `name` are both recorded and differ.
///
/// # Errors
/// When they differ; the error names the second file.
pub fn check_lineage(name: &str, first: &Origin, second: &Origin) -> Result<(), ArtifactError> {
    match (first.ancestor(name), second.ancestor(name)) {
        (Some(a), Some(b)) if a != b => Err(ArtifactError::OtherRun {
            path: second.path.clone(),
            reason: format!(
                "it descends from other {name} than {} ({b:.12} instead of {a:.12})",
                first.path.display()
            ),
        }),
        _ => Ok(()),
    }
}

/// Refuses a file that records another input, or another ancestor, `name` than the present one.
///
/// # Errors
/// When one is recorded and differs.
pub fn check_made_from(
    origin: &Origin,
    name: &str,
    (present, path): (Digest, &Path),
) -> Result<(), ArtifactError> {
    let recorded = origin.provenance.as_ref().and_then(|it| it.inputs.get(name)).copied();
    match recorded.or_else(|| origin.ancestor(name)) {
        Some(recorded) if recorded != present => Err(ArtifactError::OtherRun {
            path: origin.path.clone(),
            reason: format!(
                "it was made from other {name} than {} ({recorded:.12} instead of {present:.12})",
                path.display()
            ),
        }),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn origin(path: &str, models: &[u8]) -> Origin {
        let provenance = Provenance::new(&()).with_ancestor("models", Digest::of_bytes(models));
        Origin { path: path.into(), digest: Digest::of_bytes(b""), provenance: Some(provenance) }
    }

    #[test]
    fn files_of_two_runs_are_not_mixed() {
        let (a, b) = (origin("a/oof.parquet", b"1"), origin("b/exact.parquet", b"2"));
        let error = check_lineage("models", &a, &b).unwrap_err().to_string();
        assert!(error.starts_with("b/exact.parquet is from another run"), "{error}");
        assert!(check_lineage("models", &a, &a).is_ok());
        assert!(check_lineage("folds", &a, &b).is_ok());
    }

    #[test]
    fn a_file_made_from_other_labels_is_refused() {
        let (old, new) = (Digest::of_bytes(b"old"), Digest::of_bytes(b"new"));
        let labels = Path::new("labels.parquet");
        for provenance in [
            Provenance::new(&()).with_input("labels", old),
            Provenance::new(&()).with_ancestor("labels", old),
        ] {
            let path = "folds.parquet".into();
            let origin = Origin { path, digest: old, provenance: Some(provenance) };
            let error = check_made_from(&origin, "labels", (new, labels)).unwrap_err().to_string();
            assert!(error.contains("folds.parquet is from another run"), "{error}");
            assert!(error.contains("other labels than labels.parquet"), "{error}");
            assert!(check_made_from(&origin, "labels", (old, labels)).is_ok());
            assert!(check_made_from(&origin, "images", (new, labels)).is_ok());
        }
    }

    #[test]
    fn a_prediction_is_named_after_its_folder() {
        assert_eq!(origin("predictions/resnet18/oof.parquet", b"").folder_name(), "resnet18");
    }
}

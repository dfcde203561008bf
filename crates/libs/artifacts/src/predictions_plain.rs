//! Predictions as our own programs write them, their columns read side by side.
//!
//! Nothing but the result is held: a million samples of 28 labels take 0.1 GB on top of it. See
//! [`crate::plain`] for what is left to the general way.

use crate::plain::{PlainFile, part};
use crate::{Artifact, ArtifactError, FoldColumn, Loaded, Predictions};
use hpa_core::{FoldCount, LabelNames};
use std::path::Path;

/// The predictions of a file; nothing when it is not as we write them.
pub(crate) fn read_plain(path: &Path) -> Result<Option<Loaded<Predictions>>, ArtifactError> {
    let file = PlainFile::open(path, Predictions::SCHEMA)?;
    let names = file.entries.get("label_names").and_then(|text| serde_json::from_str(text).ok());
    let width = names.as_ref().map(LabelNames::count);
    // Another thread takes the outer half first: the digest, so that the longer ids are not begun
    // last by the one who has read the labels.
    let ((probabilities, (ids, folds)), origin) = rayon::join(
        || {
            rayon::join(
                || part(&file, || file.probabilities("probability", width?)),
                || {
                    let folds = || part(&file, || folds(&file));
                    (part(&file, || file.ids()), file.has("fold").then(folds))
                },
            )
        },
        || file.origin(Predictions::SCHEMA),
    );
    let origin = origin?;
    let columns = || {
        let folds = match folds {
            Some(folds) => Some(folds?),
            None => None,
        };
        Some((names?, ids?, folds, probabilities?))
    };
    let Some((names, ids, folds, probabilities)) = columns() else { return Ok(None) };
    let alike = probabilities.len() == ids.len() * names.count()
        && folds.as_ref().is_none_or(|column| column.folds.len() == ids.len());
    let value = Predictions { names, ids, folds, probabilities };
    Ok(alike.then_some(Loaded { value, origin }))
}

fn folds(file: &PlainFile) -> Option<FoldColumn> {
    let count = FoldCount::try_from(file.entries.get("folds")?.parse::<u64>().ok()?).ok()?;
    let numbers = file.bytes("fold")?.into_iter();
    let folds = numbers.map(|number| count.fold(u64::from(number)));
    Some(FoldColumn { count, folds: folds.collect::<Result<_, _>>().ok()? })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Artifact, Provenance};

    fn predictions(ids: &[&str], folds: Option<&[u64]>, probability: f32) -> Predictions {
        let count = FoldCount::try_from(3).unwrap();
        let folds = folds.map(|folds| FoldColumn {
            count,
            folds: folds.iter().map(|&fold| count.fold(fold).unwrap()).collect(),
        });
        let mut probabilities = vec![0.25; 28 * ids.len()];
        probabilities[28 * ids.len() - 1] = probability;
        let ids = ids.iter().map(|id| id.parse().unwrap()).collect();
        Predictions { names: LabelNames::atlas(), ids, folds, probabilities }
    }

    fn written(predictions: &Predictions) -> tempfile::TempPath {
        let path = tempfile::NamedTempFile::new().unwrap().into_temp_path();
        predictions.write(&path, &Provenance::new(&())).unwrap();
        path
    }

    #[test]
    fn what_we_write_is_read_this_way_in_any_order() {
        for ids in [["a", "b", "c"], ["c", "a", "b"]] {
            for folds in [None, Some(&[0, 2, 1][..])] {
                let predictions = predictions(&ids, folds, 1.0);
                let loaded = read_plain(&written(&predictions)).unwrap();
                assert_eq!(loaded.expect("as we write it").value, predictions);
            }
        }
    }

    #[test]
    fn what_is_wrong_is_left_to_the_general_way_which_names_it() {
        for (ids, probability, told) in [
            (["a", "b", "c"], f32::NAN, "sample c, label 27: NaN"),
            (["a", "b", "c"], 1.5, "1.5 is not a probability"),
            (["b", "a", "b"], 0.5, "id b occurs twice"),
        ] {
            let path = written(&predictions(&ids, None, probability));
            assert!(read_plain(&path).unwrap().is_none());
            let error = Predictions::read(&path).unwrap_err().to_string();
            assert!(error.contains(told), "{error}");
        }
    }
}

//! Predictions as our own programs write them, read batch by batch.
//!
//! Nothing but the result is held: a million samples of 28 labels take 0.1 GB on top of it, not
//! 0.6, and the memory of one batch serves the next. Whatever is unusual about a file, a column
//! of another type, a value out of range, an id that stands twice, is left to the general way,
//! which converts or says what is wrong.

use crate::guard::guarded;
use crate::parquet_file::open_table;
use crate::{Artifact, ArtifactError, FoldColumn, Loaded, Predictions};
use arrow::array::{Array, AsArray, RecordBatch};
use arrow::datatypes::{Float32Type, UInt8Type};
use hpa_core::{FoldCount, LabelNames, SampleId};
use std::collections::{BTreeMap, HashSet};
use std::path::Path;

/// The predictions of a file; nothing when it is not as we write them.
pub(crate) fn read_plain(path: &Path) -> Result<Option<Loaded<Predictions>>, ArtifactError> {
    guarded(path, || read_unguarded(path))
}

fn read_unguarded(path: &Path) -> Result<Option<Loaded<Predictions>>, ArtifactError> {
    let table = open_table(path, Predictions::SCHEMA)?;
    let (metadata, origin) = (table.metadata, table.origin);
    let batches = table.batches.map(Result::ok);
    // Room is a guess: what the footer says is not yet known to be so.
    let room = table.rows.min(1 << 20);
    Ok(collect(batches, &metadata, room).map(|value| Loaded { value, origin }))
}

fn collect(
    batches: impl Iterator<Item = Option<RecordBatch>>,
    metadata: &BTreeMap<String, String>,
    room: usize,
) -> Option<Predictions> {
    let names: LabelNames = serde_json::from_str(metadata.get("label_names")?).ok()?;
    let mut rows = Rows::with_room(room, names.count());
    for batch in batches {
        rows.add(&batch?, names.count())?;
    }
    // Without a row it is not known whether there is a column of folds.
    if rows.ids.is_empty() || !(rows.ascending || unique(&rows.ids)) {
        return None;
    }
    let folds = if rows.folds.is_empty() { None } else { Some(folds(&rows.folds, metadata)?) };
    Some(Predictions { names, ids: rows.ids, folds, probabilities: rows.probabilities })
}

/// What the batches so far hold.
struct Rows {
    ids: Vec<SampleId>,
    /// Whether each id is behind the one before: then none stands twice.
    ascending: bool,
    folds: Vec<u8>,
    probabilities: Vec<f32>,
}

impl Rows {
    fn with_room(rows: usize, width: usize) -> Self {
        Self {
            ids: Vec::with_capacity(rows),
            ascending: true,
            folds: Vec::new(),
            probabilities: Vec::with_capacity(rows * width),
        }
    }

    fn add(&mut self, batch: &RecordBatch, width: usize) -> Option<()> {
        let ids = batch.column_by_name("id")?.as_string_opt::<i32>()?;
        if ids.null_count() > 0 {
            return None;
        }
        for id in ids.iter().flatten() {
            self.ascending &= self.ids.last().is_none_or(|last| last.as_str() < id);
            self.ids.push(id.parse().ok()?);
        }
        if let Some(folds) = batch.column_by_name("fold") {
            let folds = folds.as_primitive_opt::<UInt8Type>()?;
            if folds.null_count() > 0 {
                return None;
            }
            self.folds.extend_from_slice(folds.values());
        }
        let lists = batch.column_by_name("probability")?.as_fixed_size_list_opt()?;
        let values = lists.values().as_primitive_opt::<Float32Type>()?;
        let whole = lists.null_count() == 0 && values.null_count() == 0;
        let probabilities = &values.values()[..];
        let usual = whole && probabilities.len() == batch.num_rows() * width;
        if !usual || !probabilities.iter().all(|value| (0.0..=1.0).contains(value)) {
            return None;
        }
        self.probabilities.extend_from_slice(probabilities);
        Some(())
    }
}

fn unique(ids: &[SampleId]) -> bool {
    let mut seen = HashSet::with_capacity(ids.len());
    ids.iter().all(|id| seen.insert(id.as_str()))
}

fn folds(numbers: &[u8], metadata: &BTreeMap<String, String>) -> Option<FoldColumn> {
    let count = FoldCount::try_from(metadata.get("folds")?.parse::<u64>().ok()?).ok()?;
    let folds = numbers.iter().map(|&number| count.fold(u64::from(number)));
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
            (["b", "a", "b"], 0.5, "id b stands twice"),
        ] {
            let path = written(&predictions(&ids, None, probability));
            assert!(read_plain(&path).unwrap().is_none());
            let error = Predictions::read(&path).unwrap_err().to_string();
            assert!(error.contains(told), "{error}");
        }
    }
}

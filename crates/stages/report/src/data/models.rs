//! Joins predictions and thresholds into models by the name of their folder.

use super::split::{check_names, rows_of};
use super::{ModelResult, RunFiles, Split, ThresholdSet};
use anyhow::bail;
use hpa_artifacts::{ArtifactError, Loaded, Origin, Predictions, Thresholds, check_lineage};
use hpa_core::SampleId;
use std::path::PathBuf;

/// Builder of the models of a run.
pub(super) struct ModelsBuilder<'a> {
    files: &'a RunFiles,
    oof: &'a Split,
    test: Option<&'a Split>,
    entries: Vec<Entry>,
    notices: Vec<String>,
}

/// A model under construction and the files it came from.
#[derive(Default)]
struct Entry {
    model: ModelResult,
    oof: Option<Origin>,
    test: Option<Origin>,
    thresholds: Vec<PathBuf>,
}

impl<'a> ModelsBuilder<'a> {
    pub(super) fn new(files: &'a RunFiles, oof: &'a Split, test: Option<&'a Split>) -> Self {
        Self { files, oof, test, entries: Vec::new(), notices: Vec::new() }
    }

    /// Adds out-of-fold predictions (those with folds) or test predictions.
    pub(super) fn add_predictions(&mut self, file: &Loaded<Predictions>) -> anyhow::Result<()> {
        check_names(&self.files.labels, &file.names, &file.origin)?;
        if file.folds.is_some() {
            self.check_folds(file)?;
            let scores = self.select(file, &self.oof.ids, &self.files.folds.origin)?;
            let entry = self.entry(&file.origin.folder_name());
            refuse_second(entry.oof.as_ref(), &file.origin, "out-of-fold predictions")?;
            entry.model.oof = Some(scores);
            entry.oof = Some(file.origin.clone());
        } else {
            let scores = match (self.test, &self.files.test_labels) {
                (Some(split), Some(labels)) => {
                    Some(self.select(file, &split.ids, &labels.origin)?)
                }
                _ => None,
            };
            let entry = self.entry(&file.origin.folder_name());
            refuse_second(entry.test.as_ref(), &file.origin, "test predictions")?;
            entry.model.test = scores;
            entry.test = Some(file.origin.clone());
        }
        let entry = self.entry(&file.origin.folder_name());
        if let (Some(oof), Some(test)) = (&entry.oof, &entry.test) {
            check_lineage("models", oof, test)?;
        }
        Ok(())
    }

    pub(super) fn add_thresholds(&mut self, file: &Loaded<Thresholds>) -> anyhow::Result<()> {
        check_names(&self.files.labels, &file.names, &file.origin)?;
        let name = file.origin.folder_name();
        let path = file.origin.path.clone();
        let Some(entry) = self.entries.iter_mut().find(|entry| entry.model.name == name) else {
            bail!(
                "{}: no predictions of {name:?} are given\n  \
                 help: add --predictions predictions/{name}/oof.parquet; thresholds and predictions \
                 are matched by the name of their folder",
                path.display()
            );
        };
        for predictions in entry.oof.iter().chain(&entry.test) {
            check_lineage("models", predictions, &file.origin)?;
        }
        let n_folds = usize::from(self.files.folds.count.get());
        let lengths = file.rows.iter().filter_map(|row| row.fold_threshold.as_ref()).map(Vec::len);
        if let Some(found) = lengths.into_iter().find(|&length| length != n_folds) {
            let reason = format!("it has thresholds for {found} folds, the run has {n_folds}");
            return Err(ArtifactError::OtherRun { path, reason }.into());
        }
        let method = method_name(file);
        let sets = &mut entry.model.threshold_sets;
        if let Some(earlier) = sets.iter().position(|set| set.method == method) {
            let first = entry.thresholds[earlier].clone();
            let (first, second) = (first.display(), path.display());
            bail!("{first} and {second} both hold the thresholds of {name} by {method}");
        }
        sets.push(ThresholdSet { method, thresholds: file.value.clone() });
        entry.thresholds.push(path);
        Ok(())
    }

    pub(super) fn finish(mut self, notices: &mut Vec<String>) -> Vec<ModelResult> {
        for entry in &self.entries {
            if entry.model.threshold_sets.is_empty() {
                self.notices.push(format!("{} has no thresholds and no F1", entry.model.name));
            }
        }
        if self.test.is_none() && self.entries.iter().any(|entry| entry.test.is_some()) {
            let text = "without --test-labels, test predictions are not scored";
            self.notices.push(text.to_owned());
        }
        notices.append(&mut self.notices);
        self.entries.into_iter().map(|entry| entry.model).collect()
    }

    fn entry(&mut self, name: &str) -> &mut Entry {
        let known = self.entries.iter().position(|entry| entry.model.name == name);
        let index = known.unwrap_or_else(|| {
            let model = ModelResult { name: name.to_owned(), ..ModelResult::default() };
            self.entries.push(Entry { model, ..Entry::default() });
            self.entries.len() - 1
        });
        &mut self.entries[index]
    }

    /// Out-of-fold predictions must have the folds of the run.
    fn check_folds(&self, file: &Loaded<Predictions>) -> anyhow::Result<()> {
        let folds_file = &self.files.folds.origin;
        let rows = rows_of(&self.oof.ids, folds_file, &file.ids, &file.origin)?;
        let column = file.folds.as_ref().expect("called for out-of-fold predictions");
        for (row, &expected) in rows.into_iter().zip(&self.oof.folds) {
            let (id, found) = (&file.ids[row], column.folds[row]);
            if found != expected {
                return Err(ArtifactError::OtherRun {
                    path: file.origin.path.clone(),
                    reason: format!(
                        "sample {id} is in fold {found} there and in fold {expected} of {}",
                        folds_file.path.display()
                    ),
                }
                .into());
            }
        }
        Ok(())
    }

    /// The probabilities of the samples `ids` of `of`, in their order.
    fn select(
        &mut self,
        file: &Loaded<Predictions>,
        ids: &[SampleId],
        of: &Origin,
    ) -> anyhow::Result<Vec<f32>> {
        let rows = rows_of(ids, of, &file.ids, &file.origin)?;
        let left_out = file.ids.len() - rows.len();
        if left_out > 0 {
            let name = file.origin.folder_name();
            let text = format!("{left_out} predictions of {name} have no labels and are left out");
            self.notices.push(text);
        }
        Ok(rows.into_iter().flat_map(|row| file.row(row).iter().copied()).collect())
    }
}

fn refuse_second(first: Option<&Origin>, second: &Origin, kind: &str) -> anyhow::Result<()> {
    if let Some(first) = first {
        let model = second.folder_name();
        let (first, second) = (first.path.display(), second.path.display());
        bail!("{first} and {second} both hold {kind} of {model}");
    }
    Ok(())
}

/// The method's name; a file of another program lacks it and is named by its file.
fn method_name(file: &Loaded<Thresholds>) -> String {
    let stem = || {
        let stem = file.origin.path.file_stem().unwrap_or_default().to_string_lossy();
        // File names have no colon: fixed:0.5 is stored in fixed-0.5.parquet.
        stem.replacen("fixed-", "fixed:", 1)
    };
    let method = if file.method == "unknown" { stem() } else { file.method.clone() };
    match file.metric.as_str() {
        "macro-f1" | "unknown" => method,
        metric => format!("{method} ({metric})"),
    }
}

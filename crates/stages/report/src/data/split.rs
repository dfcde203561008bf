//! Labelled samples of one split, and joining other files to them by id.

use super::ReportError;
use hpa_artifacts::{Folds, Labels, Loaded, Origin};
use hpa_core::{Fold, LabelNames, LabelSet, SampleId};
use std::collections::BTreeMap;

/// Most ids in an error message.
const LISTED: usize = 20;

/// Labelled samples.
#[derive(Debug)]
pub struct Split {
    /// The samples.
    pub ids: Vec<SampleId>,
    /// True labels, row-major `[samples][labels]`.
    pub truth: Vec<bool>,
    /// Group number of each sample; duplicates share one.
    pub groups: Vec<u32>,
    /// The fold that holds each sample out; empty for the test split.
    pub folds: Vec<Fold>,
}

impl Split {
    /// The samples of the folds file, in its order.
    ///
    /// # Errors
    /// When one has no labels, or there is none.
    pub fn out_of_fold(
        labels: &Loaded<Labels>,
        folds: &Loaded<Folds>,
    ) -> Result<Self, ReportError> {
        let ids: Vec<SampleId> = folds.rows.iter().map(|row| row.id.clone()).collect();
        let labelled: Vec<SampleId> = labels.rows.iter().map(|row| row.id.clone()).collect();
        let rows = rows_of(&ids, &folds.origin, &labelled, &labels.origin)?;
        let sets = rows.into_iter().map(|row| &labels.rows[row].labels);
        Ok(Self {
            truth: truth(sets, labels.names.count()),
            groups: folds.rows.iter().map(|row| row.group).collect(),
            folds: folds.rows.iter().map(|row| row.fold).collect(),
            ids,
        })
    }

    /// The samples of the test labels, in their order; each is a group of its own.
    ///
    /// # Errors
    /// When there is none.
    pub fn test(labels: &Loaded<Labels>) -> Result<Self, ReportError> {
        let ids: Vec<SampleId> = labels.rows.iter().map(|row| row.id.clone()).collect();
        rows_of(&ids, &labels.origin, &ids, &labels.origin)?;
        Ok(Self {
            truth: truth(labels.rows.iter().map(|row| &row.labels), labels.names.count()),
            groups: (0..).take(ids.len()).collect(),
            folds: Vec::new(),
            ids,
        })
    }

    /// The number of samples with each label.
    #[must_use]
    pub fn label_counts(&self, n_labels: usize) -> Vec<usize> {
        let mut counts = vec![0; n_labels];
        for row in self.truth.chunks_exact(n_labels) {
            for (count, &positive) in counts.iter_mut().zip(row) {
                *count += usize::from(positive);
            }
        }
        counts
    }
}

fn truth<'a>(sets: impl Iterator<Item = &'a LabelSet>, n_labels: usize) -> Vec<bool> {
    let mut truth = Vec::new();
    for labels in sets {
        let start = truth.len();
        truth.resize(start + n_labels, false);
        for label in labels.as_slice() {
            truth[start + label.index()] = true;
        }
    }
    truth
}

/// Refuses a file whose label names are not those of the labels file.
///
/// # Errors
/// When a name differs or one has more of them.
pub(super) fn check_names(
    labels: &Loaded<Labels>,
    names: &LabelNames,
    origin: &Origin,
) -> Result<(), ReportError> {
    let name = |names: &LabelNames, label: usize| match names.as_slice().get(label) {
        Some(name) => format!("{name:?}"),
        None => "absent".to_owned(),
    };
    for label in 0..labels.names.count().max(names.count()) {
        let (ours, theirs) = (name(&labels.names, label), name(names, label));
        if ours != theirs {
            let (path, first) = (origin.path.clone(), labels.origin.path.clone());
            return Err(ReportError::Names { path, first, label, ours, theirs });
        }
    }
    Ok(())
}

/// The row in the file `origin` of each of the samples `wanted` of the file `of`.
///
/// # Errors
/// When some are absent, or `wanted` is empty.
pub(super) fn rows_of(
    wanted: &[SampleId],
    of: &Origin,
    ids: &[SampleId],
    origin: &Origin,
) -> Result<Vec<usize>, ReportError> {
    if wanted.is_empty() {
        return Err(ReportError::Empty { path: of.path.clone() });
    }
    let row_of: BTreeMap<&SampleId, usize> = ids.iter().zip(0..).collect();
    let missing: Vec<&str> =
        wanted.iter().filter(|id| !row_of.contains_key(id)).map(SampleId::as_str).collect();
    if missing.is_empty() {
        return Ok(wanted.iter().map(|id| row_of[id]).collect());
    }
    let rest = if missing.len() > LISTED { ", …" } else { "" };
    Err(ReportError::Missing {
        path: origin.path.clone(),
        of: of.path.clone(),
        count: missing.len(),
        listed: format!("{}{rest}", missing[..missing.len().min(LISTED)].join(", ")),
    })
}

//! Brings tables of the same samples into one order.

use crate::ReportError;
use hpa_artifacts::{Folds, Labels, Loaded, Origin};
use hpa_core::{Fold, LabelNames, LabelSet, SampleId};
use std::collections::BTreeMap;

/// How many ids an error lists.
const LISTED: usize = 20;

/// Samples whose labels are known.
#[derive(Debug)]
pub struct Part {
    /// The samples.
    pub ids: Vec<SampleId>,
    /// Their labels, row-major `[samples][labels]`.
    pub truth: Vec<bool>,
    /// Duplicates share a number.
    pub groups: Vec<u32>,
    /// The fold that holds each sample out; empty for the test part.
    pub folds: Vec<Fold>,
}

impl Part {
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
        let rows = rows_of((&ids, &folds.origin), (&labelled, &labels.origin))?;
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
        rows_of((&ids, &labels.origin), (&ids, &labels.origin))?;
        Ok(Self {
            truth: truth(labels.rows.iter().map(|row| &row.labels), labels.names.count()),
            groups: (0..).take(ids.len()).collect(),
            folds: Vec::new(),
            ids,
        })
    }

    /// How many samples carry each label.
    #[must_use]
    pub fn label_counts(&self, n_labels: usize) -> Vec<usize> {
        let mut counts = vec![0; n_labels];
        for row in self.truth.chunks_exact(n_labels) {
            for (count, _) in counts.iter_mut().zip(row).filter(|&(_, &there)| there) {
                *count += 1;
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

/// Refuses a file that calls the labels otherwise than the labels file does.
///
/// # Errors
/// When a name differs or one has more of them.
pub(crate) fn check_names(
    ours: (&LabelNames, &Origin),
    theirs: (&LabelNames, &Origin),
) -> Result<(), ReportError> {
    let name = |names: &LabelNames, label: usize| match names.as_slice().get(label) {
        Some(name) => format!("{name:?}"),
        None => "absent".to_owned(),
    };
    let count = ours.0.count().max(theirs.0.count());
    match (0..count).find(|&label| name(ours.0, label) != name(theirs.0, label)) {
        Some(label) => Err(ReportError::Names {
            path: theirs.1.path.clone(),
            first: ours.1.path.clone(),
            label,
            ours: name(ours.0, label),
            theirs: name(theirs.0, label),
        }),
        None => Ok(()),
    }
}

/// The row of each wanted sample in another file.
///
/// # Errors
/// When some are not there, or none is wanted.
pub(crate) fn rows_of(
    (wanted, of): (&[SampleId], &Origin),
    (ids, origin): (&[SampleId], &Origin),
) -> Result<Vec<usize>, ReportError> {
    if wanted.is_empty() {
        return Err(ReportError::Empty { path: of.path.clone() });
    }
    let places: BTreeMap<&SampleId, usize> = ids.iter().zip(0..).collect();
    let missing: Vec<&str> =
        wanted.iter().filter(|id| !places.contains_key(id)).map(SampleId::as_str).collect();
    if missing.is_empty() {
        return Ok(wanted.iter().map(|id| places[id]).collect());
    }
    let rest = if missing.len() > LISTED { ", …" } else { "" };
    Err(ReportError::Missing {
        path: origin.path.clone(),
        of: of.path.clone(),
        count: missing.len(),
        listed: format!("{}{rest}", missing[..missing.len().min(LISTED)].join(", ")),
    })
}

//! Labelled samples of one split, and joining other files to them by id.

use anyhow::{anyhow, bail};
use hpa_artifacts::{Folds, LabelNameMismatch, Labels, Loaded, Origin, row_indices};
use hpa_core::{Fold, LabelNames, SampleId};

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
    pub fn out_of_fold(labels: &Loaded<Labels>, folds: &Loaded<Folds>) -> anyhow::Result<Self> {
        let ids: Vec<SampleId> = folds.rows.iter().map(|row| row.id.clone()).collect();
        let labelled: Vec<SampleId> = labels.rows.iter().map(|row| row.id.clone()).collect();
        let rows = rows_of(&ids, &folds.origin, &labelled, &labels.origin)?;
        let (truth, n_labels) = (labels.truth(), labels.names.count());
        let truth = rows.into_iter().flat_map(|row| &truth[row * n_labels..][..n_labels]);
        Ok(Self {
            truth: truth.copied().collect(),
            groups: folds.rows.iter().map(|row| row.group).collect(),
            folds: folds.rows.iter().map(|row| row.fold).collect(),
            ids,
        })
    }

    /// The samples of the test labels, in their order; each is a group of its own.
    ///
    /// # Errors
    /// When there is none.
    pub fn test(labels: &Loaded<Labels>) -> anyhow::Result<Self> {
        let ids: Vec<SampleId> = labels.rows.iter().map(|row| row.id.clone()).collect();
        rows_of(&ids, &labels.origin, &ids, &labels.origin)?;
        Ok(Self {
            truth: labels.truth(),
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

/// Refuses a file whose label names are not those of the labels file.
///
/// # Errors
/// When a name differs or one has more of them.
pub(super) fn check_names(
    labels: &Loaded<Labels>,
    names: &LabelNames,
    origin: &Origin,
) -> anyhow::Result<()> {
    if let Err(mismatch) = LabelNameMismatch::check(&labels.names, names) {
        let LabelNameMismatch { label, first, second } = mismatch;
        bail!(
            "{} has other label names than {}: label {label} is {second} there and {first} here",
            origin.path.display(),
            labels.origin.path.display()
        );
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
) -> anyhow::Result<Vec<usize>> {
    if wanted.is_empty() {
        bail!("{} has no samples", of.path.display());
    }
    row_indices(wanted.iter(), ids.iter()).map_err(|missing| {
        let (path, of) = (origin.path.display(), of.path.display());
        anyhow!("{path} lacks {} samples of {of}: {missing}", missing.count)
    })
}

//! Sample list: the labelled samples to split.

use crate::SplitError;
use hpa_artifacts::{ImageStore, LabelRow, Labels};
use hpa_core::SampleId;
use std::collections::HashSet;

/// Ids listed in an error message, at most.
const MAX_LISTED: usize = 20;

/// The samples to assign to folds, in the order of the labels.
#[derive(Debug)]
pub struct SampleList<'a> {
    /// Labelled, not excluded and, if images are given, with an image.
    pub rows: Vec<&'a LabelRow>,
    /// Number of labelled samples that are excluded.
    pub excluded: usize,
}

impl<'a> SampleList<'a> {
    /// The labelled samples that are not excluded.
    ///
    /// # Errors
    /// When there is none, or one has no image in `images`.
    pub fn new(
        labels: &'a Labels,
        images: Option<&ImageStore>,
        excluded: &[SampleId],
    ) -> Result<Self, SplitError> {
        let excluded: HashSet<&SampleId> = excluded.iter().collect();
        let rows: Vec<&LabelRow> =
            labels.rows.iter().filter(|row| !excluded.contains(&row.id)).collect();
        let has_image = |id: &SampleId| images.is_none_or(|store| store.position(id).is_some());
        let missing: Vec<&str> =
            rows.iter().filter(|row| !has_image(&row.id)).map(|row| row.id.as_str()).collect();
        if !missing.is_empty() {
            let ellipsis = if missing.len() > MAX_LISTED { ", …" } else { "" };
            let ids = missing[..missing.len().min(MAX_LISTED)].join(", ") + ellipsis;
            return Err(SplitError::NoImage { count: missing.len(), ids });
        }
        if rows.is_empty() {
            return Err(SplitError::NoSamples);
        }
        let excluded = labels.rows.len() - rows.len();
        Ok(Self { rows, excluded })
    }

    /// The samples' ids.
    #[must_use]
    pub fn ids(&self) -> Vec<&'a SampleId> {
        self.rows.iter().map(|row| &row.id).collect()
    }
}

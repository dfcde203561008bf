//! Who takes part.

use crate::SplitError;
use hpa_artifacts::{ImageStore, LabelRow, Labels};
use hpa_core::SampleId;
use std::collections::HashSet;

/// How many ids an error lists.
const LISTED: usize = 20;

/// The samples to deal to folds, in the order of the labels.
#[derive(Debug)]
pub struct Roster<'a> {
    /// Labelled, not skipped, with a picture where pictures are given.
    pub rows: Vec<&'a LabelRow>,
    /// Labelled samples that the list of skipped ones takes out.
    pub skipped: usize,
}

impl<'a> Roster<'a> {
    /// The labelled samples that are not skipped.
    ///
    /// # Errors
    /// When there is none, or one has no picture in `images`.
    pub fn new(
        labels: &'a Labels,
        images: Option<&ImageStore>,
        skipped: &[SampleId],
    ) -> Result<Self, SplitError> {
        let skipped: HashSet<&SampleId> = skipped.iter().collect();
        let rows: Vec<&LabelRow> =
            labels.rows.iter().filter(|row| !skipped.contains(&row.id)).collect();
        let imageless = |id: &SampleId| images.is_some_and(|store| store.position(id).is_none());
        let missing: Vec<&str> =
            rows.iter().filter(|row| imageless(&row.id)).map(|row| row.id.as_str()).collect();
        if !missing.is_empty() {
            return Err(SplitError::NoImage { count: missing.len(), first: first(&missing) });
        }
        if rows.is_empty() {
            return Err(SplitError::Empty);
        }
        let skipped = labels.rows.len() - rows.len();
        Ok(Self { rows, skipped })
    }

    /// The samples' ids.
    #[must_use]
    pub fn ids(&self) -> Vec<&'a SampleId> {
        self.rows.iter().map(|row| &row.id).collect()
    }

    /// Pictures that nobody labelled, or that are skipped.
    #[must_use]
    pub fn unused(&self, images: &ImageStore) -> usize {
        images.len() - self.rows.len()
    }
}

fn first(ids: &[&str]) -> String {
    let rest = if ids.len() > LISTED { ", …" } else { "" };
    format!("{}{rest}", ids[..ids.len().min(LISTED)].join(", "))
}

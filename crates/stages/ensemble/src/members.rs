//! Members side by side: the same samples, folds and labels, in the order of the first.

use crate::EnsembleError;
use hpa_artifacts::{Digest, Loaded, Predictions, Provenance, check_lineage};
use hpa_core::SampleId;
use std::collections::HashMap;

/// How many samples an error lists.
const LISTED: usize = 20;

/// A member whose rows stand in the order of the first member's.
pub type Aligned = Predictions;

/// Brings the members into the order of the first.
///
/// # Errors
/// When they differ in samples, folds or labels, descend from different folds, or one
/// occurs twice.
pub fn align(members: &[Loaded<Predictions>]) -> Result<Vec<Aligned>, EnsembleError> {
    let mut aligned: Vec<Aligned> = Vec::with_capacity(members.len());
    for (place, member) in members.iter().enumerate() {
        let earlier = &members[..place];
        if let Some(same) = earlier.iter().find(|one| one.origin.digest == member.origin.digest) {
            let (one, other) = (same.origin.path.clone(), member.origin.path.clone());
            return Err(EnsembleError::Twice(one, other));
        }
        aligned.push(reorder(&members[0], member)?);
    }
    Ok(aligned)
}

/// Refuses members that are not those the configuration names, in its order.
///
/// # Errors
/// When names and folders differ.
pub fn check_named(names: &[String], members: &[Loaded<Predictions>]) -> Result<(), EnsembleError> {
    let folders: Vec<String> = members.iter().map(|member| member.origin.folder_name()).collect();
    if names.is_empty() || names == folders {
        return Ok(());
    }
    Err(EnsembleError::Members { named: names.join(", "), given: folders.join(", ") })
}

/// Adds what the ensemble descends from: the folds of all, and the models of each in order.
#[must_use]
pub fn lineage(members: &[Loaded<Predictions>], provenance: Provenance) -> Provenance {
    let of = |name: &str| -> Vec<Digest> {
        members.iter().filter_map(|member| member.origin.ancestor(name)).collect()
    };
    let (folds, models) = (of("folds"), of("models"));
    let mut provenance = provenance;
    if let Some(folds) = folds.first() {
        provenance = provenance.with_ancestor("folds", *folds);
    }
    // Only when every member's is known does the combination name the ensemble.
    if models.len() == members.len() {
        provenance = provenance.with_ancestor("models", Digest::combine(&models));
    }
    provenance
}

fn reorder(
    first: &Loaded<Predictions>,
    member: &Loaded<Predictions>,
) -> Result<Aligned, EnsembleError> {
    check_lineage("folds", &first.origin, &member.origin)?;
    check_names(first, member)?;
    let rows = rows(first, member)?;
    let folds = member.folds.clone().map(|mut column| {
        column.folds = rows.iter().map(|&row| column.folds[row]).collect();
        column
    });
    let probabilities = rows.iter().flat_map(|&row| member.row(row)).copied().collect();
    let (names, ids) = (member.names.clone(), first.ids.clone());
    let aligned = Aligned { names, ids, folds, probabilities };
    check_folds(first, member, &aligned)?;
    Ok(aligned)
}

fn check_names(
    first: &Loaded<Predictions>,
    member: &Loaded<Predictions>,
) -> Result<(), EnsembleError> {
    let (ours, theirs) = (first.names.as_slice(), member.names.as_slice());
    let labels = 0..ours.len().max(theirs.len());
    match labels.into_iter().find(|&label| ours.get(label) != theirs.get(label)) {
        None => Ok(()),
        Some(label) => {
            let (path, first) = (member.origin.path.clone(), first.origin.path.clone());
            Err(EnsembleError::Names { path, first, label })
        }
    }
}

/// Where in `member` the samples of `first` stand.
fn rows(
    first: &Loaded<Predictions>,
    member: &Loaded<Predictions>,
) -> Result<Vec<usize>, EnsembleError> {
    let places: HashMap<&SampleId, usize> = member.ids.iter().zip(0..).collect();
    let known: HashMap<&SampleId, usize> = first.ids.iter().zip(0..).collect();
    let missing = first.ids.iter().filter(|id| !places.contains_key(id));
    let surplus = member.ids.iter().filter(|id| !known.contains_key(id));
    let missing = missing.map(|id| format!("{id} is missing"));
    let odd: Vec<String> =
        missing.chain(surplus.map(|id| format!("{id} is in it alone"))).collect();
    if odd.is_empty() {
        return Ok(first.ids.iter().map(|id| places[id]).collect());
    }
    let (path, first) = (member.origin.path.clone(), first.origin.path.clone());
    Err(EnsembleError::Samples { path, first, listed: listed(&odd) })
}

fn check_folds(
    first: &Loaded<Predictions>,
    member: &Loaded<Predictions>,
    aligned: &Aligned,
) -> Result<(), EnsembleError> {
    let odd = match (&first.folds, &aligned.folds) {
        (None, None) => Vec::new(),
        (Some(ours), Some(theirs)) if ours.count == theirs.count => {
            let pairs = ours.folds.iter().zip(&theirs.folds).zip(&first.ids);
            let odd = pairs.filter(|((ours, theirs), _)| ours != theirs);
            odd.map(|((ours, theirs), id)| format!("{id} in fold {theirs}, not {ours}")).collect()
        }
        (Some(ours), Some(theirs)) => {
            vec![format!("{} and {} of them", theirs.count.get(), ours.count.get())]
        }
        _ => vec!["one of the two has no fold column".to_owned()],
    };
    if odd.is_empty() {
        return Ok(());
    }
    let (path, first) = (member.origin.path.clone(), first.origin.path.clone());
    Err(EnsembleError::Folds { path, first, listed: listed(&odd) })
}

fn listed(all: &[String]) -> String {
    let shown = all[..all.len().min(LISTED)].join(", ");
    match all.len().saturating_sub(LISTED) {
        0 => shown,
        more => format!("{shown} … and {more} more"),
    }
}

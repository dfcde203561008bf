//! OR of decisions.

use crate::combine::combined;
use crate::{Aligned, EnsembleError};
use hpa_artifacts::{Loaded, Predictions, Thresholds, check_lineage};
use std::collections::BTreeSet;

/// 1 where any member decides for the label, else 0.
///
/// # Panics
/// When members differ in length.
#[must_use]
pub fn any(members: &[&[bool]]) -> Vec<f32> {
    combined(members, |votes| f32::from(u8::from(votes.fold(false, |any, vote| any | vote))))
}

/// Decides each member by its own thresholds and joins the decisions.
///
/// # Errors
/// When thresholds are not those of the member at the same place.
pub fn vote(
    members: &[Loaded<Predictions>],
    aligned: &[Aligned],
    thresholds: &[Loaded<Thresholds>],
) -> Result<Vec<f32>, EnsembleError> {
    check_thresholds(members, thresholds)?;
    let decide = |(member, thresholds): (&Aligned, &Loaded<Thresholds>)| {
        let path = thresholds.origin.path.clone();
        member.decide(thresholds).map_err(|source| EnsembleError::Decide { path, source })
    };
    let decisions: Vec<Vec<bool>> =
        aligned.iter().zip(thresholds).map(decide).collect::<Result<_, _>>()?;
    Ok(any(&decisions.iter().map(Vec::as_slice).collect::<Vec<_>>()))
}

/// Refuses thresholds that are not those of the predictions at the same place.
fn check_thresholds(
    predictions: &[Loaded<Predictions>],
    thresholds: &[Loaded<Thresholds>],
) -> Result<(), EnsembleError> {
    if predictions.len() != thresholds.len() {
        let (predictions, thresholds) = (predictions.len(), thresholds.len());
        return Err(EnsembleError::ThresholdCount { predictions, thresholds });
    }
    check_order(predictions, thresholds)?;
    for (predictions, thresholds) in predictions.iter().zip(thresholds) {
        for ancestor in ["models", "folds"] {
            check_lineage(ancestor, &predictions.origin, &thresholds.origin)?;
        }
    }
    Ok(())
}

/// Refuses thresholds that all lie in folders named after other members.
///
/// By the layout of a run a model's files lie in folders with its name, but nobody must keep
/// to it: names that say anything less than that all places are mixed up are no evidence.
fn check_order(
    predictions: &[Loaded<Predictions>],
    thresholds: &[Loaded<Thresholds>],
) -> Result<(), EnsembleError> {
    let members: Vec<String> = predictions.iter().map(|one| one.origin.folder_name()).collect();
    let distinct: BTreeSet<&String> = members.iter().collect();
    let found: Vec<String> = thresholds.iter().map(|one| one.origin.folder_name()).collect();
    let misplaced =
        |(member, found): (&String, &String)| member != found && distinct.contains(found);
    if distinct.len() < members.len() || !members.iter().zip(&found).all(misplaced) {
        return Ok(());
    }
    match (thresholds.first(), members.first(), found.first()) {
        (Some(first), Some(member), Some(found)) => Err(EnsembleError::OtherThresholds {
            path: first.origin.path.clone(),
            member: member.clone(),
            found: found.clone(),
        }),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_talk_s_or_comes_out() {
        let decisions = ["10010", "10101", "10011"]
            .map(|bits| bits.chars().map(|bit| bit == '1').collect::<Vec<bool>>());
        let members: Vec<&[bool]> = decisions.iter().map(Vec::as_slice).collect();
        assert_eq!(any(&members), [1.0, 0.0, 1.0, 1.0, 1.0]);
    }
}

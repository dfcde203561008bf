//! Combines the predictions of several models.
//!
//! Average and maximum combine probabilities; OR combines decisions, each member's by its own
//! thresholds, and writes 1 or 0. All of it works label by label and sample by sample, so an
//! ensemble of out-of-fold predictions is out of fold too, and its thresholds are fitted and scored
//! like a model's.
//!
//! Shapes: a member's probabilities are row-major `[samples][labels]`, rows in the order of the
//! first member. Units: probabilities in [0, 1].

mod error;

pub use error::EnsembleError;

use clap::ValueEnum;
use hpa_artifacts::{
    Digest, ErrorList, LabelNameMismatch, Loaded, Predictions, Provenance, Thresholds,
    apply_thresholds, check_lineage, row_indices,
};
use serde::Serialize;
use std::collections::BTreeSet;
use std::iter::zip;

/// How members are combined.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Method {
    /// The mean of the probabilities.
    Average,
    /// The largest probability.
    Max,
    /// A label is present when any member predicts it by its own thresholds; writes 1 or 0
    Or,
}

/// Combines members into predictions in the order of the first.
///
/// # Errors
/// When members differ in samples, folds or labels, or the thresholds do not fit them.
pub fn combine(
    method: Method,
    members: &[Loaded<Predictions>],
    thresholds: &[Loaded<Thresholds>],
) -> Result<Predictions, EnsembleError> {
    let aligned = align_members(members)?;
    let columns: Vec<&[f32]> = aligned.iter().map(|one| &one.probabilities[..]).collect();
    let probabilities = match method {
        Method::Or => {
            check_thresholds(members, thresholds)?;
            let decisions = zip(&aligned, thresholds).map(|(member, thresholds)| {
                apply_thresholds(member, thresholds).map_err(|source| EnsembleError::Thresholds {
                    path: thresholds.origin.path.clone(),
                    source,
                })
            });
            let decisions: Vec<Vec<bool>> = decisions.collect::<Result<_, _>>()?;
            any(&decisions.iter().map(Vec::as_slice).collect::<Vec<_>>())
        }
        _ if !thresholds.is_empty() => {
            let (predictions, thresholds) = (members.len(), thresholds.len());
            return Err(EnsembleError::ThresholdCount { predictions, thresholds });
        }
        Method::Average => average(&columns),
        Method::Max => maximum(&columns),
    };
    Ok(Predictions { probabilities, ..aligned[0].clone() })
}

/// Adds the inputs and the lineage of an ensemble: the members' folds, and the models of each in
/// order.
#[must_use]
pub fn with_members(
    provenance: Provenance,
    members: &[Loaded<Predictions>],
    thresholds: &[Loaded<Thresholds>],
) -> Provenance {
    let predictions: Vec<Digest> = members.iter().map(|member| member.origin.digest).collect();
    let mut provenance = provenance.with_input("predictions", Digest::combine(&predictions));
    if !thresholds.is_empty() {
        let digests: Vec<Digest> = thresholds.iter().map(|file| file.origin.digest).collect();
        provenance = provenance.with_input("thresholds", Digest::combine(&digests));
    }
    if let Some(folds) = members.iter().find_map(|member| member.origin.ancestor("folds")) {
        provenance = provenance.with_ancestor("folds", folds);
    }
    // The combination identifies the ensemble only when the models of all members are known.
    let models: Option<Vec<Digest>> =
        members.iter().map(|member| member.origin.ancestor("models")).collect();
    match models {
        Some(models) => provenance.with_ancestor("models", Digest::combine(&models)),
        None => provenance,
    }
}

/// Brings all members into the row order of the first.
fn align_members(members: &[Loaded<Predictions>]) -> Result<Vec<Predictions>, EnsembleError> {
    for (place, member) in members.iter().enumerate() {
        let same = |other: &&Loaded<Predictions>| other.origin.digest == member.origin.digest;
        if let Some(other) = members[..place].iter().find(same) {
            let (first, second) = (other.origin.path.clone(), member.origin.path.clone());
            return Err(EnsembleError::Twice(first, second));
        }
    }
    members.iter().map(|member| align_to(&members[0], member)).collect()
}

fn align_to(
    first: &Loaded<Predictions>,
    member: &Loaded<Predictions>,
) -> Result<Predictions, EnsembleError> {
    check_lineage("folds", &first.origin, &member.origin)?;
    LabelNameMismatch::check(&first.names, &member.names).map_err(|mismatch| {
        let (path, first) = (member.origin.path.clone(), first.origin.path.clone());
        EnsembleError::Names { path, first, label: mismatch.label }
    })?;
    let rows_of = |wanted: &Loaded<Predictions>, file: &Loaded<Predictions>| {
        row_indices(wanted.ids.iter(), file.ids.iter()).map_err(|missing| {
            let (path, of) = (file.origin.path.clone(), wanted.origin.path.clone());
            EnsembleError::Samples { path, of, missing }
        })
    };
    let rows = rows_of(first, member)?;
    rows_of(member, first)?;
    let aligned = member.value.clone().select(&rows);
    check_folds(first, member, &aligned)?;
    Ok(aligned)
}

fn check_folds(
    first: &Loaded<Predictions>,
    member: &Loaded<Predictions>,
    aligned: &Predictions,
) -> Result<(), EnsembleError> {
    let mut errors = ErrorList::default();
    match (&first.folds, &aligned.folds) {
        (None, None) => {}
        (Some(ours), Some(theirs)) if ours.count == theirs.count => {
            for ((ours, theirs), id) in zip(zip(&ours.folds, &theirs.folds), &first.ids) {
                if ours != theirs {
                    errors.push(format_args!("{id} in fold {theirs}, not {ours}"));
                }
            }
        }
        (Some(ours), Some(theirs)) => {
            errors.push(format_args!("{} and {} of them", theirs.count.get(), ours.count.get()));
        }
        _ => errors.push("one of the two has no fold column"),
    }
    if errors.count() == 0 {
        return Ok(());
    }
    let (path, first) = (member.origin.path.clone(), first.origin.path.clone());
    Err(EnsembleError::Folds { path, first, errors })
}

/// Refuses thresholds that are not those of the predictions at the same place.
fn check_thresholds(
    members: &[Loaded<Predictions>],
    thresholds: &[Loaded<Thresholds>],
) -> Result<(), EnsembleError> {
    if members.len() != thresholds.len() {
        let (predictions, thresholds) = (members.len(), thresholds.len());
        return Err(EnsembleError::ThresholdCount { predictions, thresholds });
    }
    check_order(members, thresholds)?;
    for (member, thresholds) in zip(members, thresholds) {
        for ancestor in ["models", "folds"] {
            check_lineage(ancestor, &member.origin, &thresholds.origin)?;
        }
    }
    Ok(())
}

/// Refuses thresholds that all lie in folders named after other members.
///
/// In a run's folder a model's files lie in folders of its name, but users may keep theirs
/// elsewhere: only names that are all swapped are evidence of a wrong order.
fn check_order(
    members: &[Loaded<Predictions>],
    thresholds: &[Loaded<Thresholds>],
) -> Result<(), EnsembleError> {
    let names: Vec<String> = members.iter().map(|one| one.origin.folder_name()).collect();
    let distinct: BTreeSet<&String> = names.iter().collect();
    let folders: Vec<String> = thresholds.iter().map(|one| one.origin.folder_name()).collect();
    let swapped = |(name, folder): (&String, &String)| name != folder && distinct.contains(folder);
    if distinct.len() < names.len() || !zip(&names, &folders).all(swapped) {
        return Ok(());
    }
    match (&thresholds, &names[..], &folders[..]) {
        ([file, ..], [member, ..], [found, ..]) => Err(EnsembleError::OtherThresholds {
            path: file.origin.path.clone(),
            member: member.clone(),
            found: found.clone(),
        }),
        _ => Ok(()),
    }
}

/// The mean of the members, summed in 64 bits in their order and rounded once.
///
/// # Panics
/// When members differ in length.
#[must_use]
pub fn average(members: &[&[f32]]) -> Vec<f32> {
    elementwise(members, |values| {
        let sum: f64 = values.map(f64::from).sum();
        #[expect(clippy::cast_possible_truncation, reason = "the one rounding")]
        let mean = (sum / members.len() as f64) as f32;
        mean
    })
}

/// The largest of the members.
///
/// # Panics
/// When members differ in length.
#[must_use]
pub fn maximum(members: &[&[f32]]) -> Vec<f32> {
    elementwise(members, |values| values.fold(0.0, f32::max))
}

/// 1 where any member predicts the label, else 0.
///
/// # Panics
/// When members differ in length.
#[must_use]
pub fn any(members: &[&[bool]]) -> Vec<f32> {
    elementwise(members, |decisions| f32::from(u8::from(decisions.fold(false, |a, b| a | b))))
}

/// One value for each element, from the members' values there in their order.
fn elementwise<T: Copy, R>(
    members: &[&[T]],
    combine: impl Fn(&mut dyn Iterator<Item = T>) -> R,
) -> Vec<R> {
    let length = members.first().map_or(0, |first| first.len());
    assert!(members.iter().all(|member| member.len() == length), "members are aligned");
    (0..length).map(|place| combine(&mut members.iter().map(|member| member[place]))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The three members and the sample of five labels that the talk combines.
    const MEMBERS: [[f32; 5]; 3] =
        [[0.8, 0.1, 0.3, 0.9, 0.5], [0.9, 0.3, 0.6, 0.1, 0.7], [0.9, 0.2, 0.4, 0.9, 0.7]];

    #[test]
    fn average_and_maximum_are_those_of_the_talk() {
        let members = MEMBERS.each_ref().map(<[f32; 5]>::as_slice);
        let expected = [0.866_666_67, 0.2, 0.433_333_33, 0.633_333_33, 0.633_333_33];
        for (ours, talk) in average(&members).iter().zip(expected) {
            assert!((f64::from(*ours) - talk).abs() < 5e-8, "{ours} {talk}");
        }
        assert_eq!(maximum(&members), [0.9, 0.3, 0.6, 0.9, 0.7]);
    }

    #[test]
    fn or_is_that_of_the_talk() {
        let decisions = ["10010", "10101", "10011"]
            .map(|bits| bits.chars().map(|bit| bit == '1').collect::<Vec<bool>>());
        let members: Vec<&[bool]> = decisions.iter().map(Vec::as_slice).collect();
        assert_eq!(any(&members), [1.0, 0.0, 1.0, 1.0, 1.0]);
    }

    #[test]
    fn the_mean_is_rounded_once() {
        // In 32 bits the sum of the three loses the last bit.
        let members: [&[f32]; 3] = [&[0.1], &[0.2], &[0.3]];
        let exact = (f64::from(0.1_f32) + f64::from(0.2_f32) + f64::from(0.3_f32)) / 3.0;
        #[expect(clippy::cast_possible_truncation, reason = "the one rounding")]
        let exact = exact as f32;
        assert_eq!(average(&members), [exact]);
        assert_eq!(average(&[&[1.0, 0.0], &[1.0, 0.0], &[1.0, 0.0]]), [1.0, 0.0]);
    }
}

//! Iterative stratification: the rarest label is dealt first, because only it has no choice.
//!
//! Among the labels take the one with fewest samples left to deal; give each of its units
//! to the fold that needs the label most, among equals to the one that needs samples most,
//! among these to any; repeat. Units without labels come last and fill the smallest folds.
//! All folds want the same share, so the one that needs most is the one that has least.
//!
//! A unit is a group of duplicates or a single sample. Units that carry the label several
//! times are dealt before those that carry it once, which can still even them out. The
//! first as many units as there are folds go to different folds: an empty fold never has
//! more of anything than another, so no fold stays empty.
//!
//! Source: Sechidis, Tsoumakas & Vlahavas, *On the Stratification of Multi-Label Data*,
//! ECML PKDD 2011, algorithm 1; units and integer counts are ours.

use crate::{Roster, SplitError};
use hpa_artifacts::{FoldRow, Folds};
use hpa_core::{Fold, FoldCount, LabelNames, LabelSet, Rng, Seed};

/// Samples that must lie in one fold.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Unit {
    /// How many samples.
    pub size: u32,
    /// Label and how many of the samples carry it, ascending.
    pub labels: Vec<(usize, u32)>,
}

/// The folds of a roster's samples, given the group of each.
///
/// # Errors
/// When there are fewer groups than folds.
pub fn deal(
    roster: &Roster<'_>,
    groups: &[u32],
    names: &LabelNames,
    (count, seed): (FoldCount, Seed),
) -> Result<Folds, SplitError> {
    let units = units(roster.rows.iter().map(|row| &row.labels), groups);
    let unit_folds = stratify(&units, names.count(), count, seed)?;
    let row = |(row, &group): (&&hpa_artifacts::LabelRow, &u32)| FoldRow {
        id: row.id.clone(),
        fold: unit_folds[group as usize],
        group,
    };
    Ok(Folds { count, rows: roster.rows.iter().zip(groups).map(row).collect() })
}

/// One unit a group; sample `i` belongs to `groups[i]`, numbered from 0 without gaps.
///
/// # Panics
/// When there are fewer samples than groups.
pub fn units<'a>(labels: impl Iterator<Item = &'a LabelSet>, groups: &[u32]) -> Vec<Unit> {
    let n_units = groups.iter().max().map_or(0, |largest| *largest as usize + 1);
    let mut units = vec![Unit::default(); n_units];
    for (labels, &group) in labels.zip(groups) {
        let unit = &mut units[group as usize];
        unit.size += 1;
        for label in labels.as_slice() {
            match unit.labels.iter_mut().find(|(known, _)| *known == label.index()) {
                Some((_, count)) => *count += 1,
                None => unit.labels.push((label.index(), 1)),
            }
        }
    }
    for unit in &mut units {
        unit.labels.sort_unstable();
    }
    units
}

/// The fold of each unit.
///
/// # Errors
/// When there are fewer units than folds.
pub fn stratify(
    units: &[Unit],
    n_labels: usize,
    count: FoldCount,
    seed: Seed,
) -> Result<Vec<Fold>, SplitError> {
    if units.len() < usize::from(count.get()) {
        return Err(SplitError::TooFewGroups { folds: count.get(), groups: units.len() });
    }
    let mut dealer = Dealer::new(units, n_labels, count, seed);
    while let Some(label) = dealer.rarest() {
        for unit in dealer.carriers(label) {
            dealer.deal(unit, Some(label));
        }
    }
    for unit in dealer.order.clone() {
        dealer.deal(unit, None);
    }
    // Every unit was dealt, so none is left out here.
    Ok(dealer.folds.into_iter().flatten().collect())
}

/// What has been dealt so far.
struct Dealer<'a> {
    units: &'a [Unit],
    count: FoldCount,
    rng: Rng,
    /// The units in random order.
    order: Vec<usize>,
    folds: Vec<Option<Fold>>,
    /// Samples of each label that are left.
    left: Vec<u64>,
    /// Samples of each label in each fold: `[folds][labels]`.
    held: Vec<Vec<u64>>,
    sizes: Vec<u64>,
}

impl<'a> Dealer<'a> {
    fn new(units: &'a [Unit], n_labels: usize, count: FoldCount, seed: Seed) -> Self {
        let mut rng = seed.derive("split").rng();
        let mut order: Vec<usize> = (0..units.len()).collect();
        rng.shuffle(&mut order);
        let mut left = vec![0; n_labels];
        for &(label, samples) in units.iter().flat_map(|unit| &unit.labels) {
            left[label] += u64::from(samples);
        }
        let n_folds = usize::from(count.get());
        let (held, sizes) = (vec![vec![0; n_labels]; n_folds], vec![0; n_folds]);
        Self { units, count, rng, order, folds: vec![None; units.len()], left, held, sizes }
    }

    /// The label with fewest samples left; the first among equals.
    fn rarest(&self) -> Option<usize> {
        let labels = (0..self.left.len()).filter(|&label| self.left[label] > 0);
        labels.min_by_key(|&label| self.left[label])
    }

    /// The units that carry the label and are not dealt: in random order, those with
    /// several first.
    fn carriers(&self, label: usize) -> Vec<usize> {
        let samples = |unit: usize| {
            let counts = &self.units[unit].labels;
            counts.binary_search_by_key(&label, |&(label, _)| label).ok().map(|at| counts[at].1)
        };
        let undealt = self.order.iter().filter(|&&unit| self.folds[unit].is_none());
        let mut carriers: Vec<(u32, usize)> =
            undealt.filter_map(|&unit| Some((samples(unit)?, unit))).collect();
        carriers.sort_by_key(|&(samples, _)| std::cmp::Reverse(samples));
        carriers.into_iter().map(|(_, unit)| unit).collect()
    }

    fn deal(&mut self, unit: usize, label: Option<usize>) {
        if self.folds[unit].is_some() {
            return;
        }
        let fold = self.neediest(label);
        self.folds[unit] = Some(fold);
        let Unit { size, labels } = &self.units[unit];
        self.sizes[fold.index()] += u64::from(*size);
        for &(label, samples) in labels {
            self.left[label] -= u64::from(samples);
            self.held[fold.index()][label] += u64::from(samples);
        }
    }

    /// The fold that has least of the label, then fewest samples, then any.
    fn neediest(&mut self, label: Option<usize>) -> Fold {
        let has = |fold: &Fold| {
            let held = label.map_or(0, |label| self.held[fold.index()][label]);
            (held, self.sizes[fold.index()])
        };
        let least = self.count.folds().map(|fold| has(&fold)).min();
        let folds: Vec<Fold> = self.count.folds().filter(|fold| Some(has(fold)) == least).collect();
        folds[self.rng.below(folds.len())]
    }
}

#[cfg(test)]
#[path = "stratify_tests.rs"]
mod tests;

//! Pictures that look alike: perceptual hashes near in red, green and blue at once.
//!
//! Two samples are near when the hashes of each of the three channels differ in at most
//! `distance` of 64 bits. A blank channel has hash 0, says nothing, and is near to a blank
//! one only; a sample of which fewer than two channels show something joins nobody, or all
//! black pictures would be one field.
//!
//! All near pairs are found, without looking at all pairs (Norouzi, Punjani & Fleet 2012):
//! a hash is cut into four parts of 16 bits; were each part of two hashes more than r apart,
//! with the four r + 1 adding up to `distance` + 1, the hashes would be more than `distance`
//! apart. So it is enough to look, part by part, into the buckets at most r away. The
//! channel whose parts fill the buckets most evenly is the one that is cut.
//!
//! Thousands of fields that differ in a few bits share their buckets, and looking at all
//! pairs of them would take for ever. But those that are joined already need no looking at:
//! neighbours in the order of a table are joined first, which makes one large family of
//! them, and a member looks at no other of its family.

use crate::DisjointSets;
use rayon::prelude::*;
use std::collections::BTreeMap;
use std::ops::Range;

/// The hashes of red, green and blue; 0 is a blank channel.
pub type Fingerprint = [u64; 3];

const PARTS: u32 = 4;
const PART_BITS: u32 = 16;
const BUCKETS: usize = 1 << PART_BITS;
/// So many neighbours in the order of a table are looked at before all others.
const NEIGHBOURS: usize = 16;
/// Sets of so many samples are families.
const FAMILY: u32 = 64;
/// What those have who belong to no family.
const ALONE: u32 = 0;

/// Joins the samples whose fingerprints are near; returns how many are too blank to tell.
///
/// # Panics
/// When there are more fingerprints than `sets` has items.
#[must_use]
pub fn join_near(fingerprints: &[Fingerprint], distance: u32, sets: &DisjointSets) -> usize {
    // Samples with different blank channels are never near.
    let mut kinds: BTreeMap<[bool; 3], Vec<(Fingerprint, u32)>> = BTreeMap::new();
    for (fingerprint, sample) in fingerprints.iter().zip(0..) {
        let visible = fingerprint.map(|hash| hash != 0);
        kinds.entry(visible).or_default().push((*fingerprint, sample));
    }
    let mut blank = 0;
    for (visible, mut samples) in kinds {
        if visible.iter().filter(|&&visible| visible).count() < 2 {
            blank += samples.len();
        } else {
            join_equal(&mut samples, sets);
            join_kind(&samples, distance, sets);
        }
    }
    blank
}

/// Joins equal fingerprints and keeps one of each: a thousand copies cost no more than one.
fn join_equal(samples: &mut Vec<(Fingerprint, u32)>, sets: &DisjointSets) {
    samples.sort_unstable();
    samples.dedup_by(|copy, first| {
        let equal = copy.0 == first.0;
        if equal {
            sets.join(copy.1, first.1);
        }
        equal
    });
}

fn join_kind(samples: &[(Fingerprint, u32)], distance: u32, sets: &DisjointSets) {
    let masks: Vec<Vec<u16>> = (0..PARTS).map(|part| ball(radius(distance, part))).collect();
    let looks: usize = masks.iter().map(Vec::len).sum();
    // Where the buckets at hand are no small share of all, looking at all pairs is cheaper.
    if looks * 8 > BUCKETS || samples.len() < looks * 2 {
        join_neighbours(samples, distance, sets);
        return Table::new(samples, (0, None), sets).join(&[0], distance, sets);
    }
    let channel = evenest_channel(samples);
    for (part, masks) in (0..PARTS).zip(&masks) {
        let mut sorted = samples.to_vec();
        sorted.par_sort_by_key(|(hashes, _)| hashes[channel].rotate_right(part * PART_BITS));
        join_neighbours(&sorted, distance, sets);
        Table::new(samples, (channel, Some(part)), sets).join(masks, distance, sets);
    }
}

/// Joins near samples that stand close to each other.
fn join_neighbours(samples: &[(Fingerprint, u32)], distance: u32, sets: &DisjointSets) {
    samples.par_windows(NEIGHBOURS + 1).for_each(|window| {
        let (last, others) = window.split_last().expect("windows are not empty");
        for other in others {
            if near(&last.0, &other.0, distance) {
                sets.join(last.1, other.1);
            }
        }
    });
}

/// The number of the family of each sample, or [`ALONE`].
fn families(samples: &[(Fingerprint, u32)], sets: &DisjointSets) -> Vec<u32> {
    let roots: Vec<u32> = samples.par_iter().map(|&(_, sample)| sets.root(sample)).collect();
    let mut sizes = vec![0_u32; roots.iter().max().map_or(0, |&root| root as usize + 1)];
    for &root in &roots {
        sizes[root as usize] += 1;
    }
    // Roots count from 0, which is no family.
    let family = |root: u32| if sizes[root as usize] < FAMILY { ALONE } else { root + 1 };
    roots.into_iter().map(family).collect()
}

/// How far apart one part may be; `None` when the others see every near pair.
fn radius(distance: u32, part: u32) -> Option<u32> {
    let shares = distance + 1;
    (shares / PARTS + u32::from(part < shares % PARTS)).checked_sub(1)
}

/// All changes of at most `radius` bits to a part.
fn ball(radius: Option<u32>) -> Vec<u16> {
    let Some(radius) = radius else { return Vec::new() };
    (0..=u16::MAX).filter(|mask| mask.count_ones() <= radius).collect()
}

fn key(hash: u64, part: u32) -> usize {
    usize::try_from(hash >> (part * PART_BITS)).expect("64 bits") & (BUCKETS - 1)
}

/// The channel whose parts meet least often. A blank one would meet always.
fn evenest_channel(samples: &[(Fingerprint, u32)]) -> usize {
    let meetings = |channel: usize| -> u64 {
        let mut sizes = vec![0_u64; BUCKETS * PARTS as usize];
        for (fingerprint, _) in samples {
            for part in 0..PARTS {
                sizes[part as usize * BUCKETS + key(fingerprint[channel], part)] += 1;
            }
        }
        sizes.iter().map(|size| size * size).sum()
    };
    (0..3).min_by_key(|&channel| meetings(channel)).unwrap_or(0)
}

/// Fingerprints in the order of one part of one channel's hash.
struct Table {
    /// The channel that is looked at first.
    hashes: Vec<u64>,
    /// All channels, and the sample.
    samples: Vec<(Fingerprint, u32)>,
    /// The family of each; those of a bucket stand together, behind the ones without.
    families: Vec<u32>,
    /// Bucket `b` owns `starts[b]..starts[b + 1]`.
    starts: Vec<usize>,
    part: Option<u32>,
}

impl Table {
    /// Without a part all fingerprints lie in one bucket.
    fn new(
        samples: &[(Fingerprint, u32)],
        (channel, part): (usize, Option<u32>),
        sets: &DisjointSets,
    ) -> Self {
        let bucket = |hash: u64| part.map_or(0, |part| key(hash, part));
        let mut rows: Vec<(u32, &(Fingerprint, u32))> =
            families(samples, sets).into_iter().zip(samples).collect();
        rows.par_sort_by_key(|(family, (hashes, _))| (bucket(hashes[channel]), *family));
        let mut starts = vec![0; part.map_or(1, |_| BUCKETS) + 1];
        for (_, (hashes, _)) in &rows {
            starts[bucket(hashes[channel]) + 1] += 1;
        }
        for bucket in 1..starts.len() {
            starts[bucket] += starts[bucket - 1];
        }
        let hashes = rows.iter().map(|(_, (hashes, _))| hashes[channel]).collect();
        let families = rows.iter().map(|(family, _)| *family).collect();
        let samples = rows.into_iter().map(|(_, sample)| *sample).collect();
        Self { hashes, samples, families, starts, part }
    }

    /// Joins each fingerprint with the near ones behind it in the buckets that differ from
    /// its own by a mask.
    fn join(&self, masks: &[u16], distance: u32, sets: &DisjointSets) {
        (0..self.hashes.len()).into_par_iter().with_min_len(64).for_each(|row| {
            let own = self.part.map_or(0, |part| key(self.hashes[row], part));
            for &mask in masks {
                let bucket = own ^ usize::from(mask);
                if bucket >= own {
                    let start = self.starts[bucket].max(row + 1);
                    let end = self.starts[bucket + 1];
                    for others in self.strangers(row, start.min(end)..end) {
                        self.join_row(row, others, distance, sets);
                    }
                }
            }
        });
    }

    /// Some rows of a bucket without those of `row`'s own family.
    fn strangers(&self, row: usize, others: Range<usize>) -> [Range<usize>; 2] {
        let family = self.families[row];
        if family == ALONE {
            return [others.clone(), others.end..others.end];
        }
        let there = &self.families[others.clone()];
        let place = |beyond: bool| {
            let before = |&other: &u32| other < family || beyond && other == family;
            others.start + there.partition_point(before)
        };
        [others.start..place(false), place(true)..others.end]
    }

    fn join_row(&self, row: usize, others: Range<usize>, distance: u32, sets: &DisjointSets) {
        let (fingerprint, sample) = self.samples[row];
        let first = others.start;
        for (place, hash) in self.hashes[others].iter().enumerate() {
            if (hash ^ self.hashes[row]).count_ones() <= distance {
                let (other, other_sample) = self.samples[first + place];
                if near(&fingerprint, &other, distance) {
                    sets.join(sample, other_sample);
                }
            }
        }
    }
}

fn near(a: &Fingerprint, b: &Fingerprint, distance: u32) -> bool {
    a.iter().zip(b).all(|(a, b)| (a ^ b).count_ones() <= distance)
}

#[cfg(test)]
#[path = "near_tests.rs"]
mod tests;

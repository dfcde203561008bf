//! Near-duplicate search: perceptual hashes within a Hamming distance in red, green and blue.
//!
//! Two images are near duplicates if the hashes of each of the three channels differ in at most
//! `distance` of 64 bits. A blank channel has hash 0 and is near a blank one only; an image with
//! fewer than two channels that are not blank is never joined, or all black images would be one
//! group.
//!
//! All pairs are found without comparing all pairs, by multi-index hashing (Norouzi, Punjani &
//! Fleet 2012): a hash is cut into four substrings of 16 bits, each with a search radius; the
//! four radii plus 1 add up to `distance + 1`, so hashes whose substrings all differ by more than
//! their radius are more than `distance` apart. It suffices to search, for each substring, the
//! buckets within its radius. The channel whose substrings are spread most evenly is indexed.
//!
//! Thousands of near-identical images share their buckets, and comparing all pairs of them would
//! be quadratic. But images already in one set need no comparison: adjacent images in sorted
//! order are joined first, which puts most of a cluster into one set, and images of the same
//! large set are skipped.

use crate::DisjointSets;
use rayon::prelude::*;
use std::collections::BTreeMap;
use std::ops::Range;

/// The perceptual hashes of red, green and blue; 0 is a blank channel.
pub type RgbHashes = [u64; 3];

/// An image's hashes and its item in the disjoint sets.
type Entry = (RgbHashes, u32);

const SUBSTRINGS: u32 = 4;
const SUBSTRING_BITS: u32 = 16;
const BUCKETS: usize = 1 << SUBSTRING_BITS;
/// Size of the window in sorted order in which all pairs are compared first.
const WINDOW: usize = 17;
/// Sets of at least this many images are skipped as a whole.
const LARGE_SET: u32 = 64;
/// Set id of images in no large set.
const NO_LARGE_SET: u32 = 0;

/// Joins the near duplicates; returns the number of images too blank to compare.
///
/// # Panics
/// When there are more images than `sets` has items.
#[must_use]
pub fn join_near_duplicates(hashes: &[RgbHashes], distance: u32, sets: &DisjointSets) -> usize {
    // Images with different blank channels are never near.
    let mut by_visible_channels: BTreeMap<[bool; 3], Vec<Entry>> = BTreeMap::new();
    for (hashes, item) in hashes.iter().zip(0..) {
        let visible = hashes.map(|hash| hash != 0);
        by_visible_channels.entry(visible).or_default().push((*hashes, item));
    }
    let mut blank = 0;
    for (visible, mut entries) in by_visible_channels {
        if visible.iter().filter(|&&visible| visible).count() < 2 {
            blank += entries.len();
        } else {
            join_equal(&mut entries, sets);
            join_near(&entries, distance, sets);
        }
    }
    blank
}

/// Joins equal hashes and keeps one of each.
fn join_equal(entries: &mut Vec<Entry>, sets: &DisjointSets) {
    entries.sort_unstable();
    entries.dedup_by(|duplicate, first| {
        let equal = duplicate.0 == first.0;
        if equal {
            sets.union(duplicate.1, first.1);
        }
        equal
    });
}

fn join_near(entries: &[Entry], distance: u32, sets: &DisjointSets) {
    let masks: Vec<Vec<u16>> = (0..SUBSTRINGS)
        .map(|substring| search_radius(distance, substring).map_or_else(Vec::new, hamming_ball))
        .collect();
    let probes: usize = masks.iter().map(Vec::len).sum();
    // If the probed buckets are a large share of all, comparing all pairs is cheaper.
    if probes * 8 > BUCKETS || entries.len() < probes * 2 {
        join_adjacent(entries, distance, sets);
        return HashIndex::new(entries, 0, None, sets).join(&[0], distance, sets);
    }
    let channel = most_even_channel(entries);
    for (substring, masks) in (0..SUBSTRINGS).zip(&masks) {
        let mut sorted = entries.to_vec();
        sorted.par_sort_by_key(|(hashes, _)| {
            hashes[channel].rotate_right(substring * SUBSTRING_BITS)
        });
        join_adjacent(&sorted, distance, sets);
        HashIndex::new(entries, channel, Some(substring), sets).join(masks, distance, sets);
    }
}

/// Joins near duplicates that are close to each other in the order of `entries`.
fn join_adjacent(entries: &[Entry], distance: u32, sets: &DisjointSets) {
    entries.par_windows(WINDOW).for_each(|window| {
        let (last, others) = window.split_last().expect("a window is not empty");
        for other in others {
            if are_near(&last.0, &other.0, distance) {
                sets.union(last.1, other.1);
            }
        }
    });
}

/// The id of the large set of each entry, or [`NO_LARGE_SET`].
fn large_sets(entries: &[Entry], sets: &DisjointSets) -> Vec<u32> {
    let roots: Vec<u32> = entries.par_iter().map(|&(_, item)| sets.find(item)).collect();
    let mut sizes = vec![0_u32; roots.iter().max().map_or(0, |&root| root as usize + 1)];
    for &root in &roots {
        sizes[root as usize] += 1;
    }
    // Plus one, because root 0 would be `NO_LARGE_SET`.
    let large_set =
        |root: u32| if sizes[root as usize] < LARGE_SET { NO_LARGE_SET } else { root + 1 };
    roots.into_iter().map(large_set).collect()
}

/// Largest distance to search for in one substring; `None` if the other substrings already find
/// every near pair.
fn search_radius(distance: u32, substring: u32) -> Option<u32> {
    let total = distance + 1;
    (total / SUBSTRINGS + u32::from(substring < total % SUBSTRINGS)).checked_sub(1)
}

/// All XOR masks of at most `radius` bits.
fn hamming_ball(radius: u32) -> Vec<u16> {
    (0..=u16::MAX).filter(|mask| mask.count_ones() <= radius).collect()
}

fn bucket_of(hash: u64, substring: u32) -> usize {
    usize::try_from(hash >> (substring * SUBSTRING_BITS)).expect("64 bits") & (BUCKETS - 1)
}

/// The channel whose substrings collide least often. A blank one would always collide.
fn most_even_channel(entries: &[Entry]) -> usize {
    let collisions = |channel: usize| -> u64 {
        let mut sizes = vec![0_u64; BUCKETS * SUBSTRINGS as usize];
        for (hashes, _) in entries {
            for substring in 0..SUBSTRINGS {
                sizes[substring as usize * BUCKETS + bucket_of(hashes[channel], substring)] += 1;
            }
        }
        sizes.iter().map(|size| size * size).sum()
    };
    (0..3).min_by_key(|&channel| collisions(channel)).unwrap_or(0)
}

/// Entries sorted into buckets by one substring of one channel's hash.
struct HashIndex {
    substring: Option<u32>,
    /// The indexed channel's hash of each row: compared first.
    hashes: Vec<u64>,
    entries: Vec<Entry>,
    /// The large set of each row; a bucket is sorted by it.
    large_sets: Vec<u32>,
    /// Bucket `b` is `starts[b]..starts[b + 1]`.
    starts: Vec<usize>,
}

impl HashIndex {
    /// Without a substring all entries are in one bucket.
    fn new(entries: &[Entry], channel: usize, substring: Option<u32>, sets: &DisjointSets) -> Self {
        let bucket = |hash: u64| substring.map_or(0, |substring| bucket_of(hash, substring));
        let mut rows: Vec<(u32, &Entry)> =
            large_sets(entries, sets).into_iter().zip(entries).collect();
        rows.par_sort_by_key(|(large_set, (hashes, _))| (bucket(hashes[channel]), *large_set));
        let mut starts = vec![0; substring.map_or(1, |_| BUCKETS) + 1];
        for (_, (hashes, _)) in &rows {
            starts[bucket(hashes[channel]) + 1] += 1;
        }
        for bucket in 1..starts.len() {
            starts[bucket] += starts[bucket - 1];
        }
        Self {
            substring,
            hashes: rows.iter().map(|(_, (hashes, _))| hashes[channel]).collect(),
            large_sets: rows.iter().map(|(large_set, _)| *large_set).collect(),
            entries: rows.into_iter().map(|(_, entry)| *entry).collect(),
            starts,
        }
    }

    /// Joins each row with the near ones behind it in the buckets at the distances of `masks`.
    fn join(&self, masks: &[u16], distance: u32, sets: &DisjointSets) {
        (0..self.hashes.len()).into_par_iter().with_min_len(64).for_each(|row| {
            let own = self.substring.map_or(0, |substring| bucket_of(self.hashes[row], substring));
            for &mask in masks {
                let bucket = own ^ usize::from(mask);
                if bucket >= own {
                    let start = self.starts[bucket].max(row + 1);
                    let end = self.starts[bucket + 1];
                    for others in self.outside_large_set(row, start.min(end)..end) {
                        self.join_row(row, others, distance, sets);
                    }
                }
            }
        });
    }

    /// `others`, rows of one bucket, without those in `row`'s own large set.
    fn outside_large_set(&self, row: usize, others: Range<usize>) -> [Range<usize>; 2] {
        let own = self.large_sets[row];
        if own == NO_LARGE_SET {
            return [others.clone(), others.end..others.end];
        }
        let large_sets = &self.large_sets[others.clone()];
        let own_start = others.start + large_sets.partition_point(|&other| other < own);
        let own_end = others.start + large_sets.partition_point(|&other| other <= own);
        [others.start..own_start, own_end..others.end]
    }

    fn join_row(&self, row: usize, others: Range<usize>, distance: u32, sets: &DisjointSets) {
        let (hashes, item) = self.entries[row];
        let first = others.start;
        for (offset, hash) in self.hashes[others].iter().enumerate() {
            if (hash ^ self.hashes[row]).count_ones() <= distance {
                let (other_hashes, other_item) = self.entries[first + offset];
                if are_near(&hashes, &other_hashes, distance) {
                    sets.union(item, other_item);
                }
            }
        }
    }
}

fn are_near(a: &RgbHashes, b: &RgbHashes, distance: u32) -> bool {
    a.iter().zip(b).all(|(a, b)| (a ^ b).count_ones() <= distance)
}

#[cfg(test)]
#[path = "near_duplicates_tests.rs"]
mod tests;

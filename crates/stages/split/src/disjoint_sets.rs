//! Concurrent union-find (disjoint sets).
//!
//! A parent is always smaller than its child, so the root of a set is its smallest member and
//! the result does not depend on the order of the unions or the number of threads.
//! Source: Tarjan & van Leeuwen 1984 (path halving); Anderson & Woll 1991 (lock-free).

use std::sync::atomic::{AtomicU32, Ordering};

/// Disjoint sets of the items 0 to n - 1.
#[derive(Debug)]
pub struct DisjointSets {
    parents: Vec<AtomicU32>,
}

impl DisjointSets {
    /// `n` sets of one item.
    ///
    /// # Panics
    /// When there are 2^32 or more.
    #[must_use]
    pub fn new(n: usize) -> Self {
        let n = u32::try_from(n).expect("fewer than 2^32 samples");
        Self { parents: (0..n).map(AtomicU32::new).collect() }
    }

    /// Merges the sets of `a` and `b`.
    pub fn union(&self, a: u32, b: u32) {
        loop {
            let (a, b) = (self.find(a), self.find(b));
            if a == b {
                return;
            }
            let (low, high) = (a.min(b), a.max(b));
            // Fails if another thread has given `high` a parent meanwhile.
            if self.replace(high, high, low) {
                return;
            }
        }
    }

    /// The representative of the set of `item`: its smallest member.
    #[must_use]
    pub fn find(&self, mut item: u32) -> u32 {
        loop {
            let parent = self.parent(item);
            if parent == item {
                return item;
            }
            let grandparent = self.parent(parent);
            self.replace(item, parent, grandparent);
            item = grandparent;
        }
    }

    /// The id of each item's set, numbered from 0 in order of first appearance.
    #[must_use]
    pub fn group_ids(&self) -> Vec<u32> {
        let mut ids: Vec<u32> = Vec::with_capacity(self.parents.len());
        let mut next = 0;
        for item in (0..).take(self.parents.len()) {
            let root = self.find(item);
            if root == item {
                ids.push(next);
                next += 1;
            } else {
                ids.push(ids[root as usize]);
            }
        }
        ids
    }

    fn parent(&self, item: u32) -> u32 {
        self.parents[item as usize].load(Ordering::Acquire)
    }

    fn replace(&self, item: u32, expected: u32, parent: u32) -> bool {
        let slot = &self.parents[item as usize];
        slot.compare_exchange(expected, parent, Ordering::AcqRel, Ordering::Acquire).is_ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rayon::prelude::*;

    #[test]
    fn groups_are_numbered_by_first_appearance() {
        let sets = DisjointSets::new(6);
        sets.union(5, 1);
        sets.union(3, 4);
        sets.union(4, 5);
        assert_eq!(sets.group_ids(), [0, 1, 2, 1, 1, 1]);
    }

    #[test]
    fn parallel_unions_give_the_same_sets() {
        let pairs: Vec<(u32, u32)> = (0..9_000).map(|i| (i, (i * 7 + 3) % 9_001)).collect();
        let (sequential, parallel) = (DisjointSets::new(9_001), DisjointSets::new(9_001));
        for &(a, b) in &pairs {
            sequential.union(a, b);
        }
        pairs.par_iter().rev().for_each(|&(a, b)| parallel.union(a, b));
        assert_eq!(sequential.group_ids(), parallel.group_ids());
    }
}

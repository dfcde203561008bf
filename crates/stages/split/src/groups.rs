//! Which samples belong together: a disjoint-set forest that many threads may join in.
//!
//! A parent is always a smaller number than its child, so the root of a set is its smallest
//! member, whatever the order of the joins: the result does not depend on the threads.
//! Source: Tarjan & van Leeuwen 1984 (path halving); Anderson & Woll 1991 (without locks).

use std::sync::atomic::{AtomicU32, Ordering};

/// Sets of the numbers 0 to n - 1, at first one each.
#[derive(Debug)]
pub struct DisjointSets {
    parents: Vec<AtomicU32>,
}

impl DisjointSets {
    /// `n` sets of one.
    ///
    /// # Panics
    /// When there are 2^32 or more.
    #[must_use]
    pub fn new(n: usize) -> Self {
        let n = u32::try_from(n).expect("fewer than 2^32 samples");
        Self { parents: (0..n).map(AtomicU32::new).collect() }
    }

    /// Makes one set of the two that hold `a` and `b`.
    pub fn join(&self, a: u32, b: u32) {
        loop {
            let (a, b) = (self.root(a), self.root(b));
            if a == b {
                return;
            }
            let (low, high) = (a.min(b), a.max(b));
            // Fails when another thread has given `high` a parent meanwhile.
            if self.replace(high, high, low) {
                return;
            }
        }
    }

    /// The smallest member of the set that holds `item`.
    #[must_use]
    pub fn root(&self, mut item: u32) -> u32 {
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

    /// The number of each item's set, counted in order of first appearance.
    #[must_use]
    pub fn numbers(&self) -> Vec<u32> {
        let mut numbers: Vec<u32> = Vec::with_capacity(self.parents.len());
        let mut next = 0;
        for item in (0..).take(self.parents.len()) {
            let root = self.root(item);
            if root == item {
                numbers.push(next);
                next += 1;
            } else {
                numbers.push(numbers[root as usize]);
            }
        }
        numbers
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
    fn sets_are_numbered_as_they_appear() {
        let sets = DisjointSets::new(6);
        sets.join(5, 1);
        sets.join(3, 4);
        sets.join(4, 5);
        assert_eq!(sets.numbers(), [0, 1, 2, 1, 1, 1]);
    }

    #[test]
    fn many_threads_find_the_same_sets() {
        let pairs: Vec<(u32, u32)> = (0..9_000).map(|i| (i, (i * 7 + 3) % 9_001)).collect();
        let (alone, together) = (DisjointSets::new(9_001), DisjointSets::new(9_001));
        for &(a, b) in &pairs {
            alone.join(a, b);
        }
        pairs.par_iter().rev().for_each(|&(a, b)| together.join(a, b));
        assert_eq!(alone.numbers(), together.numbers());
    }
}

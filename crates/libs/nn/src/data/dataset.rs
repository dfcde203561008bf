//! Datasets and the order of their samples in batches.

use hpa_artifacts::ImageStore;
use hpa_core::{LabelSet, SampleId, Seed};

/// Samples and the shards with their pixels.
#[derive(Clone, Copy)]
pub struct Dataset<'a> {
    /// The shards.
    pub store: &'a ImageStore,
    /// The samples.
    pub samples: &'a [Sample],
}

/// One sample of a dataset.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sample {
    /// Its id.
    pub id: SampleId,
    /// Its row in the shards.
    pub row: usize,
    /// Its labels; empty for unlabelled samples.
    pub labels: LabelSet,
}

impl Dataset<'_> {
    /// Number of samples.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.samples.len()
    }

    /// Whether there are none.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.samples.is_empty()
    }

    /// Multi-hot targets of these samples, row-major `[N][L]`.
    #[must_use]
    pub fn targets(&self, indices: &[usize], labels: usize) -> Vec<f32> {
        let mut targets = vec![0.0; indices.len() * labels];
        for (row, &index) in targets.chunks_exact_mut(labels).zip(indices) {
            for label in self.samples[index].labels.as_slice() {
                row[label.index()] = 1.0;
            }
        }
        targets
    }
}

/// `count` samples in the random order of an epoch, in batches.
#[must_use]
pub fn shuffled_batches(
    count: usize,
    batch_size: usize,
    seed: Seed,
    epoch: u64,
) -> Vec<Vec<usize>> {
    let mut order: Vec<usize> = (0..count).collect();
    seed.derive("order of samples").child(epoch).rng().shuffle(&mut order);
    batches(&order, batch_size)
}

/// `count` samples in order, in batches.
#[must_use]
pub fn ordered_batches(count: usize, batch_size: usize) -> Vec<Vec<usize>> {
    batches(&(0..count).collect::<Vec<_>>(), batch_size)
}

/// The fewest batches of at most `batch_size`, whose sizes differ by at most one: no sample is
/// dropped, and batch norm never sees a small last batch.
fn batches(order: &[usize], batch_size: usize) -> Vec<Vec<usize>> {
    let count = order.len().div_ceil(batch_size);
    let start = |batch: usize| batch * order.len() / count;
    (0..count).map(|batch| order[start(batch)..start(batch + 1)].to_vec()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn batches_are_even_and_drop_no_sample(count in 1_usize..300, size in 1_usize..64, seed: u64) {
            let batches = shuffled_batches(count, size, Seed::new(seed), 3);
            let sizes: Vec<usize> = batches.iter().map(Vec::len).collect();
            let (least, most) = (sizes.iter().min().unwrap(), sizes.iter().max().unwrap());
            prop_assert!(*most <= size && most - least <= 1 && batches.len() == count.div_ceil(size));
            let mut all = batches.concat();
            all.sort_unstable();
            prop_assert!(all.into_iter().eq(0..count));
        }
    }

    #[test]
    fn each_epoch_has_its_own_order() {
        let order = |epoch| shuffled_batches(50, 8, Seed::new(1), epoch);
        assert_eq!(order(0), order(0));
        assert_ne!(order(0), order(1));
        assert_eq!(ordered_batches(5, 2), [vec![0], vec![1, 2], vec![3, 4]]);
        assert!(ordered_batches(0, 2).is_empty());
    }
}

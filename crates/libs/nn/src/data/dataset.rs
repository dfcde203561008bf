//! Which samples take part, where their pixels are, and in which order they come.

use hpa_artifacts::ImageStore;
use hpa_core::{LabelSet, SampleId, Seed};

/// Samples and the shards that hold their pixels.
#[derive(Clone, Copy)]
pub struct Dataset<'a> {
    /// The shards.
    pub store: &'a ImageStore,
    /// The samples that take part.
    pub samples: &'a [Sample],
}

/// One sample of a data set.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sample {
    /// Its name.
    pub id: SampleId,
    /// Its row in the shards.
    pub row: usize,
    /// Its labels; empty where they are not known.
    pub labels: LabelSet,
}

impl Dataset<'_> {
    /// How many samples there are.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.samples.len()
    }

    /// Whether there are none.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.samples.is_empty()
    }

    /// The samples' targets, row-major `[samples][labels]`.
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

/// All of `count` samples in the random order of an epoch, cut into batches.
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

/// All of `count` samples in their own order, cut into batches.
#[must_use]
pub fn ordered_batches(count: usize, batch_size: usize) -> Vec<Vec<usize>> {
    batches(&(0..count).collect::<Vec<_>>(), batch_size)
}

/// As few batches of at most `batch_size` as there can be, their sizes differing by one at most:
/// no sample is left out, and batch norm never averages over a small remainder.
fn batches(order: &[usize], batch_size: usize) -> Vec<Vec<usize>> {
    let number = order.len().div_ceil(batch_size);
    let cut = |batch: usize| batch * order.len() / number;
    (0..number).map(|batch| order[cut(batch)..cut(batch + 1)].to_vec()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn batches_are_even_and_leave_no_sample_out(count in 1_usize..300, size in 1_usize..64, seed: u64) {
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

//! Log messages of `hpa-split`.

use hpa_cli::RunContext;
use hpa_split::Summary;
use std::path::Path;

pub(crate) fn leaks(test_samples: usize, path: &Path, context: &RunContext) {
    if test_samples > 0 {
        context.warning(format!(
            "{test_samples} test samples are near duplicates of a training sample (listed in {}, \
             at most 20 pairs each): scores on them are inflated; none is left out",
            path.display()
        ));
    }
}

pub(crate) fn summary(summary: &Summary, conflicts: &[String], context: &RunContext) {
    if let Some(first) = conflicts.first() {
        context.info(format!(
            "{} groups of duplicates have different labels, the first: {first}",
            conflicts.len()
        ));
    }
    let smallest_fold = summary.fold_sizes.iter().min().copied().unwrap_or(0);
    if summary.largest_group as u64 > smallest_fold {
        context.warning(format!(
            "one group of duplicates has {} samples, more than a fold: the folds are not balanced",
            summary.largest_group
        ));
    }
    context.info(format!(
        "{} samples in {} folds; label counts deviate from an equal share by at most {:.1}; \
         {} groups of duplicates",
        summary.fold_sizes.iter().sum::<u64>(),
        summary.fold_sizes.len(),
        summary.largest_deviation,
        summary.groups
    ));
}

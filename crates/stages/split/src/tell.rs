//! What the user is told of a split.

use hpa_cli::RunContext;
use hpa_split::Summary;
use std::path::Path;

pub(crate) fn warn_of_leaks(count: usize, path: &Path, context: &RunContext) {
    if count > 0 {
        context.warn(format!(
            "{count} test samples show the field of a training sample (listed in {}, with at most \
             20 each): scores on them flatter; nothing is left out",
            path.display()
        ));
    }
}

pub(crate) fn tell(summary: &Summary, conflicts: &[String], context: &RunContext) {
    if let Some(first) = conflicts.first() {
        context.notice(format!(
            "{} groups of duplicates do not agree on their labels, the first: {first}",
            conflicts.len()
        ));
    }
    let smallest_fold = summary.fold_sizes.iter().min().copied().unwrap_or(0);
    if summary.largest_group as u64 > smallest_fold {
        context.warn(format!(
            "one group of duplicates has {} samples, more than a fold; folds cannot be even",
            summary.largest_group
        ));
    }
    context.notice(format!(
        "{} samples in {} folds; counts of a label differ from an equal share by at most {:.1}; \
         {} groups of duplicates",
        summary.fold_sizes.iter().sum::<u64>(),
        summary.fold_sizes.len(),
        summary.largest_deviation,
        summary.groups
    ));
}

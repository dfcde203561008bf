//! Stratified folds that keep duplicates together.
//!
//! Two requirements: every label, rare ones included, is spread evenly over the folds; and
//! images of the same field of cells are in the same fold, because a duplicate in the training
//! part leaks the answer and inflates the validation score.
//!
//! 1. [`SampleList`]: the samples to split; the folds file defines them for all later stages.
//! 2. [`DisjointSets`]: groups of duplicates, from a list ([`read_duplicates`]) and from
//!    perceptual hashes ([`join_near_duplicates`]).
//! 3. [`assign_folds`]: iterative stratification of the groups.
//! 4. [`Summary`]: fold sizes, label counts, deviations.
//! 5. [`cross_split_duplicates()`]: test images that are near duplicates of training images.

mod cross_split_duplicates;
mod disjoint_sets;
mod duplicate_list;
mod error;
mod iterative_stratification;
mod near_duplicates;
mod sample_list;
mod summary;

pub use cross_split_duplicates::{CrossSplitDuplicate, cross_split_duplicates, leaks_csv};
pub use disjoint_sets::DisjointSets;
pub use duplicate_list::{DuplicateList, read_duplicates};
pub use error::SplitError;
pub use iterative_stratification::assign_folds;
pub use near_duplicates::{RgbHashes, join_near_duplicates};
pub use sample_list::SampleList;
pub use summary::{Summary, groups_csv, label_conflicts, summarize};

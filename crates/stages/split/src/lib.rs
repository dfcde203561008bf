//! Stratified folds in which duplicates stay together.
//!
//! A fold is good when every label is spread evenly over the folds, the rare ones too, and
//! when no field of cells stands in two of them: a twin in the training part tells the
//! network what the held-out one shows, and the validation score flatters.
//!
//! 1. [`Roster`]: who takes part. The folds file decides that for every later stage.
//! 2. [`DisjointSets`]: samples that show the same field become one group, because a list
//!    says so ([`read_duplicates`]) or because their pictures look alike ([`join_near`]).
//! 3. [`stratify`]: groups are dealt to folds, the rarest label first.
//! 4. [`Summary`]: how even it came out.
//! 5. [`twins()`]: test samples that show what a training sample shows.

mod duplicates;
mod error;
mod groups;
mod near;
mod roster;
mod stratify;
mod summary;
mod twins;

pub use duplicates::{Duplicates, read_duplicates};
pub use error::SplitError;
pub use groups::DisjointSets;
pub use near::{Fingerprint, join_near};
pub use roster::Roster;
pub use stratify::{Unit, deal, stratify, units};
pub use summary::{Summary, conflicts, groups_csv, summarize};
pub use twins::{Twin, twins, twins_csv};

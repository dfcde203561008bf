//! Panics of the Parquet reader as errors.
//!
//! On some damaged files the parquet crate panics. A damaged file of the pipeline is refused by its
//! digest, but an external file has none.

use crate::ArtifactError;
use std::cell::Cell;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;

thread_local! {
    static CATCHING: Cell<bool> = const { Cell::new(false) };
}

/// Whether a panic of this thread becomes an [`ArtifactError`], so that a panic hook need not
/// report it.
#[must_use]
pub fn is_catching_panics() -> bool {
    CATCHING.get()
}

/// Runs `read`, which must not hand work to other threads; a panic means that the file is damaged.
pub(crate) fn catch_panic<T>(
    path: &Path,
    read: impl FnOnce() -> Result<T, ArtifactError>,
) -> Result<T, ArtifactError> {
    CATCHING.set(true);
    // Unwind safe: values that the closure was changing are dropped with it.
    let result = catch_unwind(AssertUnwindSafe(read));
    CATCHING.set(false);
    result.unwrap_or_else(|_| {
        Err(ArtifactError::damaged(path, "the Parquet reader cannot make sense of its bytes"))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_panic_of_the_reader_is_an_error_of_the_file() {
        let path = Path::new("external.parquet");
        let error = catch_panic(path, || -> Result<(), _> {
            assert!(is_catching_panics());
            std::panic::resume_unwind(Box::new("overflow"));
        });
        assert!(error.unwrap_err().to_string().contains("external.parquet is damaged"));
        assert!(!is_catching_panics());
        assert_eq!(catch_panic(path, || Ok(3)).unwrap(), 3);
    }
}

//! A damaged Parquet file from elsewhere makes the reading crate panic in places; here that is an
//! error like any other.
//!
//! Files of ours carry a digest, and no value of theirs is used before it holds; but a damaged one
//! may be decoded before that is known, and a foreign file can hold anything.

use crate::ArtifactError;
use std::cell::Cell;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;

thread_local! {
    static READING: Cell<bool> = const { Cell::new(false) };
}

/// Whether this thread reads a file whose reader may panic, which becomes an error: a panic hook
/// need not speak of it.
#[must_use]
pub fn is_reading_foreign() -> bool {
    READING.get()
}

/// Reads, and takes a panic of the reader for damage of the file.
pub(crate) fn guarded<T>(
    path: &Path,
    read: impl FnOnce() -> Result<T, ArtifactError>,
) -> Result<T, ArtifactError> {
    READING.set(true);
    // What the closure has half changed is dropped with it.
    let outcome = catch_unwind(AssertUnwindSafe(read));
    READING.set(false);
    outcome.unwrap_or_else(|_| {
        Err(ArtifactError::damaged(path, "the Parquet reader cannot make sense of its bytes"))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_panic_of_the_reader_is_damage_of_the_file() {
        let path = Path::new("foreign.parquet");
        let error = guarded(path, || -> Result<(), _> {
            assert!(is_reading_foreign());
            std::panic::resume_unwind(Box::new("overflow"));
        });
        assert!(error.unwrap_err().to_string().contains("foreign.parquet is damaged"));
        assert!(!is_reading_foreign());
        assert_eq!(guarded(path, || Ok(3)).unwrap(), 3);
    }
}

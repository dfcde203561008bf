//! The trait of a file that stages hand to each other.

use crate::{ArtifactError, Digest, Loaded, Provenance};
use std::path::Path;

/// A kind of file that stages hand to each other.
pub trait Artifact: Sized {
    /// `NAME/VERSION`, kept in the file's metadata.
    const SCHEMA: &'static str;

    /// Reads and checks a file.
    ///
    /// # Errors
    /// When the file is absent, damaged, of another kind, or holds values out of range.
    fn read(path: &Path) -> Result<Loaded<Self>, ArtifactError>;

    /// Writes the file atomically and returns its digest.
    ///
    /// # Errors
    /// When the folder cannot be written.
    fn write(&self, path: &Path, provenance: &Provenance) -> Result<Digest, ArtifactError>;
}

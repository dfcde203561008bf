//! Typed paths of inputs and outputs.

use crate::RunContext;
use hpa_artifacts::{Artifact, ArtifactError, Digest, Loaded, Provenance};
use std::convert::Infallible;
use std::marker::PhantomData;
use std::path::{Path, PathBuf};
use std::str::FromStr;

/// A file to read, holding a `T`.
#[derive(Debug)]
pub struct Input<T> {
    path: PathBuf,
    holds: PhantomData<fn() -> T>,
}

/// A file to write, holding a `T`.
#[derive(Debug)]
pub struct Output<T> {
    path: PathBuf,
    holds: PhantomData<fn(T)>,
}

impl<T: Artifact> Input<T> {
    /// Reads and checks the file; warns when another program wrote it.
    ///
    /// # Errors
    /// As [`Artifact::read`].
    pub fn read(&self, context: &RunContext) -> Result<Loaded<T>, ArtifactError> {
        let loaded = T::read(&self.path)?;
        if loaded.origin.provenance.is_none() {
            context.warn_external(&self.path);
        }
        Ok(loaded)
    }
}

impl<T: Artifact> Output<T> {
    /// Writes the file whole or not at all.
    ///
    /// # Errors
    /// As [`Artifact::write`].
    pub fn write(&self, value: &T, provenance: &Provenance) -> Result<Digest, ArtifactError> {
        value.write(&self.path, provenance)
    }
}

impl<T> Input<T> {
    /// The path itself.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }
}

impl<T> Output<T> {
    /// The path itself.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }
}

impl<T> FromStr for Input<T> {
    type Err = Infallible;
    fn from_str(text: &str) -> Result<Self, Infallible> {
        Ok(Self { path: text.into(), holds: PhantomData })
    }
}

impl<T> FromStr for Output<T> {
    type Err = Infallible;
    fn from_str(text: &str) -> Result<Self, Infallible> {
        Ok(Self { path: text.into(), holds: PhantomData })
    }
}

// A derived `Clone` would require `T: Clone`.
impl<T> Clone for Input<T> {
    fn clone(&self) -> Self {
        Self { path: self.path.clone(), holds: PhantomData }
    }
}

impl<T> Clone for Output<T> {
    fn clone(&self) -> Self {
        Self { path: self.path.clone(), holds: PhantomData }
    }
}

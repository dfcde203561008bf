//! A checkpoint that survives being killed: one JSON file, whole at any moment.
//!
//! The new state goes to a file beside it, is flushed to the disk and takes the old one's place
//! by renaming, so that whoever pulls the plug finds the state before or after, never half of it.
//! Floats are written so that they read back to the last bit: a search that is resumed goes on as
//! if it had never stopped.

use crate::Error;
use argmin::core::checkpointing::{Checkpoint, CheckpointingFrequency};
use serde::{Serialize, de::DeserializeOwned};
use std::fs::{File, OpenOptions};
use std::io::{ErrorKind, Write};
use std::path::{Path, PathBuf};

/// Saves solver and state of an argmin executor, and gives them back to the next one.
///
/// ```
/// use argmin::core::{Executor, State, checkpointing::CheckpointingFrequency};
/// use hpa_optim::{Bounds, CheckpointFile, Closures, Lbfgsb};
///
/// # fn main() -> Result<(), argmin::core::Error> {
/// # let folder = tempfile::tempdir()?;
/// # let path = folder.path().join("search.json");
/// let search = |iterations| {
///     let valley = Closures::new(
///         |x| 100.0 * (x[1] - x[0] * x[0]).powi(2) + (1.0 - x[0]).powi(2),
///         |x| {
///             let rise = x[1] - x[0] * x[0];
///             vec![-400.0 * rise * x[0] - 2.0 * (1.0 - x[0]), 200.0 * rise]
///         },
///     );
///     Executor::new(valley, Lbfgsb::new(Bounds::uniform(2, -2.0, 2.0)?))
///         .configure(|state| state.param(vec![-1.2, 1.0]).max_iters(iterations))
///         .checkpointing(CheckpointFile::new(&path, CheckpointingFrequency::Always))
///         .run()
/// };
/// search(100)?; // killed at any moment, the same line goes on from the file
/// assert!(path.exists());
/// let again = search(100)?; // and a search that was over is over at once
/// assert!(again.state().get_best_cost() < 1e-12);
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Clone)]
pub struct CheckpointFile {
    path: PathBuf,
    frequency: CheckpointingFrequency,
}

impl CheckpointFile {
    /// Checkpoints in the file `path`, whose folder must be there. Remove the file to start anew.
    pub fn new(path: impl Into<PathBuf>, frequency: CheckpointingFrequency) -> Self {
        Self { path: path.into(), frequency }
    }

    fn error(&self, reason: &impl ToString) -> Error {
        Error::Checkpoint { path: self.path.clone(), reason: reason.to_string() }
    }

    fn write(&self, bytes: &[u8]) -> std::io::Result<()> {
        let mut name = self.path.file_name().unwrap_or_default().to_owned();
        name.push(".partial");
        let partial = self.path.with_file_name(name);
        let mut file = OpenOptions::new().write(true).create(true).truncate(true).open(&partial)?;
        file.write_all(bytes)?;
        file.sync_all()?;
        std::fs::rename(&partial, &self.path)?;
        let folder = self.path.parent().filter(|folder| !folder.as_os_str().is_empty());
        // The new name itself is on the disk only when the folder is.
        File::open(folder.unwrap_or(Path::new(".")))?.sync_all()
    }
}

impl<S, I> Checkpoint<S, I> for CheckpointFile
where
    S: Serialize + DeserializeOwned,
    I: Serialize + DeserializeOwned,
{
    fn save(&self, solver: &S, state: &I) -> Result<(), argmin::core::Error> {
        let bytes = serde_json::to_vec(&(solver, state)).map_err(|error| self.error(&error))?;
        Ok(self.write(&bytes).map_err(|error| self.error(&error))?)
    }

    fn load(&self) -> Result<Option<(S, I)>, argmin::core::Error> {
        let bytes = match std::fs::read(&self.path) {
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
            other => other.map_err(|error| self.error(&error))?,
        };
        Ok(Some(serde_json::from_slice(&bytes).map_err(|error| self.error(&error))?))
    }

    fn frequency(&self) -> CheckpointingFrequency {
        self.frequency
    }
}

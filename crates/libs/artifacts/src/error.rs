//! What can be wrong with a file, and the `make` line that mends it.

use std::path::{Path, PathBuf};

/// Why a file could not be read or written.
#[derive(Debug, thiserror::Error)]
pub enum ArtifactError {
    /// The operating system said no.
    #[error("cannot {action} {}: {source}{}", path.display(), mend_missing(path, source))]
    Io {
        /// The file.
        path: PathBuf,
        /// What was tried: "open", "write".
        action: &'static str,
        /// The system's answer.
        source: std::io::Error,
    },
    /// A file of ours, but of another kind or version.
    #[error("{} is not a {expected} file: it holds {found}\n  help: give the file that the flag asks for, or {}", path.display(), remake(path))]
    OtherKind {
        /// The file.
        path: PathBuf,
        /// The schema that was wanted.
        expected: &'static str,
        /// The schema in its metadata.
        found: String,
    },
    /// Bytes that are not what was once written.
    #[error("{} is damaged: {reason}\n  help: delete it and {}", path.display(), remake(path))]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What gave it away.
        reason: String,
    },
    /// A table whose columns or values are not those of its kind.
    #[error("{} is not a valid {expected} file: {reason}", path.display())]
    Invalid {
        /// The file.
        path: PathBuf,
        /// The schema that was wanted.
        expected: &'static str,
        /// The column, row and value, and what was expected.
        reason: String,
    },
    /// A file that belongs to another run than one given beside it.
    #[error("{} is from another run: {reason}\n  help: {}", path.display(), remake(path))]
    OtherRun {
        /// The file.
        path: PathBuf,
        /// Which input differs.
        reason: String,
    },
    /// What was to be written breaks the rules of its kind.
    #[error("cannot write {}: {reason}", path.display())]
    Unwritable {
        /// The file.
        path: PathBuf,
        /// The rule.
        reason: String,
    },
}

impl ArtifactError {
    /// For `map_err` behind an operation of the operating system.
    pub fn io(path: &Path, action: &'static str) -> impl FnOnce(std::io::Error) -> Self + use<> {
        let path = path.to_owned();
        move |source| Self::Io { path, action, source }
    }

    pub(crate) fn damaged(path: &Path, reason: impl std::fmt::Display) -> Self {
        Self::Damaged { path: path.to_owned(), reason: reason.to_string() }
    }

    pub(crate) fn invalid(
        path: &Path,
        expected: &'static str,
        reason: impl std::fmt::Display,
    ) -> Self {
        Self::Invalid { path: path.to_owned(), expected, reason: reason.to_string() }
    }

    /// For bytes that are no file of the format at all: another format, or cut short.
    pub(crate) fn not_whole(
        path: &Path,
        expected: &'static str,
        source: impl std::fmt::Display,
    ) -> Self {
        let reason = format!(
            "it cannot be opened ({source})\n  help: give the file that the flag asks for; if it was cut short, delete it and {}",
            remake(path)
        );
        Self::invalid(path, expected, reason)
    }

    pub(crate) fn unwritable(path: &Path, reason: impl std::fmt::Display) -> Self {
        Self::Unwritable { path: path.to_owned(), reason: reason.to_string() }
    }
}

/// Opens a file to read, but neither a folder nor a FIFO, whose writer would be waited for,
/// nor a device, which may never end.
///
/// # Errors
/// When it cannot be opened or is no regular file.
pub fn open_regular(path: &Path) -> Result<std::fs::File, ArtifactError> {
    let metadata = std::fs::metadata(path).map_err(ArtifactError::io(path, "open"))?;
    if !metadata.is_file() {
        let source = std::io::Error::other("it is no regular file");
        return Err(ArtifactError::io(path, "open")(source));
    }
    std::fs::File::open(path).map_err(ArtifactError::io(path, "open"))
}

/// The bytes of a regular file.
pub(crate) fn read_regular(path: &Path) -> Result<Vec<u8>, ArtifactError> {
    let mut bytes = Vec::new();
    let mut file = open_regular(path)?;
    std::io::Read::read_to_end(&mut file, &mut bytes).map_err(ArtifactError::io(path, "read"))?;
    Ok(bytes)
}

/// The pipeline's own files can be made again; a user's cannot.
fn mend_missing(path: &Path, source: &std::io::Error) -> String {
    let made_by_us = path.extension().is_some_and(|e| e == "parquet" || e == "safetensors");
    if source.kind() == std::io::ErrorKind::NotFound && made_by_us {
        format!("\n  help: {}", remake(path))
    } else {
        String::new()
    }
}

/// How to make a file of a run, as the Makefile that called the program says it.
fn remake(path: &Path) -> String {
    remake_as(std::env::var("HPA_MAKE").ok().as_deref(), path)
}

/// `called` is what the Makefile was called with. Outside of it, a file that lies as
/// `data/RUN/…` belongs to the pipeline after which the run is named.
fn remake_as(called: Option<&str>, path: &Path) -> String {
    let shown = path.display();
    if let Some(called) = called {
        return format!("run `{called} {shown}`");
    }
    let mut parts = path.iter().filter_map(|part| part.to_str());
    match (parts.next(), parts.next(), parts.next()) {
        (Some("data"), Some("quick"), Some(_)) => format!("run `make {shown}`"),
        (Some("data"), Some(run), Some(_)) => {
            let pipeline = run.split('-').next().unwrap_or(run);
            format!("run `make PIPELINE={pipeline} RUN={run} {shown}`")
        }
        _ => "make it again with the program that wrote it".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_mending_line_repeats_how_make_was_called() {
        let path = Path::new("data/talk/folds.parquet");
        assert_eq!(
            remake_as(Some("make PIPELINE=talk RUN=talk"), path),
            "run `make PIPELINE=talk RUN=talk data/talk/folds.parquet`"
        );
    }

    #[test]
    fn outside_of_make_the_path_says_which_run_it_is() {
        let line = |path| remake_as(None, Path::new(path));
        assert_eq!(line("data/quick/folds.parquet"), "run `make data/quick/folds.parquet`");
        assert_eq!(
            line("data/talk-kaggle/folds.parquet"),
            "run `make PIPELINE=talk RUN=talk-kaggle data/talk-kaggle/folds.parquet`"
        );
        assert_eq!(line("elsewhere.parquet"), "make it again with the program that wrote it");
    }
}

//! Errors of artefacts, with the `make` command that rebuilds a file.

use std::path::{Path, PathBuf};

/// Why a file could not be read or written.
#[derive(Debug, thiserror::Error)]
pub enum ArtifactError {
    /// The operating system reports an error.
    #[error("cannot {action} {}: {source}{}", path.display(), help_for_missing(path, source))]
    Io {
        /// The file.
        path: PathBuf,
        /// The operation: "open", "write".
        action: &'static str,
        /// The system's error.
        source: std::io::Error,
    },
    /// An artefact of another kind or version.
    #[error("{} is not a {expected} file: it holds {found}\n  help: give the file that the flag asks for, or {}", path.display(), remake(path))]
    OtherKind {
        /// The file.
        path: PathBuf,
        /// The expected schema.
        expected: &'static str,
        /// The schema in its metadata.
        found: String,
    },
    /// Bytes other than those that were written.
    #[error("{} is damaged: {reason}\n  help: delete it and {}", path.display(), remake(path))]
    Damaged {
        /// The file.
        path: PathBuf,
        /// How it was detected.
        reason: String,
    },
    /// A table with columns or values that its kind does not allow.
    #[error("{} is not a valid {expected} file: {reason}", path.display())]
    Invalid {
        /// The file.
        path: PathBuf,
        /// The expected schema.
        expected: &'static str,
        /// The column, row and value, and what was expected.
        reason: String,
    },
    /// A file of another run than the files it is used with.
    #[error("{} is from another run: {reason}\n  help: {}", path.display(), remake(path))]
    OtherRun {
        /// The file.
        path: PathBuf,
        /// Which input differs.
        reason: String,
    },
    /// A value that its kind of file cannot hold, or a path that cannot be written.
    #[error("cannot write {}: {reason}", path.display())]
    Unwritable {
        /// The file.
        path: PathBuf,
        /// What prevents it.
        reason: String,
    },
}

impl ArtifactError {
    /// For `map_err` after a system call.
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

    /// For a file of another format, or a truncated one.
    pub(crate) fn not_whole(
        path: &Path,
        expected: &'static str,
        source: impl std::fmt::Display,
    ) -> Self {
        let reason = format!(
            "it cannot be opened ({source})\n  help: give the file that the flag asks for; if it is truncated, delete it and {}",
            remake(path)
        );
        Self::invalid(path, expected, reason)
    }

    pub(crate) fn unwritable(path: &Path, reason: impl std::fmt::Display) -> Self {
        Self::Unwritable { path: path.to_owned(), reason: reason.to_string() }
    }
}

/// Opens a regular file for reading. A folder cannot be read, a FIFO would block until a writer
/// opens it, and a device may never end.
///
/// # Errors
/// When it cannot be opened or is not a regular file.
pub fn open_regular(path: &Path) -> Result<std::fs::File, ArtifactError> {
    let metadata = std::fs::metadata(path).map_err(ArtifactError::io(path, "open"))?;
    if !metadata.is_file() {
        let source = std::io::Error::other("it is not a regular file");
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

/// The `help:` line of a missing file; only the pipeline's own files can be rebuilt.
fn help_for_missing(path: &Path, source: &std::io::Error) -> String {
    let is_artifact = path.extension().is_some_and(|e| e == "parquet" || e == "safetensors");
    if source.kind() == std::io::ErrorKind::NotFound && is_artifact {
        format!("\n  help: {}", remake(path))
    } else {
        String::new()
    }
}

/// How to rebuild a file of a run; `HPA_MAKE` holds the command of the calling Makefile.
fn remake(path: &Path) -> String {
    remake_as(std::env::var("HPA_MAKE").ok().as_deref(), path)
}

/// `called` is the command of the calling Makefile. Without one, a file below `data/RUN/` belongs to
/// the pipeline that the run is named after.
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
        _ => "rebuild it with the program that wrote it".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_help_line_repeats_the_command_of_make() {
        let path = Path::new("data/talk/folds.parquet");
        assert_eq!(
            remake_as(Some("make PIPELINE=talk RUN=talk"), path),
            "run `make PIPELINE=talk RUN=talk data/talk/folds.parquet`"
        );
    }

    #[test]
    fn outside_of_make_the_path_names_the_run() {
        let line = |path| remake_as(None, Path::new(path));
        assert_eq!(line("data/quick/folds.parquet"), "run `make data/quick/folds.parquet`");
        assert_eq!(
            line("data/talk-kaggle/folds.parquet"),
            "run `make PIPELINE=talk RUN=talk-kaggle data/talk-kaggle/folds.parquet`"
        );
        assert_eq!(line("elsewhere.parquet"), "rebuild it with the program that wrote it");
    }
}

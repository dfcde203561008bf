//! Atomic writes: a temporary file in the same folder, fsync, rename, fsync of the folder.
//!
//! A rename without the two fsyncs is not durable: after a power cut the name may point to an
//! empty file. Temporary files are hidden and end in `.partial`; the process keeps a list of its
//! own, so that it can remove them before it stops ([`remove_unfinished`]).

use crate::ArtifactError;
use std::collections::BTreeSet;
use std::fs::File;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::Mutex;

static UNFINISHED: Mutex<BTreeSet<PathBuf>> = Mutex::new(BTreeSet::new());

/// A file that gets its final name only when it is complete.
#[derive(Debug)]
pub struct AtomicFile {
    file: Listed,
    path: PathBuf,
}

/// A temporary file, in the list of unfinished ones until it is dropped.
#[derive(Debug)]
struct Listed {
    file: Option<tempfile::NamedTempFile>,
    name: PathBuf,
}

impl Listed {
    fn file(&mut self) -> &mut tempfile::NamedTempFile {
        self.file.as_mut().expect("only commit takes it, and it consumes the owner")
    }
}

impl Drop for Listed {
    fn drop(&mut self) {
        unfinished().remove(&self.name);
    }
}

impl AtomicFile {
    /// Creates a temporary file in the folder of `path`, which is created if it is missing.
    ///
    /// # Errors
    /// When the folder cannot be created or written, or `path` is a folder, a device or a FIFO,
    /// which the rename would replace.
    pub fn create(path: &Path) -> Result<Self, ArtifactError> {
        if std::fs::metadata(path).is_ok_and(|there| !there.is_file() && !there.is_dir()) {
            return Err(ArtifactError::unwritable(path, "it is not a regular file"));
        }
        let name = path.file_name().filter(|_| !path.is_dir()).ok_or_else(|| {
            ArtifactError::unwritable(path, "it is a folder, expected the name of a file")
        })?;
        let folder = folder_of(path);
        std::fs::create_dir_all(folder).map_err(ArtifactError::io(folder, "make folder"))?;
        let file = tempfile::Builder::new()
            .prefix(&format!(".{}.", name.to_string_lossy()))
            .suffix(".partial")
            .permissions(default_permissions())
            .tempfile_in(folder)
            .map_err(ArtifactError::io(path, "write"))?;
        let listed = Listed { name: file.path().to_owned(), file: Some(file) };
        unfinished().insert(listed.name.clone());
        Ok(Self { file: listed, path: path.to_owned() })
    }

    /// The open file, for writers that seek.
    pub(crate) fn file_mut(&mut self) -> &mut File {
        self.file.file().as_file_mut()
    }

    /// Gives the file its final name, durably, and removes temporary files of it that killed
    /// processes have left.
    ///
    /// # Errors
    /// When the disk is full or the rename is refused; nothing is left behind then.
    pub fn commit(mut self) -> Result<(), ArtifactError> {
        let path = &self.path;
        let Some(file) = self.file.file.take() else { return Ok(()) };
        file.as_file()
            .sync_all()
            .and_then(|()| file.persist(path).map(drop).map_err(|error| error.error))
            .and_then(|()| File::open(folder_of(path))?.sync_all())
            .map_err(ArtifactError::io(path, "write"))?;
        remove_leftovers(path)
    }
}

impl Write for AtomicFile {
    fn write(&mut self, buffer: &[u8]) -> std::io::Result<usize> {
        self.file.file().write(buffer)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        self.file.file().flush()
    }
}

/// Writes a whole file.
///
/// # Errors
/// As [`AtomicFile::create`] and [`AtomicFile::commit`].
pub fn write_bytes(path: &Path, bytes: &[u8]) -> Result<(), ArtifactError> {
    let mut file = AtomicFile::create(path)?;
    file.write_all(bytes).map_err(ArtifactError::io(path, "write"))?;
    file.commit()
}

/// Removes the temporary files of this process, before it stops.
pub fn remove_unfinished() {
    for path in std::mem::take(&mut *unfinished()) {
        // It may have been renamed or removed meanwhile; the program stops anyway.
        std::fs::remove_file(path).ok();
    }
}

/// Removes temporary files of this file that killed processes have left. No other process may be
/// writing it.
///
/// # Errors
/// When the folder can be listed but such a file cannot be removed.
pub fn remove_leftovers(path: &Path) -> Result<(), ArtifactError> {
    let Some(name) = path.file_name() else { return Ok(()) };
    let prefix = format!(".{}.", name.to_string_lossy());
    let Ok(entries) = std::fs::read_dir(folder_of(path)) else { return Ok(()) };
    for entry in entries.flatten() {
        let found = entry.file_name();
        let found = found.to_string_lossy();
        if found.starts_with(&prefix) && found.ends_with(".partial") {
            std::fs::remove_file(entry.path())
                .map_err(ArtifactError::io(&entry.path(), "remove"))?;
        }
    }
    Ok(())
}

fn unfinished() -> std::sync::MutexGuard<'static, BTreeSet<PathBuf>> {
    UNFINISHED.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
}

fn folder_of(path: &Path) -> &Path {
    match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    }
}

/// The permissions `open` gives a new file: readable and writable by all, less the umask.
fn default_permissions() -> std::fs::Permissions {
    use std::os::unix::fs::PermissionsExt;
    std::fs::Permissions::from_mode(0o666)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_that_is_not_committed_leaves_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("deep/table.parquet");
        let mut file = AtomicFile::create(&path).unwrap();
        file.write_all(b"half").unwrap();
        drop(file);
        assert_eq!(std::fs::read_dir(path.parent().unwrap()).unwrap().count(), 0);
    }

    #[test]
    fn a_failed_write_keeps_the_old_file() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("table.parquet");
        write_bytes(&path, b"old").unwrap();
        let mut file = AtomicFile::create(&path).unwrap();
        file.write_all(b"new, but").unwrap();
        drop(file);
        assert_eq!(std::fs::read(&path).unwrap(), b"old");
        write_bytes(&path, b"new").unwrap();
        assert_eq!(std::fs::read(&path).unwrap(), b"new");
    }

    #[test]
    fn unfinished_files_can_be_removed_at_once() {
        let folder = tempfile::tempdir().unwrap();
        let file = AtomicFile::create(&folder.path().join("x")).unwrap();
        let temporary = file.file.name.clone();
        assert!(unfinished().contains(&temporary));
        drop(file);
        assert!(!unfinished().contains(&temporary));
    }

    #[test]
    fn leftovers_of_a_killed_process_are_removed_and_nothing_else() {
        let folder = tempfile::tempdir().unwrap();
        let names = [".a.x1.partial", ".a.b.partial", ".b.x1.partial", "a", ".a.x1"];
        for name in names {
            write_bytes(&folder.path().join(name), b"half").unwrap();
        }
        remove_leftovers(&folder.path().join("a")).unwrap();
        remove_leftovers(&folder.path().join("no/such/a")).unwrap();
        let left = || names.map(|name| folder.path().join(name).exists());
        assert_eq!(left(), [false, false, true, true, true]);
        write_bytes(&folder.path().join("b"), b"whole").unwrap();
        assert_eq!(left(), [false, false, false, true, true], "a complete file has no leftovers");
    }

    #[test]
    fn a_device_is_not_replaced_by_a_file() {
        use std::os::unix::fs::FileTypeExt;
        let error = write_bytes(Path::new("/dev/null"), b"x").unwrap_err().to_string();
        assert!(error.contains("it is not a regular file"), "{error}");
        let there = std::fs::metadata("/dev/null").unwrap().file_type();
        assert!(there.is_char_device());
    }

    #[test]
    fn a_folder_is_not_replaced_by_a_file() {
        let folder = tempfile::tempdir().unwrap();
        assert!(AtomicFile::create(folder.path()).is_err());
    }
}

//! Files that can be read to their end.

use std::fs::File;
use std::io::{Error, Read, Result};
use std::path::Path;

/// Opens a file to read, but no FIFO, whose writer would be waited for, and no device, which may
/// never end.
pub(crate) fn open(path: &Path) -> Result<File> {
    if !std::fs::metadata(path)?.is_file() {
        return Err(Error::other("it is no regular file"));
    }
    File::open(path)
}

/// The bytes of such a file.
pub(crate) fn read(path: &Path) -> Result<Vec<u8>> {
    let mut bytes = Vec::new();
    open(path)?.read_to_end(&mut bytes)?;
    Ok(bytes)
}

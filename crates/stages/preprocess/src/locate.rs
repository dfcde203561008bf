//! Search for a sample's image files in the image folders.

use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use hpa_core::{Channel, SampleId};

use crate::Config;
use crate::error::SampleError;
use crate::file_pattern::ImageFile;

/// The image files of a sample, in the order of [`Channel::ALL`].
pub(crate) type SampleFiles = [ImageFile; Channel::COUNT];

/// Finds the four image files of a sample.
///
/// # Errors
/// When one is missing, not a regular file, or in two folders.
pub(crate) fn locate_files(
    id: &SampleId,
    folders: &[PathBuf],
    config: &Config,
) -> Result<SampleFiles, SampleError> {
    let mut files = SampleFiles::default();
    for channel in Channel::ALL {
        files[channel.index()] = locate_file(id, channel, folders, config)?;
    }
    Ok(files)
}

/// Finds the image file of one channel.
///
/// # Errors
/// Same as [`locate_files`].
pub(crate) fn locate_file(
    id: &SampleId,
    channel: Channel,
    folders: &[PathBuf],
    config: &Config,
) -> Result<ImageFile, SampleError> {
    let names = config.files.file_names(id, channel).map_err(SampleError::Name)?;
    let mut found: Option<ImageFile> = None;
    for (folder, path) in folders.iter().enumerate() {
        let Some(name) = first_existing(&names, path)? else { continue };
        let file = ImageFile { folder, name };
        if let Some(first) = found {
            return Err(SampleError::InTwoFolders { first, second: file });
        }
        found = Some(file);
    }
    found.ok_or_else(|| SampleError::Missing(names.join(" or ")))
}

fn first_existing(names: &[String], folder: &Path) -> Result<Option<String>, SampleError> {
    for name in names {
        match fs::metadata(folder.join(name)) {
            // Opening a FIFO would block until something writes to it.
            Ok(metadata) if !metadata.is_file() => {
                return Err(SampleError::NotRegularFile(name.clone()));
            }
            Ok(_) => return Ok(Some(name.clone())),
            Err(error) if error.kind() == ErrorKind::NotFound => {}
            Err(source) => return Err(SampleError::Io { file: name.clone(), source }),
        }
    }
    Ok(None)
}

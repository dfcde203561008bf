//! One sample: four files in, one row out.

use std::fs;
use std::io::{ErrorKind, Read};
use std::path::Path;

use hpa_artifacts::ImageRow;
use hpa_core::{Channel, SampleId};
use hpa_imaging::{Format, Plane, Rules, decode, perceptual_hash, resize};

use crate::{SampleError, Settings};

/// A sample and its four files, named from the folder of the images on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sources {
    /// The sample.
    pub id: SampleId,
    /// The file of each channel.
    pub files: [String; Channel::COUNT],
}

/// Finds the four files of a sample.
///
/// # Errors
/// When one is missing or no regular file.
pub fn locate(id: &SampleId, folder: &Path, settings: &Settings) -> Result<Sources, SampleError> {
    let mut files = [const { String::new() }; Channel::COUNT];
    for channel in Channel::ALL {
        files[channel.index()] = find(id, channel, folder, settings)?;
    }
    Ok(Sources { id: id.clone(), files })
}

fn find(
    id: &SampleId,
    channel: Channel,
    folder: &Path,
    settings: &Settings,
) -> Result<String, SampleError> {
    let names = settings.files.names(id, channel).map_err(SampleError::Name)?;
    for file in &names {
        match fs::metadata(folder.join(file)) {
            // Opening a FIFO would wait for its writer for ever.
            Ok(metadata) if !metadata.is_file() => return Err(SampleError::NoFile(file.clone())),
            Ok(_) => return Ok(file.clone()),
            Err(error) if error.kind() == ErrorKind::NotFound => {}
            Err(source) => return Err(SampleError::Io { file: file.clone(), source }),
        }
    }
    Err(SampleError::Missing(names.join(" or ")))
}

/// Reads, checks and shrinks a sample.
///
/// Hashes and digest are those of the source, so they do not depend on the size written.
/// The planes are read one after another: one at a time is in memory at full size.
///
/// # Errors
/// When a file is no sound grey square or the four differ in size.
pub fn read_sample(
    sources: &Sources,
    folder: &Path,
    settings: &Settings,
) -> Result<ImageRow, SampleError> {
    let mut image = Vec::with_capacity(Channel::COUNT * settings.size_px * settings.size_px);
    let mut phash = [0; Channel::COUNT];
    let mut digest = blake3::Hasher::new();
    let mut side = None;
    for (channel, file) in Channel::ALL.into_iter().zip(&sources.files) {
        let plane = read_plane(file, channel, folder, settings)?;
        check_square(&plane, file)?;
        let red = *side.get_or_insert(plane.width());
        if plane.width() != red {
            return Err(SampleError::Sizes { file: file.clone(), side: plane.width(), red });
        }
        image.extend(resize(&plane, settings.size_px, settings.filter.into()));
        phash[channel.index()] = perceptual_hash(&plane);
        plane.each_bytes(|bytes| {
            digest.update(bytes);
        });
    }
    // The decoder limits sides to far less.
    let side = u32::try_from(side.unwrap_or_default()).unwrap_or(u32::MAX);
    let digest = *digest.finalize().as_bytes();
    Ok(ImageRow { id: sources.id.clone(), height: side, width: side, image, phash, digest })
}

fn read_plane(
    file: &str,
    channel: Channel,
    folder: &Path,
    settings: &Settings,
) -> Result<Plane, SampleError> {
    let bytes = read_bytes(file, folder, settings.max_side_px)?;
    let extension = file.rsplit_once('.').map_or("", |(_, extension)| extension);
    let formats = (Format::of_content(&bytes), Format::of_extension(extension));
    if let (Some(content), Some(name)) = formats
        && content != name
        && !settings.by_content
    {
        return Err(SampleError::Format { file: file.to_owned(), content, name });
    }
    let one_colour = settings.one_colour.then_some(channel);
    decode(&bytes, &Rules { max_side_px: settings.max_side_px, one_colour })
        .map_err(|source| SampleError::Picture { file: file.to_owned(), source })
}

/// A file's bytes; never more than the largest picture can take.
fn read_bytes(file: &str, folder: &Path, max_side_px: usize) -> Result<Vec<u8>, SampleError> {
    let io = |source| SampleError::Io { file: file.to_owned(), source };
    let opened = fs::File::open(folder.join(file)).map_err(io)?;
    // Three components of two bytes, and as much again for whatever else is in the file.
    let limit = 12 * (max_side_px * max_side_px).max(1 << 16) as u64;
    let bytes = opened.metadata().map_err(io)?.len();
    if bytes > limit {
        return Err(SampleError::Bytes { file: file.to_owned(), bytes, limit: max_side_px });
    }
    let mut content = Vec::with_capacity(usize::try_from(bytes).unwrap_or_default());
    opened.take(limit).read_to_end(&mut content).map_err(io)?;
    Ok(content)
}

fn check_square(plane: &Plane, file: &str) -> Result<(), SampleError> {
    let (width, height) = (plane.width(), plane.height());
    if width == height {
        return Ok(());
    }
    Err(SampleError::NotSquare { file: file.to_owned(), width, height })
}

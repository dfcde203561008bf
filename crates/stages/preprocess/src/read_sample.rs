//! One sample: four image files to one row of a shard.

use std::cell::RefCell;
use std::path::PathBuf;

use hpa_artifacts::{EncodedPixels, ImageSummary, PageEncoder};
use hpa_core::{Channel, SampleId};
use hpa_imaging::{
    DecodeBuffers, DecodeOptions, ImageFormat, Plane, decode_memory_bytes, decode_with_buffers,
    perceptual_hash, resize_into,
};
use twox_hash::XxHash3_128;

use crate::Config;
use crate::buffer_pool::{self, MAX_RETAINED_BYTES};
use crate::error::SampleError;
use crate::file_buffer::FileBuffer;
use crate::file_pattern::ImageFile;
use crate::locate::{SampleFiles, locate_file};
use crate::memory_budget::PIXELS;

/// A sample as a shard stores it.
#[derive(Debug)]
pub(crate) struct Row {
    /// All columns but the pixels.
    pub(crate) summary: ImageSummary,
    /// The compressed pixels.
    pub(crate) pixels: EncodedPixels,
    /// Digest of the names and contents of the sample's files.
    pub(crate) files_digest: [u8; 32],
}

/// Buffers that a thread reuses from sample to sample.
#[derive(Default)]
struct SampleReader {
    file: FileBuffer,
    decode_buffers: DecodeBuffers,
    image: Vec<u8>,
    encoder: PageEncoder,
}

thread_local! {
    static READER: RefCell<SampleReader> = RefCell::default();
}

/// Decodes, checks, resizes, hashes and compresses a sample.
///
/// Hashes and digest are those of the source images and do not depend on the output size. The
/// channels are read one after another, so one plane at a time is in memory at full size.
///
/// # Errors
/// When a file is not a valid square grey image or the four differ in size.
pub(crate) fn read_sample(
    id: &SampleId,
    files: &SampleFiles,
    folders: &[PathBuf],
    config: &Config,
) -> Result<Row, SampleError> {
    READER.with_borrow_mut(|reader| reader.read(id, files, folders, config))
}

/// Digest of the names and contents of a sample's files, or of the errors in their place; the
/// contents are not decoded.
pub(crate) fn digest_files(id: &SampleId, folders: &[PathBuf], config: &Config) -> [u8; 32] {
    let mut digest = blake3::Hasher::new();
    READER.with_borrow_mut(|reader| {
        for channel in Channel::ALL {
            let file = locate_file(id, channel, folders, config).and_then(|file| {
                let _reservation = reader.file.read(&file, folders, config)?;
                Ok(file)
            });
            match file {
                Ok(file) => update_files_digest(&mut digest, &file.name, &reader.file),
                Err(error) => update_files_digest(&mut digest, "", error.to_string().as_bytes()),
            }
            reader.shrink();
        }
    });
    *digest.finalize().as_bytes()
}

/// The contents are hashed only to detect changes, not forgery: 128-bit XXH3 is several times
/// as fast as BLAKE3.
fn update_files_digest(digest: &mut blake3::Hasher, name: &str, contents: &[u8]) {
    digest.update(&(name.len() as u64).to_le_bytes());
    digest.update(name.as_bytes());
    digest.update(&XxHash3_128::oneshot(contents).to_le_bytes());
}

impl SampleReader {
    fn read(
        &mut self,
        id: &SampleId,
        files: &SampleFiles,
        folders: &[PathBuf],
        config: &Config,
    ) -> Result<Row, SampleError> {
        self.image.clear();
        let mut phash = [0; Channel::COUNT];
        let mut pixels_digest = blake3::Hasher::new();
        let mut files_digest = blake3::Hasher::new();
        let mut side = None;
        for (channel, file) in Channel::ALL.into_iter().zip(files) {
            let _file_memory = self.file.read(file, folders, config)?;
            update_files_digest(&mut files_digest, &file.name, &self.file);
            let options = DecodeOptions {
                max_side_px: config.max_side_px,
                rgb_channel: config.rgb_channel.then_some(channel),
            };
            let _pixel_memory = PIXELS.reserve(decode_memory_bytes(&self.file, &options));
            let name = file.display(folders);
            let plane = self.decode(&name, file, &options, config)?;
            check_size(&plane, &name, *side.get_or_insert(plane.width()))?;
            resize_into(&plane, config.size_px, config.filter.into(), &mut self.image);
            phash[channel.index()] = perceptual_hash(&plane);
            plane.visit_le_bytes(|bytes| {
                pixels_digest.update(bytes);
            });
            self.decode_buffers.recycle(plane);
        }
        let pixels = self
            .encoder
            .encode_into(buffer_pool::take(), &self.image)
            .map_err(|source| SampleError::Io { file: id.to_string(), source })?;
        self.shrink();
        // The decoder limits sides to far less than 2^32.
        let side = u32::try_from(side.unwrap_or_default()).unwrap_or(u32::MAX);
        let digest = *pixels_digest.finalize().as_bytes();
        let summary = ImageSummary { id: id.clone(), height: side, width: side, phash, digest };
        Ok(Row { summary, pixels, files_digest: *files_digest.finalize().as_bytes() })
    }

    /// Decodes the file in the buffer; `name` is its name in error messages.
    fn decode(
        &mut self,
        name: &str,
        file: &ImageFile,
        options: &DecodeOptions,
        config: &Config,
    ) -> Result<Plane, SampleError> {
        let extension = file.name.rsplit_once('.').map_or("", |(_, extension)| extension);
        let by_content = ImageFormat::from_content(&self.file);
        let by_extension = ImageFormat::from_extension(extension);
        if let (Some(content), Some(extension)) = (by_content, by_extension)
            && content != extension
            && !config.by_content
        {
            return Err(SampleError::Format { file: name.to_owned(), content, extension });
        }
        decode_with_buffers(&self.file, options, &mut self.decode_buffers)
            .map_err(|source| SampleError::Decode { file: name.to_owned(), source })
    }

    /// Frees huge buffers, which must not stay for the whole run.
    fn shrink(&mut self) {
        self.file.shrink();
        if self.image.capacity() > MAX_RETAINED_BYTES {
            self.image = Vec::new();
        }
    }
}

fn check_size(plane: &Plane, file: &str, red: usize) -> Result<(), SampleError> {
    let (width, height) = (plane.width(), plane.height());
    if width != height {
        return Err(SampleError::NotSquare { file: file.to_owned(), width, height });
    }
    if width != red {
        return Err(SampleError::SizeMismatch { file: file.to_owned(), side: width, red });
    }
    Ok(())
}

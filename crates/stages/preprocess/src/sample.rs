//! One sample: four files in, one row out.

use std::cell::RefCell;
use std::fs;
use std::io::{ErrorKind, Read};
use std::path::Path;

use hpa_artifacts::{EncodedPixels, ImageSummary, PageEncoder};
use hpa_core::{Channel, SampleId};
use hpa_imaging::{Format, Plane, Rules, Scratch, decode_with, perceptual_hash, resize_into};

use crate::budget::{FILES, PIXELS};
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

/// What a sample adds to a shard.
#[derive(Clone, Debug)]
pub struct Row {
    /// Its row without the pixels.
    pub summary: ImageSummary,
    /// Its pixels, compressed.
    pub pixels: EncodedPixels,
    /// BLAKE3 over the names and bytes of its files.
    pub sources: [u8; 32],
}

/// Buffers that a thread keeps from sample to sample.
#[derive(Default)]
struct Worker {
    file: Vec<u8>,
    scratch: Scratch,
    image: Vec<u8>,
    encoder: PageEncoder,
}

thread_local! {
    static WORKER: RefCell<Worker> = RefCell::default();
}

/// Reads, checks, shrinks and compresses a sample.
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
) -> Result<Row, SampleError> {
    WORKER.with_borrow_mut(|worker| worker.read(sources, folder, settings))
}

/// BLAKE3 over the names and bytes of a sample's files, or over why there are none; what
/// the files hold is not looked at.
#[must_use]
pub fn digest_sources(id: &SampleId, folder: &Path, settings: &Settings) -> [u8; 32] {
    let mut digest = blake3::Hasher::new();
    WORKER.with_borrow_mut(|worker| {
        for channel in Channel::ALL {
            let named = find(id, channel, folder, settings);
            let read = named.and_then(|name| {
                let _memory = read_bytes(&name, folder, settings, &mut worker.file)?;
                Ok(name)
            });
            match read {
                Ok(name) => add_file(&mut digest, &name, &worker.file),
                Err(error) => add_file(&mut digest, "", error.to_string().as_bytes()),
            }
            worker.shrink();
        }
    });
    *digest.finalize().as_bytes()
}

fn add_file(digest: &mut blake3::Hasher, name: &str, bytes: &[u8]) {
    digest.update(&(name.len() as u64).to_le_bytes());
    digest.update(name.as_bytes());
    digest.update(&(bytes.len() as u64).to_le_bytes());
    digest.update(bytes);
}

impl Worker {
    fn read(
        &mut self,
        sources: &Sources,
        folder: &Path,
        settings: &Settings,
    ) -> Result<Row, SampleError> {
        self.image.clear();
        let mut phash = [0; Channel::COUNT];
        let (mut digest, mut files) = (blake3::Hasher::new(), blake3::Hasher::new());
        let mut side = None;
        for (channel, file) in Channel::ALL.into_iter().zip(&sources.files) {
            let _file = read_bytes(file, folder, settings, &mut self.file)?;
            add_file(&mut files, file, &self.file);
            let rules = rules(channel, settings);
            let _plane = PIXELS.take(hpa_imaging::memory_needed(&self.file, &rules));
            let plane = self.plane(file, &rules, settings)?;
            check_sides(&plane, file, *side.get_or_insert(plane.width()))?;
            resize_into(&plane, settings.size_px, settings.filter.into(), &mut self.image);
            phash[channel.index()] = perceptual_hash(&plane);
            plane.each_bytes(|bytes| {
                digest.update(bytes);
            });
            self.scratch.recycle(plane);
        }
        // The decoder limits sides to far less.
        let side = u32::try_from(side.unwrap_or_default()).unwrap_or(u32::MAX);
        let (id, digest) = (sources.id.clone(), *digest.finalize().as_bytes());
        let pixels = self
            .encoder
            .encode(&self.image)
            .map_err(|source| SampleError::Io { file: sources.id.to_string(), source })?;
        self.shrink();
        let summary = ImageSummary { id, height: side, width: side, phash, digest };
        Ok(Row { summary, pixels, sources: *files.finalize().as_bytes() })
    }

    /// Decodes what was read.
    fn plane(
        &mut self,
        file: &str,
        rules: &Rules,
        settings: &Settings,
    ) -> Result<Plane, SampleError> {
        let extension = file.rsplit_once('.').map_or("", |(_, extension)| extension);
        let formats = (Format::of_content(&self.file), Format::of_extension(extension));
        if let (Some(content), Some(name)) = formats
            && content != name
            && !settings.by_content
        {
            return Err(SampleError::Format { file: file.to_owned(), content, name });
        }
        decode_with(&self.file, rules, &mut self.scratch)
            .map_err(|source| SampleError::Picture { file: file.to_owned(), source })
    }

    /// Huge buffers must not stay for the whole run.
    fn shrink(&mut self) {
        for buffer in [&mut self.file, &mut self.image] {
            if buffer.capacity() > KEPT_BYTES {
                *buffer = Vec::new();
            }
        }
        self.encoder.shrink_to(KEPT_BYTES);
    }
}

/// Buffers are kept up to this size: enough for squares of 1024 px.
const KEPT_BYTES: usize = 5 << 20;
/// What may be in a file beside its pixels: text, colour profiles, thumbnails.
const BESIDE_PIXELS: u64 = 8 << 20;

fn rules(channel: Channel, settings: &Settings) -> Rules {
    let one_colour = settings.one_colour.then_some(channel);
    Rules { max_side_px: settings.max_side_px, one_colour }
}

/// Puts a file's bytes into `content`; never more than the largest picture can take.
/// The memory is given back to others when what is returned is dropped.
fn read_bytes(
    file: &str,
    folder: &Path,
    settings: &Settings,
    content: &mut Vec<u8>,
) -> Result<crate::budget::Share, SampleError> {
    let io = |source| SampleError::Io { file: file.to_owned(), source };
    let mut opened = fs::File::open(folder.join(file)).map_err(io)?;
    // Components of two bytes, uncompressed.
    let components = if settings.one_colour { 3 } else { 1 };
    let limit = 2 * components * (settings.max_side_px as u64).pow(2) + BESIDE_PIXELS;
    let bytes = opened.metadata().map_err(io)?.len();
    if bytes > limit {
        let limit = settings.max_side_px;
        return Err(SampleError::Bytes { file: file.to_owned(), bytes, limit });
    }
    let share = FILES.take(bytes);
    // In one call; what a file loses or gains meanwhile is an error.
    content.resize(usize::try_from(bytes).unwrap_or_default(), 0);
    opened.read_exact(content).map_err(io)?;
    if opened.read(&mut [0]).map_err(io)? > 0 {
        return Err(io(std::io::Error::other("it grows while it is read")));
    }
    Ok(share)
}

fn check_sides(plane: &Plane, file: &str, red: usize) -> Result<(), SampleError> {
    let (width, height) = (plane.width(), plane.height());
    if width != height {
        return Err(SampleError::NotSquare { file: file.to_owned(), width, height });
    }
    if width != red {
        return Err(SampleError::Sizes { file: file.to_owned(), side: width, red });
    }
    Ok(())
}

//! One sample: four files in, one row out.

use std::cell::RefCell;
use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use hpa_artifacts::{EncodedPixels, ImageSummary, PageEncoder};
use hpa_core::{Channel, SampleId};
use hpa_imaging::{Format, Plane, Rules, Scratch, decode_with, perceptual_hash, resize_into};
use twox_hash::XxHash3_128;

use crate::budget::PIXELS;
use crate::file_bytes::FileBytes;
use crate::{SampleError, Settings};

/// A sample and its four files.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sources {
    /// The sample.
    pub id: SampleId,
    /// The file of each channel.
    pub files: [Source; Channel::COUNT],
}

/// A file in one of the folders of images.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Source {
    /// Which folder, counted from 0.
    pub folder: usize,
    /// The name from that folder on.
    pub name: String,
}

impl Source {
    /// What an error calls it; the folder counts from 1 where there are several.
    pub(crate) fn shown(&self, folders: &[PathBuf]) -> String {
        match folders {
            [_] => self.name.clone(),
            _ => format!("{} of folder {}", self.name, self.folder + 1),
        }
    }
}

/// Finds the four files of a sample in the folders of images.
///
/// # Errors
/// When one is missing, no regular file, or in two folders.
pub fn locate(
    id: &SampleId,
    folders: &[PathBuf],
    settings: &Settings,
) -> Result<Sources, SampleError> {
    let mut files = <[Source; Channel::COUNT]>::default();
    for channel in Channel::ALL {
        files[channel.index()] = find(id, channel, folders, settings)?;
    }
    Ok(Sources { id: id.clone(), files })
}

fn find(
    id: &SampleId,
    channel: Channel,
    folders: &[PathBuf],
    settings: &Settings,
) -> Result<Source, SampleError> {
    let names = settings.files.names(id, channel).map_err(SampleError::Name)?;
    let mut found: Option<Source> = None;
    for (folder, path) in folders.iter().enumerate() {
        let Some(name) = first_of(&names, path)? else { continue };
        let here = Source { folder, name };
        // Neither is better than the other: which is meant is for the user to say.
        if let Some(first) = found {
            return Err(SampleError::Twice { first, second: here });
        }
        found = Some(here);
    }
    found.ok_or_else(|| SampleError::Missing(names.join(" or ")))
}

/// The first of the names that is there.
fn first_of(names: &[String], folder: &Path) -> Result<Option<String>, SampleError> {
    for name in names {
        match fs::metadata(folder.join(name)) {
            // Opening a FIFO would wait for its writer for ever.
            Ok(metadata) if !metadata.is_file() => return Err(SampleError::NoFile(name.clone())),
            Ok(_) => return Ok(Some(name.clone())),
            Err(error) if error.kind() == ErrorKind::NotFound => {}
            Err(source) => return Err(SampleError::Io { file: name.clone(), source }),
        }
    }
    Ok(None)
}

/// What a sample adds to a shard.
#[derive(Clone, Debug)]
pub struct Row {
    /// Its row without the pixels.
    pub summary: ImageSummary,
    /// Its pixels, compressed.
    pub pixels: EncodedPixels,
    /// A digest of the names and bytes of its files.
    pub sources: [u8; 32],
}

/// Buffers that a thread keeps from sample to sample.
#[derive(Default)]
struct Worker {
    file: FileBytes,
    scratch: Scratch,
    image: Vec<u8>,
    encoder: PageEncoder,
}

/// Memory of rows that are written, for those to come.
static SPARE: Mutex<Vec<Vec<u8>>> = Mutex::new(Vec::new());

/// Gives memory back for further rows.
pub(crate) fn give_spare(frames: Vec<Vec<u8>>) {
    if !frames.is_empty() {
        let small = frames.into_iter().filter(|frame| frame.capacity() <= KEPT_BYTES);
        SPARE.lock().unwrap_or_else(PoisonError::into_inner).extend(small);
    }
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
    folders: &[PathBuf],
    settings: &Settings,
) -> Result<Row, SampleError> {
    WORKER.with_borrow_mut(|worker| worker.read(sources, folders, settings))
}

/// A digest of the names and bytes of a sample's files, or of why there are none; what
/// the files hold is not looked at.
#[must_use]
pub fn digest_sources(id: &SampleId, folders: &[PathBuf], settings: &Settings) -> [u8; 32] {
    let mut digest = blake3::Hasher::new();
    WORKER.with_borrow_mut(|worker| {
        for channel in Channel::ALL {
            let named = find(id, channel, folders, settings);
            let read = named.and_then(|source| {
                let _memory = worker.file.read(&source, folders, settings)?;
                Ok(source)
            });
            match read {
                Ok(source) => add_file(&mut digest, &source.name, &worker.file),
                Err(error) => add_file(&mut digest, "", error.to_string().as_bytes()),
            }
            worker.shrink();
        }
    });
    *digest.finalize().as_bytes()
}

/// Of the bytes of a file there is only to be known whether they are those of before, for which no
/// digest that withstands a forger is needed: XXH3 of 128 bits is several times as fast.
fn add_file(digest: &mut blake3::Hasher, name: &str, bytes: &[u8]) {
    digest.update(&(name.len() as u64).to_le_bytes());
    digest.update(name.as_bytes());
    digest.update(&XxHash3_128::oneshot(bytes).to_le_bytes());
}

impl Worker {
    fn read(
        &mut self,
        sources: &Sources,
        folders: &[PathBuf],
        settings: &Settings,
    ) -> Result<Row, SampleError> {
        self.image.clear();
        let mut phash = [0; Channel::COUNT];
        let (mut digest, mut files) = (blake3::Hasher::new(), blake3::Hasher::new());
        let mut side = None;
        for (channel, source) in Channel::ALL.into_iter().zip(&sources.files) {
            let _file = self.file.read(source, folders, settings)?;
            let file = &source.shown(folders);
            add_file(&mut files, &source.name, &self.file);
            let rules = rules(channel, settings);
            let _plane = PIXELS.take(hpa_imaging::memory_needed(&self.file, &rules));
            let plane = self.plane((&source.name, file), &rules, settings)?;
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
        let spare = SPARE.lock().unwrap_or_else(PoisonError::into_inner).pop();
        let pixels = self
            .encoder
            .encode_into(spare.unwrap_or_default(), &self.image)
            .map_err(|source| SampleError::Io { file: sources.id.to_string(), source })?;
        self.shrink();
        let summary = ImageSummary { id, height: side, width: side, phash, digest };
        Ok(Row { summary, pixels, sources: *files.finalize().as_bytes() })
    }

    /// Decodes what was read of a file of this name.
    fn plane(
        &mut self,
        (name, file): (&str, &str),
        rules: &Rules,
        settings: &Settings,
    ) -> Result<Plane, SampleError> {
        let extension = name.rsplit_once('.').map_or("", |(_, extension)| extension);
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
        self.file.shrink();
        if self.image.capacity() > KEPT_BYTES {
            self.image = Vec::new();
        }
    }
}

/// Buffers are kept up to this size: enough for squares of 1024 px.
pub(crate) const KEPT_BYTES: usize = 5 << 20;

fn rules(channel: Channel, settings: &Settings) -> Rules {
    let one_colour = settings.one_colour.then_some(channel);
    Rules { max_side_px: settings.max_side_px, one_colour }
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

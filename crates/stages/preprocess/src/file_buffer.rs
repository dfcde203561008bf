//! Reusable buffer for file contents.

use std::fs::File;
use std::io::{Error, ErrorKind, Read};
use std::ops::Deref;
use std::path::PathBuf;

use crate::Config;
use crate::buffer_pool::MAX_RETAINED_BYTES;
use crate::error::SampleError;
use crate::file_pattern::ImageFile;
use crate::memory_budget::{FILES, Reservation};

/// Allowance for what a file holds beside its pixels: text, colour profiles, thumbnails.
const METADATA_BYTES: u64 = 8 << 20;

/// The contents of the file read last.
#[derive(Default)]
pub(crate) struct FileBuffer {
    /// As long as the longest file so far; stale behind `length`. Never cleared, because zeroing
    /// costs as much as reading.
    memory: Vec<u8>,
    length: usize,
}

impl Deref for FileBuffer {
    type Target = [u8];
    fn deref(&self) -> &[u8] {
        &self.memory[..self.length]
    }
}

impl FileBuffer {
    /// Reads a file, at most as large as the largest accepted image uncompressed. Other threads
    /// can use its share of the memory budget once the returned reservation is dropped.
    ///
    /// # Errors
    /// When the file cannot be read, is too large, or changes its size meanwhile.
    pub(crate) fn read(
        &mut self,
        file: &ImageFile,
        folders: &[PathBuf],
        config: &Config,
    ) -> Result<Reservation, SampleError> {
        let name = file.display(folders);
        let io_error = |source| SampleError::Io { file: name.clone(), source };
        let reader = File::open(folders[file.folder].join(&file.name)).map_err(io_error)?;
        let components = if config.rgb_channel { 3 } else { 1 };
        let bytes_per_pixel = 2 * components;
        let limit = bytes_per_pixel * (config.max_side_px as u64).pow(2) + METADATA_BYTES;
        let bytes = reader.metadata().map_err(io_error)?.len();
        if bytes > limit {
            return Err(SampleError::TooLarge { file: name, bytes, max_side: config.max_side_px });
        }
        let reservation = FILES.reserve(bytes);
        self.fill(reader, usize::try_from(bytes).unwrap_or_default()).map_err(io_error)?;
        Ok(reservation)
    }

    /// Reads to the end, which must come after exactly `length` bytes.
    fn fill(&mut self, mut reader: impl Read, length: usize) -> std::io::Result<()> {
        // One byte more than expected: a read that leaves it free has reached the end, which
        // saves the system call that would return 0.
        if let Some(more) = (length + 1).checked_sub(self.memory.len()) {
            self.memory.reserve_exact(more);
            self.memory.resize(length + 1, 0);
        }
        self.length = 0;
        // At least one read: files of procfs report length 0 and may fail to be read.
        loop {
            match reader.read(&mut self.memory[self.length..=length]) {
                Ok(0) => break,
                Ok(more) => self.length += more,
                Err(error) if error.kind() == ErrorKind::Interrupted => continue,
                Err(error) => return Err(error),
            }
            if self.length >= length {
                break;
            }
        }
        if self.length != length {
            return Err(Error::other("it grows or shrinks while it is read"));
        }
        Ok(())
    }

    /// Frees the memory if it is huge.
    pub(crate) fn shrink(&mut self) {
        if self.memory.capacity() > MAX_RETAINED_BYTES {
            *self = Self::default();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Returns at most three bytes a read.
    struct ShortReads<'a>(&'a [u8]);

    impl Read for ShortReads<'_> {
        fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
            let length = buffer.len().min(3);
            self.0.read(&mut buffer[..length])
        }
    }

    #[test]
    fn contents_do_not_depend_on_earlier_files_or_short_reads() {
        let mut buffer = FileBuffer::default();
        for text in ["", "a longer one", "short", "", "a longer one"] {
            buffer.fill(text.as_bytes(), text.len()).unwrap();
            assert_eq!(&*buffer, text.as_bytes());
            buffer.fill(ShortReads(text.as_bytes()), text.len()).unwrap();
            assert_eq!(&*buffer, text.as_bytes());
        }
    }

    #[test]
    fn a_file_whose_size_changes_is_refused() {
        let mut buffer = FileBuffer::default();
        for (text, length) in [("short", 4), ("short", 6), ("", 1), ("x", 0)] {
            assert!(buffer.fill(text.as_bytes(), length).is_err(), "{length}");
        }
    }

    #[test]
    fn the_memory_of_a_huge_file_is_freed() {
        let mut buffer = FileBuffer::default();
        let huge = std::io::repeat(7).take(MAX_RETAINED_BYTES as u64);
        buffer.fill(huge, MAX_RETAINED_BYTES).unwrap();
        buffer.shrink();
        assert!(buffer.is_empty() && buffer.memory.capacity() == 0);
    }
}

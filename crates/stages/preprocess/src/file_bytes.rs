//! The bytes of one file after another, in memory that is cleared once.

use std::fs::File;
use std::io::{Error, ErrorKind, Read};
use std::ops::Deref;
use std::path::PathBuf;

use crate::budget::{FILES, Share};
use crate::sample::{KEPT_BYTES, Source};
use crate::{SampleError, Settings};

/// What may be in a file beside its pixels: text, colour profiles, thumbnails.
const BESIDE_PIXELS: u64 = 8 << 20;

/// The bytes of the file that was read last.
#[derive(Default)]
pub(crate) struct FileBytes {
    /// As long as the longest file; what is behind `length` is of files before.
    memory: Vec<u8>,
    length: usize,
}

impl Deref for FileBytes {
    type Target = [u8];
    fn deref(&self) -> &[u8] {
        &self.memory[..self.length]
    }
}

impl FileBytes {
    /// Reads a file; never more than the largest picture can take. Others may have the memory
    /// again when what is returned is dropped.
    ///
    /// # Errors
    /// When the file cannot be read, is too large, or is seen to grow or shrink meanwhile.
    pub(crate) fn read(
        &mut self,
        source: &Source,
        folders: &[PathBuf],
        settings: &Settings,
    ) -> Result<Share, SampleError> {
        let file = source.shown(folders);
        let io = |source| SampleError::Io { file: file.clone(), source };
        let opened = File::open(folders[source.folder].join(&source.name)).map_err(io)?;
        // Components of two bytes, uncompressed.
        let components = if settings.one_colour { 3 } else { 1 };
        let limit = 2 * components * (settings.max_side_px as u64).pow(2) + BESIDE_PIXELS;
        let bytes = opened.metadata().map_err(io)?.len();
        if bytes > limit {
            let limit = settings.max_side_px;
            return Err(SampleError::Bytes { file, bytes, limit });
        }
        let share = FILES.take(bytes);
        self.fill(opened, usize::try_from(bytes).unwrap_or_default()).map_err(io)?;
        Ok(share)
    }

    /// Reads so many bytes to the end.
    fn fill(&mut self, mut file: impl Read, length: usize) -> std::io::Result<()> {
        // Room for one more: a whole file is known by what it leaves, without a look behind it.
        if let Some(more) = (length + 1).checked_sub(self.memory.len()) {
            self.memory.reserve_exact(more);
            self.memory.resize(length + 1, 0);
        }
        self.length = 0;
        // Once at least: what the system makes up on reading has length 0, and may refuse to be read.
        loop {
            match file.read(&mut self.memory[self.length..=length]) {
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

    /// Gives the memory of a huge file back.
    pub(crate) fn shrink(&mut self) {
        if self.memory.capacity() > KEPT_BYTES {
            *self = Self::default();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Hands out little at a time.
    struct Slow<'a>(&'a [u8]);

    impl Read for Slow<'_> {
        fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
            let length = buffer.len().min(3);
            self.0.read(&mut buffer[..length])
        }
    }

    #[test]
    fn a_file_is_what_it_holds_whatever_was_read_before() {
        let mut bytes = FileBytes::default();
        for text in ["", "a longer one", "short", "", "a longer one"] {
            bytes.fill(text.as_bytes(), text.len()).unwrap();
            assert_eq!(&*bytes, text.as_bytes());
            bytes.fill(Slow(text.as_bytes()), text.len()).unwrap();
            assert_eq!(&*bytes, text.as_bytes());
        }
    }

    #[test]
    fn a_file_that_changes_meanwhile_is_refused() {
        let mut bytes = FileBytes::default();
        for (text, length) in [("short", 4), ("short", 6), ("", 1), ("x", 0)] {
            assert!(bytes.fill(text.as_bytes(), length).is_err(), "{length}");
        }
    }

    #[test]
    fn the_memory_of_a_huge_file_does_not_stay() {
        let mut bytes = FileBytes::default();
        bytes.fill(std::io::repeat(7).take(KEPT_BYTES as u64), KEPT_BYTES).unwrap();
        bytes.shrink();
        assert!(bytes.is_empty() && bytes.memory.capacity() == 0);
    }
}

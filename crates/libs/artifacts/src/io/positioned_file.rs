//! A file that many threads read at once.
//!
//! The parquet crate reads a `File` through clones that share one file position, so two threads
//! would move each other's. Here every read carries its own offset.

use parquet::errors::{ParquetError, Result};
use parquet::file::reader::{ChunkReader, Length};
use std::fs::File;
use std::io::{BufReader, Read};
use std::os::unix::fs::FileExt;
use std::sync::Arc;

/// An open file with positioned reads.
#[derive(Clone, Debug)]
pub(crate) struct PositionedFile {
    file: Arc<File>,
    length: u64,
}

impl PositionedFile {
    pub(crate) fn new(file: File) -> std::io::Result<Self> {
        let length = file.metadata()?.len();
        Ok(Self { file: Arc::new(file), length })
    }
}

impl Length for PositionedFile {
    fn len(&self) -> u64 {
        self.length
    }
}

impl ChunkReader for PositionedFile {
    type T = BufReader<Cursor>;

    fn get_read(&self, start: u64) -> Result<Self::T> {
        // Only page headers are read this way, each shorter than 100 bytes.
        Ok(BufReader::with_capacity(512, Cursor { file: self.file.clone(), offset: start }))
    }

    fn get_bytes(&self, start: u64, length: usize) -> Result<bytes::Bytes> {
        // Checked before the buffer is allocated: a damaged footer can ask for any length.
        if start.checked_add(length as u64).is_none_or(|end| end > self.length) {
            let end = self.length;
            let reason = format!("{length} bytes from {start} lie beyond the end at {end}");
            return Err(ParquetError::EOF(reason));
        }
        let mut buffer = vec![0; length];
        self.file.read_exact_at(&mut buffer, start)?;
        Ok(buffer.into())
    }
}

/// A reader with its own offset into the file.
#[derive(Debug)]
pub(crate) struct Cursor {
    file: Arc<File>,
    offset: u64,
}

impl Read for Cursor {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        let read = self.file.read_at(buffer, self.offset)?;
        self.offset += read as u64;
        Ok(read)
    }
}

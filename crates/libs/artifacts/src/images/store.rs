//! Several shards as one table with random access from many threads.

use super::shard::Shard;
use super::{ImageSummary, SCHEMA, pixels_len};
use crate::{ArtifactError, Digest};
use hpa_core::SampleId;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// Open shards; rows are numbered through all of them in the given order.
pub struct ImageStore {
    shards: Vec<Shard>,
    size_px: usize,
    ids: Vec<SampleId>,
    positions: BTreeMap<SampleId, usize>,
    digest: Digest,
    external: Vec<PathBuf>,
}

impl ImageStore {
    /// Opens shards and checks digests, sizes, and that no id occurs twice.
    ///
    /// # Errors
    /// When a shard is absent, damaged, of another size, or repeats an id.
    pub fn open(paths: &[PathBuf]) -> Result<Self, ArtifactError> {
        let mut store = Self {
            shards: Vec::new(),
            size_px: 0,
            ids: Vec::new(),
            positions: BTreeMap::new(),
            digest: Digest::combine(&[]),
            external: Vec::new(),
        };
        for path in paths {
            store.add(path)?;
        }
        let digests: Vec<Digest> = store.shards.iter().map(|shard| shard.digest).collect();
        store.digest = Digest::combine(&digests);
        Ok(store)
    }

    fn add(&mut self, path: &Path) -> Result<(), ArtifactError> {
        let (shard, external) = Shard::open(path, self.ids.len())?;
        let size_px = shard.size_px()?;
        if !self.shards.is_empty() && size_px != self.size_px {
            let reason = format!(
                "its images have {size_px} px, those of {} have {} px",
                self.shards[0].path.display(),
                self.size_px
            );
            return Err(ArtifactError::invalid(path, SCHEMA, reason));
        }
        for id in shard.ids()? {
            if self.positions.insert(id.clone(), self.ids.len()).is_some() {
                return Err(ArtifactError::invalid(path, SCHEMA, format!("id {id} occurs twice")));
            }
            self.ids.push(id);
        }
        self.size_px = size_px;
        if external {
            self.external.push(path.to_owned());
        }
        self.shards.push(shard);
        Ok(())
    }

    /// Side of the images in pixels.
    #[must_use]
    pub const fn size_px(&self) -> usize {
        self.size_px
    }

    /// Number of samples.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.ids.len()
    }

    /// Whether there is no sample at all.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.ids.is_empty()
    }

    /// The samples in row order.
    #[must_use]
    pub fn ids(&self) -> &[SampleId] {
        &self.ids
    }

    /// The row of a sample.
    #[must_use]
    pub fn position(&self, id: &SampleId) -> Option<usize> {
        self.positions.get(id).copied()
    }

    /// The digest of all shards together.
    #[must_use]
    pub const fn digest(&self) -> Digest {
        self.digest
    }

    /// Shards that other programs wrote, whose provenance is unknown.
    #[must_use]
    pub fn external(&self) -> &[PathBuf] {
        &self.external
    }

    /// The pixels of these rows in this order: `rows × 4 × S × S` bytes.
    ///
    /// # Errors
    /// When a shard can no longer be read.
    ///
    /// # Panics
    /// When a row is not below [`Self::len`].
    pub fn read_pixels(&self, rows: &[usize]) -> Result<Vec<u8>, ArtifactError> {
        let width = pixels_len(self.size_px);
        let mut pixels = vec![0; rows.len() * width];
        let mut wanted: Vec<(usize, usize)> = rows.iter().copied().zip(0..).collect();
        wanted.sort_unstable();
        assert!(wanted.last().is_none_or(|last| last.0 < self.len()), "a row beyond the last");
        let mut rest = wanted.as_slice();
        for shard in &self.shards {
            let end = shard.first_row + shard.rows;
            let (here, beyond) = rest.split_at(rest.partition_point(|&(row, _)| row < end));
            shard.read(here, width, &mut pixels)?;
            rest = beyond;
        }
        Ok(pixels)
    }

    /// All rows without their pixels.
    ///
    /// # Errors
    /// When a shard can no longer be read.
    pub fn summaries(&self) -> Result<Vec<ImageSummary>, ArtifactError> {
        let mut summaries = Vec::with_capacity(self.len());
        for shard in &self.shards {
            let first = shard.first_row;
            let ids = &self.ids[first..first + shard.rows];
            shard.summaries(ids, &mut summaries)?;
        }
        Ok(summaries)
    }
}

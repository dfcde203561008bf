//! Up-to-date check: whether the shard on disk is the one that its inputs would make.
//!
//! Make reruns every shard when a few samples are added to the table. A shard whose settings,
//! ids and image files match those that it records is kept: its files are read and hashed,
//! which costs far less than decoding them, and only its modification time changes.

use std::path::Path;

use hpa_artifacts::{ImageStore, ShardMetadata};
use rayon::prelude::*;

use crate::read_sample::digest_files;
use crate::shard_job::{FILES_DIGEST_KEY, SKIPPED_KEY, ShardJob, combine_digests};
use crate::{Outcome, SampleErrors};

/// The outcome recorded in the shard at `out` if it is up to date; `progress` is called with
/// the number of samples done.
pub(crate) fn check_up_to_date(
    job: ShardJob<'_>,
    out: &Path,
    progress: &(impl Fn(usize) + Sync),
) -> Option<Outcome> {
    let record = ShardMetadata::read(out).ok()?;
    let skipped = match record.entries.get(SKIPPED_KEY) {
        Some(list) => SampleErrors::from_json(list)?,
        None => SampleErrors::default(),
    };
    let same_settings = record.origin.provenance.as_ref() == Some(&job.provenance());
    if !same_settings || (!job.skip && !skipped.0.is_empty()) {
        return None;
    }
    let digest = |id| {
        let digest = digest_files(id, job.folders, job.config);
        progress(1);
        digest
    };
    let digests: Vec<[u8; 32]> = job.ids.par_iter().map(digest).collect();
    if record.entries.get(FILES_DIGEST_KEY) != Some(&combine_digests(&digests)) {
        return None;
    }
    let summaries = ImageStore::open(&[out.to_owned()]).ok()?.summaries().ok()?;
    let upscaled = summaries.iter().filter(|row| job.is_upscaled(row)).count();
    touch(out).ok()?;
    Some(Outcome { written: record.rows, upscaled, skipped, up_to_date: true })
}

/// Sets a file's modification time to now without reading the clock: truncating a file to its
/// own length modifies it.
fn touch(path: &Path) -> std::io::Result<()> {
    let file = std::fs::OpenOptions::new().append(true).open(path)?;
    file.set_len(file.metadata()?.len())
}

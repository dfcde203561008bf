//! Is the shard on disk the one that its inputs would make?
//!
//! A table that grows by a few samples reaches every shard's recipe. A shard whose settings,
//! rows and files are those that it records is as good as new: its files are read and
//! digested, which costs far less than decoding them, and only its time is changed.

use std::path::Path;

use hpa_artifacts::{Digest, ImageStore, ShardRecord};
use rayon::prelude::*;

use crate::write::{ShardJob, is_enlarged, provenance};
use crate::{Failures, Outcome, digest_sources};

/// The metadata entry that holds the digest of the files.
pub(crate) const SOURCES: &str = "sources";
/// The metadata entry that lists the samples left out, where there are any.
pub(crate) const SKIPPED: &str = "skipped";

/// What a shard on disk holds, if making it anew would make the same.
pub(crate) fn confirm(
    job: ShardJob<'_>,
    out: &Path,
    step: &(impl Fn(usize) + Sync),
) -> Option<Outcome> {
    let record = ShardRecord::read(out).ok()?;
    let skipped = match record.entries.get(SKIPPED) {
        Some(list) => Failures::from_json(list)?,
        None => Failures::default(),
    };
    let same_settings = record.origin.provenance.as_ref() == Some(&provenance(job));
    if !same_settings || (!job.skip && !skipped.0.is_empty()) {
        return None;
    }
    let digest = |id| {
        let digest = digest_sources(id, job.folders, job.settings);
        step(1);
        digest
    };
    let digests: Vec<[u8; 32]> = job.ids.par_iter().map(digest).collect();
    if record.entries.get(SOURCES) != Some(&combined(&digests)) {
        return None;
    }
    let summaries = ImageStore::open(&[out.to_owned()]).ok()?.summaries().ok()?;
    let enlarged = summaries.iter().filter(|row| is_enlarged(row, job.settings)).count();
    touch(out).ok()?;
    Some(Outcome { written: record.rows, enlarged, skipped, confirmed: true })
}

/// One digest for the files of all samples, in the order of the rows.
pub(crate) fn combined(digests: &[[u8; 32]]) -> String {
    Digest::of_bytes(digests.as_flattened()).to_string()
}

/// Sets a file's times to now without a clock of our own: a file that is opened for appending
/// and cut to the length it has is modified now.
fn touch(path: &Path) -> std::io::Result<()> {
    let file = std::fs::OpenOptions::new().append(true).open(path)?;
    file.set_len(file.metadata()?.len())
}

//! Shard writer: samples are read in parallel and written in the order of the table.

use std::ops::ControlFlow;
use std::path::{Path, PathBuf};

use anyhow::Context;
use hpa_artifacts::ImageWriter;
use hpa_core::{Channel, SampleId};
use rayon::prelude::*;

use crate::buffer_pool;
use crate::error::SampleError;
use crate::locate::locate_files;
use crate::ordered::{Limits, parallel_ordered};
use crate::read_sample::{Row, digest_files, read_sample};
use crate::shard_job::{FILES_DIGEST_KEY, SKIPPED_KEY, ShardJob, combine_digests};
use crate::up_to_date::check_up_to_date;
use crate::{Outcome, SampleErrors};

/// Bytes of uncompressed pixels in samples that are read but not yet written, at most.
const MAX_PENDING_BYTES: usize = 64 << 20;
/// Samples that are read but not yet written, at most.
const MAX_PENDING_ROWS: usize = 128;
/// An error ends the run at the next multiple of this many samples, so that the message does
/// not depend on the number of threads.
const BATCH_ROWS: usize = 128;

/// Writes a shard, whole or not at all, unless the one on disk is up to date; `progress` is
/// called with the number of samples done.
///
/// # Errors
/// When the shard cannot be written or, unless `job.skip`, a sample cannot be read.
pub fn write_shard(
    job: ShardJob<'_>,
    out: &Path,
    progress: impl Fn(usize) + Sync,
) -> anyhow::Result<Outcome> {
    check_folders(job.folders)?;
    check_files(job)?;
    if let Some(outcome) = check_up_to_date(job, out, &progress) {
        return Ok(outcome);
    }
    let mut shard = ShardWriter {
        job,
        writer: ImageWriter::create(out, job.config.size_px, &job.provenance())?,
        outcome: Outcome::default(),
        files_digests: Vec::with_capacity(job.ids.len()),
        rows_seen: 0,
        result: Ok(()),
    };
    let read = |index: usize| {
        let row = read_row(job, &job.ids[index]);
        progress(1);
        row
    };
    let limits = Limits { count: job.ids.len(), max_pending: max_pending(job.config.size_px) };
    parallel_ordered(limits, read, |row| shard.add(row));
    shard.finish()
}

fn max_pending(size_px: usize) -> usize {
    (MAX_PENDING_BYTES / (Channel::COUNT * size_px * size_px)).clamp(2, MAX_PENDING_ROWS)
}

fn check_folders(folders: &[PathBuf]) -> anyhow::Result<()> {
    let mut canonical = Vec::new();
    for folder in folders {
        let shown = folder.display();
        let cannot_open = || format!("cannot open the image folder {shown}");
        anyhow::ensure!(
            std::fs::metadata(folder).with_context(cannot_open)?.is_dir(),
            "{shown} is not a folder of images"
        );
        let path = folder.canonicalize().with_context(cannot_open)?;
        anyhow::ensure!(!canonical.contains(&path), "`--images` lists the folder {shown} twice");
        canonical.push(path);
    }
    Ok(())
}

/// Locates all files before the first is decoded, so that a missing one is reported at once.
fn check_files(job: ShardJob<'_>) -> anyhow::Result<()> {
    if job.skip {
        return Ok(());
    }
    let missing =
        |id: &SampleId| Some((id.clone(), locate_files(id, job.folders, job.config).err()?));
    let errors: Vec<_> = job.ids.par_iter().filter_map(missing).collect();
    if errors.is_empty() { Ok(()) } else { Err(unreadable(&SampleErrors(errors), job)) }
}

/// A sample that cannot be read.
struct UnreadableSample {
    id: SampleId,
    error: SampleError,
    files_digest: [u8; 32],
}

fn read_row(job: ShardJob<'_>, id: &SampleId) -> Result<Row, Box<UnreadableSample>> {
    locate_files(id, job.folders, job.config)
        .and_then(|files| read_sample(id, &files, job.folders, job.config))
        .map_err(|error| {
            let files_digest =
                if job.skip { digest_files(id, job.folders, job.config) } else { [0; 32] };
            Box::new(UnreadableSample { id: id.clone(), error, files_digest })
        })
}

/// A shard being written.
struct ShardWriter<'a> {
    job: ShardJob<'a>,
    writer: ImageWriter,
    outcome: Outcome,
    files_digests: Vec<[u8; 32]>,
    rows_seen: usize,
    result: anyhow::Result<()>,
}

impl ShardWriter<'_> {
    /// Adds the next row; breaks with the number of rows to process if there is no use in
    /// going on.
    fn add(&mut self, row: Result<Row, Box<UnreadableSample>>) -> ControlFlow<usize> {
        self.rows_seen += 1;
        match row {
            Ok(row) => {
                if self.job.skip || self.outcome.skipped.0.is_empty() {
                    self.result = self.write(row);
                }
                if self.result.is_err() {
                    return ControlFlow::Break(self.rows_seen);
                }
            }
            Err(sample) => {
                self.files_digests.push(sample.files_digest);
                self.outcome.skipped.0.push((sample.id, sample.error));
                if !self.job.skip {
                    return ControlFlow::Break(self.rows_seen.next_multiple_of(BATCH_ROWS));
                }
            }
        }
        ControlFlow::Continue(())
    }

    fn write(&mut self, row: Row) -> anyhow::Result<()> {
        self.files_digests.push(row.files_digest);
        self.outcome.written += 1;
        self.outcome.upscaled += usize::from(self.job.is_upscaled(&row.summary));
        self.writer.push_encoded(row.summary, row.pixels)?;
        buffer_pool::put(self.writer.take_spare_buffers());
        Ok(())
    }

    fn finish(mut self) -> anyhow::Result<Outcome> {
        self.result?;
        let skipped = &self.outcome.skipped;
        if !skipped.0.is_empty() {
            if !self.job.skip {
                return Err(unreadable(skipped, self.job));
            }
            self.writer.add_metadata(SKIPPED_KEY, skipped.to_json());
        }
        self.writer.add_metadata(FILES_DIGEST_KEY, combine_digests(&self.files_digests));
        self.writer.finish()?;
        Ok(self.outcome)
    }
}

fn unreadable(errors: &SampleErrors, job: ShardJob<'_>) -> anyhow::Error {
    let folders = match job.folders {
        [folder] => folder.display().to_string(),
        folders => {
            let numbered = (1..).zip(folders).map(|(n, path)| format!("{n} {}", path.display()));
            format!("the folders {}", numbered.collect::<Vec<_>>().join(", "))
        }
    };
    anyhow::anyhow!(
        "in {folders}: {errors}\n  help: correct the files, or leave such samples out with \
         `--out-skipped LIST.csv`"
    )
}

//! All samples of a shard, in chunks: while one is read, the one before is written.
//!
//! The threads of the pool do both. Which thread does what leaves no trace: rows are
//! written in the order of the table.

use std::path::Path;

use anyhow::Context;
use hpa_artifacts::{Digest, ImageSummary, ImageWriter, Provenance};
use hpa_core::{Channel, SampleId};
use rayon::prelude::*;

use crate::confirm::{SKIPPED, SOURCES, combined, confirm};
use crate::{Failures, Outcome, Row, SampleError, Settings, digest_sources, locate, read_sample};

/// Bytes of pixels in a chunk before compression; two chunks are in memory at once.
const CHUNK_BYTES: usize = 64 << 20;
/// Samples in a chunk at most.
const CHUNK_ROWS: usize = 128;

/// Raised when the same files become other rows, so that no older shard is confirmed.
const RECIPE: u32 = 1;

/// What to make a shard of.
#[derive(Clone, Copy, Debug)]
pub struct ShardJob<'a> {
    /// The samples of the shard, in the order of the table.
    pub ids: &'a [SampleId],
    /// The folder of the images.
    pub folder: &'a Path,
    /// What decides the rows.
    pub settings: &'a Settings,
    /// Whether samples that cannot be read are left out; otherwise they are an error.
    pub skip: bool,
}

/// Writes a shard, whole or not at all, unless the one on disk is confirmed to be the same;
/// `step` is told how many samples are done.
///
/// # Errors
/// When the shard cannot be written or, unless `skip` is set, a sample cannot be read.
pub fn write_shard(
    job: ShardJob<'_>,
    out: &Path,
    step: impl Fn(usize) + Sync,
) -> anyhow::Result<Outcome> {
    check_files(job)?;
    if let Some(outcome) = confirm(job, out, &step) {
        return Ok(outcome);
    }
    let mut writer = ImageWriter::create(out, job.settings.size_px, &provenance(job))?;
    let (mut outcome, mut sources) = (Outcome::default(), Vec::with_capacity(job.ids.len()));
    let mut ready: Vec<Row> = Vec::new();
    // The empty chunk at the end writes what the last one read.
    for chunk in job.ids.chunks(chunk_rows(job.settings.size_px)).chain([&[][..]]) {
        let (written, read) =
            rayon::join(|| push_all(&mut writer, ready), || read_all(job, chunk, &step));
        written?;
        ready = keep(read, job, &mut outcome.skipped, &mut sources)?;
        outcome.written += ready.len();
        let summaries = ready.iter().map(|row| &row.summary);
        outcome.enlarged += summaries.filter(|row| is_enlarged(row, job.settings)).count();
    }
    writer.record(SOURCES, combined(&sources));
    if !outcome.skipped.0.is_empty() {
        writer.record(SKIPPED, outcome.skipped.to_json());
    }
    writer.finish()?;
    Ok(outcome)
}

/// A sample's row, or why there is none.
type Read = Result<Row, Box<(SampleId, SampleError)>>;

/// Looks for all files before the first is decoded: a missing one shows at once.
fn check_files(job: ShardJob<'_>) -> anyhow::Result<()> {
    let folder = job.folder.display();
    let metadata = std::fs::metadata(job.folder)
        .with_context(|| format!("cannot open the folder of images {folder}"))?;
    anyhow::ensure!(metadata.is_dir(), "{folder} is no folder of images");
    if job.skip {
        return Ok(());
    }
    let missing = |id: &SampleId| Some((id.clone(), locate(id, job.folder, job.settings).err()?));
    let failures: Vec<_> = job.ids.par_iter().filter_map(missing).collect();
    if failures.is_empty() { Ok(()) } else { Err(incomplete(&Failures(failures), job)) }
}

fn read_all(job: ShardJob<'_>, chunk: &[SampleId], step: &(impl Fn(usize) + Sync)) -> Vec<Read> {
    let read = |id: &SampleId| {
        let row = locate(id, job.folder, job.settings)
            .and_then(|sources| read_sample(&sources, job.folder, job.settings));
        step(1);
        row.map_err(|error| Box::new((id.clone(), error)))
    };
    chunk.par_iter().map(read).collect()
}

/// The rows of a chunk; its failures are skipped or end the run.
fn keep(
    read: Vec<Read>,
    job: ShardJob<'_>,
    skipped: &mut Failures,
    sources: &mut Vec<[u8; 32]>,
) -> anyhow::Result<Vec<Row>> {
    let (mut rows, mut failures) = (Vec::with_capacity(read.len()), Vec::new());
    for row in read {
        match row {
            Ok(row) => {
                sources.push(row.sources);
                rows.push(row);
            }
            Err(failure) => {
                if job.skip {
                    sources.push(digest_sources(&failure.0, job.folder, job.settings));
                }
                failures.push(*failure);
            }
        }
    }
    if !job.skip && !failures.is_empty() {
        return Err(incomplete(&Failures(failures), job));
    }
    skipped.0.extend(failures);
    Ok(rows)
}

fn incomplete(failures: &Failures, job: ShardJob<'_>) -> anyhow::Error {
    anyhow::anyhow!(
        "in {}: {failures}\n  mend: put the files right, or leave such samples out with \
         `--out-skipped LIST.csv`",
        job.folder.display()
    )
}

fn push_all(writer: &mut ImageWriter, rows: Vec<Row>) -> anyhow::Result<()> {
    rows.into_iter().try_for_each(|row| Ok(writer.push_encoded(row.summary, row.pixels)?))
}

pub(crate) fn is_enlarged(row: &ImageSummary, settings: &Settings) -> bool {
    (row.width as usize) < settings.size_px
}

const fn chunk_rows(size_px: usize) -> usize {
    let rows = CHUNK_BYTES / (Channel::COUNT * size_px * size_px);
    if rows == 0 {
        1
    } else if rows > CHUNK_ROWS {
        CHUNK_ROWS
    } else {
        rows
    }
}

/// Settings and the shard's own rows: a table that grows elsewhere changes no other shard.
pub(crate) fn provenance(job: ShardJob<'_>) -> Provenance {
    let rows: Vec<&str> = job.ids.iter().map(SampleId::as_str).collect();
    Provenance::new(&(RECIPE, job.settings))
        .with_input("csv", Digest::of_bytes(rows.join("\n").as_bytes()))
}

//! All samples of a shard: each is read by any thread and written in its turn.
//!
//! The threads of the pool do both. Which thread does what leaves no trace: rows are
//! written in the order of the table.

use std::ops::ControlFlow;
use std::path::{Path, PathBuf};

use anyhow::Context;
use hpa_artifacts::{Digest, ImageSummary, ImageWriter, Provenance};
use hpa_core::{Channel, SampleId};
use rayon::prelude::*;

use crate::confirm::{SKIPPED, SOURCES, combined, confirm};
use crate::in_order::in_order;
use crate::sample::give_spare;
use crate::{Failures, Outcome, Row, SampleError, Settings, digest_sources, locate, read_sample};

/// Bytes of pixels, before compression, of the samples that wait for their turn.
const AHEAD_BYTES: usize = 64 << 20;
/// Samples that wait for their turn at most.
const AHEAD_ROWS: usize = 128;
/// The shard's samples are looked at in parts of so many: an error ends the run after its part.
const PART_ROWS: usize = 128;

/// Raised when the same files become other bytes, so that no older shard is confirmed.
const RECIPE: u32 = 3;

/// What to make a shard of.
#[derive(Clone, Copy, Debug)]
pub struct ShardJob<'a> {
    /// The samples of the shard, in the order of the table.
    pub ids: &'a [SampleId],
    /// The folders of the images.
    pub folders: &'a [PathBuf],
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
    let writer = ImageWriter::create(out, job.settings.size_px, &provenance(job))?;
    let mut rows = Rows::new(job, writer);
    let read = |place: usize| {
        let read = read_one(job, &job.ids[place]);
        step(1);
        read
    };
    in_order((job.ids.len(), ahead(job.settings.size_px)), read, |read| rows.take(read));
    rows.finish()
}

/// A sample's row, or why there is none and the digest of its files.
type Read = Result<Row, Box<(SampleId, SampleError, [u8; 32])>>;

/// Looks for all files before the first is decoded: a missing one shows at once.
fn check_files(job: ShardJob<'_>) -> anyhow::Result<()> {
    check_folders(job.folders)?;
    if job.skip {
        return Ok(());
    }
    let missing = |id: &SampleId| Some((id.clone(), locate(id, job.folders, job.settings).err()?));
    let failures: Vec<_> = job.ids.par_iter().filter_map(missing).collect();
    if failures.is_empty() { Ok(()) } else { Err(incomplete(&Failures(failures), job)) }
}

fn check_folders(folders: &[PathBuf]) -> anyhow::Result<()> {
    let mut real = Vec::new();
    for folder in folders {
        let shown = folder.display();
        let open = || format!("cannot open the folder of images {shown}");
        anyhow::ensure!(
            std::fs::metadata(folder).with_context(open)?.is_dir(),
            "{shown} is no folder of images"
        );
        let path = folder.canonicalize().with_context(open)?;
        anyhow::ensure!(!real.contains(&path), "`--images` names the folder {shown} twice");
        real.push(path);
    }
    Ok(())
}

fn read_one(job: ShardJob<'_>, id: &SampleId) -> Read {
    locate(id, job.folders, job.settings)
        .and_then(|sources| read_sample(&sources, job.folders, job.settings))
        .map_err(|error| {
            let sources =
                if job.skip { digest_sources(id, job.folders, job.settings) } else { [0; 32] };
            Box::new((id.clone(), error, sources))
        })
}

/// The rows on their way into the shard.
struct Rows<'a> {
    job: ShardJob<'a>,
    writer: ImageWriter,
    outcome: Outcome,
    sources: Vec<[u8; 32]>,
    seen: usize,
    failed: anyhow::Result<()>,
}

impl<'a> Rows<'a> {
    fn new(job: ShardJob<'a>, writer: ImageWriter) -> Self {
        let (outcome, sources) = (Outcome::default(), Vec::with_capacity(job.ids.len()));
        Self { job, writer, outcome, sources, seen: 0, failed: Ok(()) }
    }

    /// The next row; says where to stop when there is no use in going on.
    fn take(&mut self, read: Read) -> ControlFlow<usize> {
        self.seen += 1;
        match read {
            Ok(row) => {
                if self.job.skip || self.outcome.skipped.0.is_empty() {
                    self.failed = self.push(row);
                }
                if self.failed.is_err() { ControlFlow::Break(self.seen) } else { CONTINUE }
            }
            Err(failure) => {
                let (id, error, sources) = *failure;
                self.sources.push(sources);
                self.outcome.skipped.0.push((id, error));
                if self.job.skip { CONTINUE } else { ControlFlow::Break(end_of_part(self.seen)) }
            }
        }
    }

    fn push(&mut self, row: Row) -> anyhow::Result<()> {
        self.sources.push(row.sources);
        self.outcome.written += 1;
        self.outcome.enlarged += usize::from(is_enlarged(&row.summary, self.job.settings));
        self.writer.push_encoded(row.summary, row.pixels)?;
        give_spare(self.writer.take_spare());
        Ok(())
    }

    fn finish(mut self) -> anyhow::Result<Outcome> {
        self.failed?;
        let skipped = &self.outcome.skipped;
        if !skipped.0.is_empty() {
            if !self.job.skip {
                return Err(incomplete(skipped, self.job));
            }
            self.writer.record(SKIPPED, skipped.to_json());
        }
        self.writer.record(SOURCES, combined(&self.sources));
        self.writer.finish()?;
        Ok(self.outcome)
    }
}

const CONTINUE: ControlFlow<usize> = ControlFlow::Continue(());

/// Where the part ends in which the last of so many samples is.
const fn end_of_part(seen: usize) -> usize {
    seen.next_multiple_of(PART_ROWS)
}

fn incomplete(failures: &Failures, job: ShardJob<'_>) -> anyhow::Error {
    anyhow::anyhow!(
        "in {}: {failures}\n  help: put the files right, or leave such samples out with \
         `--out-skipped LIST.csv`",
        shown(job.folders)
    )
}

/// The folders, numbered where there are several.
fn shown(folders: &[PathBuf]) -> String {
    if let [folder] = folders {
        return folder.display().to_string();
    }
    let numbered = (1..).zip(folders).map(|(place, path)| format!("{place} {}", path.display()));
    format!("the folders {}", numbered.collect::<Vec<_>>().join(", "))
}

pub(crate) fn is_enlarged(row: &ImageSummary, settings: &Settings) -> bool {
    (row.width as usize) < settings.size_px
}

fn ahead(size_px: usize) -> usize {
    (AHEAD_BYTES / (Channel::COUNT * size_px * size_px)).clamp(2, AHEAD_ROWS)
}

/// Settings and the shard's own rows: a table that grows elsewhere changes no other shard.
pub(crate) fn provenance(job: ShardJob<'_>) -> Provenance {
    let rows: Vec<&str> = job.ids.iter().map(SampleId::as_str).collect();
    Provenance::new(&(RECIPE, job.settings))
        .with_input("csv", Digest::of_bytes(rows.join("\n").as_bytes()))
}

//! What a program's function is handed beside its own flags.

use crate::{Common, GracefulShutdown, Progress};
use anyhow::Context;
use hpa_artifacts::{ArtifactError, ImageStore};
use serde::Serialize;
use std::io::{IsTerminal, Write};
use std::num::NonZero;
use std::path::PathBuf;

/// The way to the terminal and the thread pool.
#[derive(Debug)]
pub struct RunContext {
    quiet: bool,
    threads: usize,
    bars: bool,
}

impl RunContext {
    pub(crate) fn new(common: &Common) -> anyhow::Result<Self> {
        let cores = std::thread::available_parallelism().map_or(1, NonZero::get);
        let threads = common.threads.unwrap_or(cores);
        rayon::ThreadPoolBuilder::new()
            .num_threads(threads)
            .build_global()
            .context("cannot start the threads")?;
        let bars = !common.quiet && std::io::stderr().is_terminal();
        Ok(Self { quiet: common.quiet, threads, bars })
    }

    /// How many threads compute.
    #[must_use]
    pub const fn threads(&self) -> usize {
        self.threads
    }

    /// A bar for work of `total` pieces called `unit`; invisible where nobody looks.
    #[must_use]
    pub fn progress(&self, what: &str, total: u64, unit: &str) -> Progress {
        Progress::new(self.bars, what, total, unit)
    }

    /// Makes signals wait for the work to stop by itself, as long as the result lives.
    #[must_use]
    pub fn patience(&self) -> GracefulShutdown {
        GracefulShutdown::new()
    }

    /// Tells the user something on standard error, unless `--quiet`.
    pub fn notice(&self, text: impl std::fmt::Display) {
        if !self.quiet {
            // Nobody can be told that telling failed.
            writeln!(std::io::stderr(), "{text}").ok();
        }
    }

    /// Warns the user, even under `--quiet`.
    pub fn warn(&self, text: impl std::fmt::Display) {
        writeln!(std::io::stderr(), "warning: {text}").ok();
    }

    /// Opens shards, and warns of foreign ones.
    ///
    /// # Errors
    /// As [`ImageStore::open`].
    pub fn open_images(&self, shards: &[PathBuf]) -> Result<ImageStore, ArtifactError> {
        let store = ImageStore::open(shards)?;
        for path in store.foreign() {
            self.warn_foreign(path);
        }
        Ok(store)
    }

    pub(crate) fn warn_foreign(&self, path: &std::path::Path) {
        self.warn(format!(
            "{} was not made by this program; its values are checked, its origin cannot be",
            path.display()
        ));
    }
}

/// Prints the one value of `--json`.
pub(crate) fn print_json(value: &impl Serialize) -> anyhow::Result<()> {
    let text = serde_json::to_string(value).context("the result is no JSON")?;
    match writeln!(std::io::stdout(), "{text}") {
        // `… --json | head` is no mistake of the user's.
        Err(error) if error.kind() == std::io::ErrorKind::BrokenPipe => Ok(()),
        other => other.context("cannot write to standard output"),
    }
}

//! The run's context: threads, progress bars, messages.

use crate::{Common, GracefulShutdown, Progress};
use anyhow::Context;
use hpa_artifacts::{ArtifactError, ImageStore};
use serde::Serialize;
use std::io::{IsTerminal, Write};
use std::num::NonZero;
use std::path::PathBuf;

/// What a program's function receives beside its own arguments.
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

    /// The number of threads of the pool.
    #[must_use]
    pub const fn threads(&self) -> usize {
        self.threads
    }

    /// A progress bar over `total` items called `unit`; hidden unless standard error is a terminal.
    #[must_use]
    pub fn progress(&self, what: &str, total: u64, unit: &str) -> Progress {
        Progress::new(self.bars, what, total, unit)
    }

    /// While the result lives, a signal asks the work to stop instead of ending the program.
    #[must_use]
    pub fn graceful_shutdown(&self) -> GracefulShutdown {
        GracefulShutdown::new()
    }

    /// Prints a line on standard error, unless `--quiet`.
    pub fn info(&self, text: impl std::fmt::Display) {
        if !self.quiet {
            // A message that cannot be printed is lost; the work goes on.
            writeln!(std::io::stderr(), "{text}").ok();
        }
    }

    /// Prints a warning on standard error, even under `--quiet`.
    pub fn warning(&self, text: impl std::fmt::Display) {
        writeln!(std::io::stderr(), "warning: {text}").ok();
    }

    /// Opens shards, and warns of those that other programs wrote.
    ///
    /// # Errors
    /// As [`ImageStore::open`].
    pub fn open_images(&self, shards: &[PathBuf]) -> Result<ImageStore, ArtifactError> {
        let store = ImageStore::open(shards)?;
        for path in store.external() {
            self.warn_external(path);
        }
        Ok(store)
    }

    pub(crate) fn warn_external(&self, path: &std::path::Path) {
        self.warning(format!(
            "{} was not written by this project: its values are checked, its origin cannot be",
            path.display()
        ));
    }
}

/// Prints the one value of `--json`.
pub(crate) fn print_json(value: &impl Serialize) -> anyhow::Result<()> {
    let text = serde_json::to_string(value).context("the result cannot be written as JSON")?;
    match writeln!(std::io::stdout(), "{text}") {
        // As in `… --json | head`.
        Err(error) if error.kind() == std::io::ErrorKind::BrokenPipe => Ok(()),
        other => other.context("cannot write to standard output"),
    }
}

//! Ctrl-C and SIGTERM: nothing half-written stays, and the exit status says which it was.

use anyhow::Context;
use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook::iterator::Signals;

/// From here on a signal removes unfinished files and ends the program with 128 + its number.
pub(crate) fn install() -> anyhow::Result<()> {
    let mut signals =
        Signals::new([SIGINT, SIGTERM]).context("cannot listen to the system's signals")?;
    std::thread::spawn(move || {
        if let Some(signal) = signals.forever().next() {
            hpa_artifacts::atomic::remove_unfinished();
            std::process::exit(128 + signal);
        }
    });
    Ok(())
}

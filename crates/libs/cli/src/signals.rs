//! Ctrl-C and SIGTERM.
//!
//! By default a signal removes unfinished files and ends the program at once. Work that can be
//! resumed holds a [`GracefulShutdown`]: while it lives, the first signal only asks it to stop,
//! so that it can finish its step and save; a second signal ends the program at once.

use anyhow::Context;
use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook::iterator::Signals;
use std::sync::atomic::{AtomicBool, AtomicI32, Ordering};

static GRACEFUL: AtomicBool = AtomicBool::new(false);
/// The first signal received, or 0.
static RECEIVED: AtomicI32 = AtomicI32::new(0);

/// Installs the handler: a signal removes unfinished files and ends the program with status
/// 128 + its number.
pub(crate) fn install() -> anyhow::Result<()> {
    let mut signals =
        Signals::new([SIGINT, SIGTERM]).context("cannot install the signal handler")?;
    std::thread::spawn(move || {
        for signal in signals.forever() {
            let is_first = RECEIVED.swap(signal, Ordering::SeqCst) == 0;
            if !(is_first && GRACEFUL.load(Ordering::SeqCst)) {
                hpa_artifacts::atomic::remove_unfinished();
                std::process::exit(128 + signal);
            }
        }
    });
    Ok(())
}

/// While it lives, the first signal asks the work to stop.
#[derive(Debug)]
pub struct GracefulShutdown(());

impl GracefulShutdown {
    pub(crate) fn new() -> Self {
        GRACEFUL.store(true, Ordering::SeqCst);
        Self(())
    }

    /// The error to stop with, if a signal was received.
    #[must_use]
    pub fn interruption(&self) -> Option<Interrupted> {
        match RECEIVED.load(Ordering::SeqCst) {
            0 => None,
            signal => Some(Interrupted { signal }),
        }
    }
}

impl Drop for GracefulShutdown {
    fn drop(&mut self) {
        GRACEFUL.store(false, Ordering::SeqCst);
    }
}

/// The error of a program stopped by a signal; its exit status is 128 + the signal's number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Interrupted {
    signal: i32,
}

impl Interrupted {
    pub(crate) fn status(self) -> u8 {
        u8::try_from(128 + self.signal).unwrap_or(1)
    }
}

impl std::fmt::Display for Interrupted {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(if self.signal == SIGINT { "interrupted" } else { "terminated" })
    }
}

impl std::error::Error for Interrupted {}

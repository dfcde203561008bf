//! Ctrl-C and SIGTERM: nothing half-written stays, and the exit status says which it was.
//!
//! By default a signal ends the program at once. Work that can be left and taken up again holds a
//! [`GracefulShutdown`]: while it lives, the first signal only asks it to stop, so that it can finish its
//! step and save; a second signal ends the program at once after all.

use anyhow::Context;
use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook::iterator::Signals;
use std::sync::atomic::{AtomicBool, AtomicI32, Ordering};

static PATIENT: AtomicBool = AtomicBool::new(false);
/// The signal that asked, or 0.
static ASKED: AtomicI32 = AtomicI32::new(0);

/// From here on a signal removes unfinished files and ends the program with 128 + its number.
pub(crate) fn install() -> anyhow::Result<()> {
    let mut signals =
        Signals::new([SIGINT, SIGTERM]).context("cannot listen to the system's signals")?;
    std::thread::spawn(move || {
        for signal in signals.forever() {
            let is_first = ASKED.swap(signal, Ordering::SeqCst) == 0;
            if !(is_first && PATIENT.load(Ordering::SeqCst)) {
                hpa_artifacts::atomic::remove_unfinished();
                std::process::exit(128 + signal);
            }
        }
    });
    Ok(())
}

/// While it lives, a signal waits for the work to stop by itself.
#[derive(Debug)]
pub struct GracefulShutdown(());

impl GracefulShutdown {
    pub(crate) fn new() -> Self {
        PATIENT.store(true, Ordering::SeqCst);
        Self(())
    }

    /// Whether a signal has asked to stop, and with which error to end then.
    #[must_use]
    pub fn interruption(&self) -> Option<Interrupted> {
        match ASKED.load(Ordering::SeqCst) {
            0 => None,
            signal => Some(Interrupted { signal }),
        }
    }
}

impl Drop for GracefulShutdown {
    fn drop(&mut self) {
        PATIENT.store(false, Ordering::SeqCst);
    }
}

/// The error of a program that stopped because a signal asked it to; its exit status is
/// 128 + the signal's number.
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
        f.write_str(if self.signal == SIGINT { "interrupted" } else { "told to stop" })
    }
}

impl std::error::Error for Interrupted {}

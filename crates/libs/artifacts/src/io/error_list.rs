//! The first 20 errors of a file, and how many there are.

use std::fmt::Display;

/// How many errors are listed.
const LISTED: usize = 20;
/// After this many errors a reader may stop: the file is probably not the intended one.
const MAX_ERRORS: usize = 100_000;

/// The first errors of a file, and how many there are.
#[derive(Debug, Default)]
pub struct ErrorList {
    listed: Vec<String>,
    count: usize,
}

impl ErrorList {
    /// Adds an error; beyond the first 20 it is only counted.
    pub fn push(&mut self, error: impl Display) {
        self.count += 1;
        if self.listed.len() < LISTED {
            self.listed.push(error.to_string());
        }
    }

    /// How many there are.
    #[must_use]
    pub const fn count(&self) -> usize {
        self.count
    }

    /// Whether the reader may stop.
    pub(crate) const fn is_full(&self) -> bool {
        self.count >= MAX_ERRORS
    }
}

impl Display for ErrorList {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        if let ([only], 1) = (&self.listed[..], self.count) {
            return f.write_str(only);
        }
        let at_least = if self.is_full() { "at least " } else { "" };
        write!(f, "{at_least}{} errors", self.count)?;
        for error in &self.listed {
            write!(f, "\n  {error}")?;
        }
        match self.count - self.listed.len() {
            0 => Ok(()),
            more => write!(f, "\n  … and {more} more"),
        }
    }
}

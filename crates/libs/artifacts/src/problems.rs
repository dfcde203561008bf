//! A list of mistakes that a person can read.

use std::fmt::Display;

/// So many mistakes are listed.
const LISTED: usize = 20;
/// After so many, who counts may stop: that file is another one than was meant.
const TOO_MANY: usize = 100_000;

/// The first mistakes of one kind, and how many there are.
#[derive(Debug, Default)]
pub struct Problems {
    listed: Vec<String>,
    count: usize,
}

impl Problems {
    /// Adds a mistake; beyond the first 20 it is only counted.
    pub fn push(&mut self, problem: impl Display) {
        self.count += 1;
        if self.listed.len() < LISTED {
            self.listed.push(problem.to_string());
        }
    }

    /// How many there are.
    #[must_use]
    pub const fn count(&self) -> usize {
        self.count
    }

    /// Whether there is no use in looking for more.
    pub(crate) const fn are_too_many(&self) -> bool {
        self.count >= TOO_MANY
    }
}

impl Display for Problems {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        if let ([one], 1) = (&self.listed[..], self.count) {
            return f.write_str(one);
        }
        let at_least = if self.are_too_many() { "at least " } else { "" };
        write!(f, "{at_least}{} mistakes", self.count)?;
        for problem in &self.listed {
            write!(f, "\n  {problem}")?;
        }
        match self.count - self.listed.len() {
            0 => Ok(()),
            more => write!(f, "\n  … and {more} more"),
        }
    }
}

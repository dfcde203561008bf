//! A result that is a failure, too.

use serde::Serialize;

/// The result of a check that did not hold: `--json` prints it like any other result, the message
/// goes to standard error, and the exit status is 1.
#[derive(Debug)]
pub struct CheckFailed {
    message: String,
    pub(crate) value: serde_json::Value,
}

impl CheckFailed {
    /// From what a person reads and what a program reads.
    ///
    /// # Errors
    /// When the value is no JSON.
    pub fn new(message: String, value: &impl Serialize) -> anyhow::Result<Self> {
        Ok(Self { message, value: serde_json::to_value(value)? })
    }
}

impl std::fmt::Display for CheckFailed {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for CheckFailed {}

//! Arguments that parse one by one but do not fit together.

/// A mistake in the command line that the parser cannot see; the exit status is 2.
#[derive(Debug)]
pub struct UsageError(String);

impl UsageError {
    /// From the message; lines that begin with `help:` come last.
    #[must_use]
    pub fn new(message: impl Into<String>) -> Self {
        Self(message.into())
    }
}

impl std::fmt::Display for UsageError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for UsageError {}

//! Errors of programs: messages and exit status.

use crate::Interrupted;
use serde::Serialize;
use std::io::Write;
use std::process::ExitCode;

/// Arguments that parse one by one but do not fit together; the exit status is 2.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct UsageError(String);

impl UsageError {
    /// From the message, perhaps with a `help:` line.
    #[must_use]
    pub fn new(message: impl Into<String>) -> Self {
        Self(message.into())
    }
}

/// The result of a failed check: `--json` prints it like any other result, the message goes to
/// standard error, and the exit status is 1.
#[derive(Debug, thiserror::Error)]
#[error("{message}")]
pub struct CheckFailed {
    message: String,
    pub(crate) value: serde_json::Value,
}

impl CheckFailed {
    /// From the message and the JSON value.
    ///
    /// # Errors
    /// When the value cannot be written as JSON.
    pub fn new(message: String, value: &impl Serialize) -> anyhow::Result<Self> {
        Ok(Self { message, value: serde_json::to_value(value)? })
    }
}

/// Prints an error with its causes, the `help:` lines last. The exit status.
pub(crate) fn report(error: &anyhow::Error) -> ExitCode {
    if let Some(interrupted) = error.downcast_ref::<Interrupted>() {
        writeln!(std::io::stderr(), "{error:#}").ok();
        return ExitCode::from(interrupted.status());
    }
    // A message that cannot be printed is lost; the exit status remains.
    writeln!(std::io::stderr(), "{}", text(error)).ok();
    if error.is::<UsageError>() { ExitCode::from(2) } else { ExitCode::FAILURE }
}

fn text(error: &anyhow::Error) -> String {
    let mut messages: Vec<String> = Vec::new();
    let mut help_lines: Vec<String> = Vec::new();
    for cause in error.chain().map(ToString::to_string) {
        let (help, message): (Vec<&str>, Vec<&str>) =
            cause.lines().partition(|line| line.trim_start().starts_with("help:"));
        let message = message.join("\n");
        // Many errors already contain the message of their source.
        if !messages.iter().any(|earlier| earlier.contains(&message)) {
            messages.push(message);
        }
        help_lines.extend(help.into_iter().map(|line| format!("\n  {}", line.trim_start())));
    }
    help_lines.dedup();
    format!("error: {}{}", messages.join(": "), help_lines.concat())
}

/// Adds to the message of a panic that it is a bug.
pub(crate) fn install_panic_hook(program: &'static str) {
    let default = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |panic| {
        if hpa_artifacts::is_catching_panics() {
            return; // caught, and becomes an error that names the file
        }
        default(panic);
        writeln!(std::io::stderr(), "this is a bug in {program}, not in its input").ok();
    }));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn causes_follow_and_help_comes_last() {
        let error = anyhow::anyhow!("x.parquet is damaged\n  help: run `make x.parquet`")
            .context("cannot split");
        assert_eq!(
            text(&error),
            "error: cannot split: x.parquet is damaged\n  help: run `make x.parquet`"
        );
    }

    #[test]
    fn a_contained_cause_is_not_repeated() {
        let error = anyhow::anyhow!("no such file").context("cannot open x: no such file");
        assert_eq!(text(&error), "error: cannot open x: no such file");
    }
}

//! How errors look: what and where, then what to do.

use crate::{Interrupted, UsageError};
use std::io::Write;
use std::process::ExitCode;

/// Prints an error with its causes, the `help:` lines last.
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
    let (mut said, mut help_lines): (Vec<String>, Vec<String>) = (Vec::new(), Vec::new());
    for cause in error.chain().map(ToString::to_string) {
        let (help, message): (Vec<&str>, Vec<&str>) =
            cause.lines().partition(|line| line.trim_start().starts_with("help:"));
        let message = message.join("\n");
        // Many errors already quote their source.
        if !said.iter().any(|earlier| earlier.contains(&message)) {
            said.push(message);
        }
        help_lines.extend(help.into_iter().map(|line| format!("\n  {}", line.trim_start())));
    }
    help_lines.dedup();
    format!("error: {}{}", said.join(": "), help_lines.concat())
}

/// Adds to the message of a panic whose fault it is.
pub(crate) fn announce_bugs(program: &'static str) {
    let default = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |panic| {
        if hpa_artifacts::is_reading_foreign() {
            return; // It becomes an error that names the file.
        }
        default(panic);
        writeln!(std::io::stderr(), "this is a bug in {program}, not in its input").ok();
    }));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn causes_follow_and_the_mend_comes_last() {
        let error = anyhow::anyhow!("x.parquet is damaged\n  help: run `make x.parquet`")
            .context("cannot split");
        assert_eq!(
            text(&error),
            "error: cannot split: x.parquet is damaged\n  help: run `make x.parquet`"
        );
    }

    #[test]
    fn a_cause_that_was_quoted_is_not_repeated() {
        let error = anyhow::anyhow!("no such file").context("cannot open x: no such file");
        assert_eq!(text(&error), "error: cannot open x: no such file");
    }
}

//! Command line, configuration file, progress, errors and exit status of every program.
//!
//! A `main.rs` declares its arguments and one function; [`run`] does the rest:
//!
//! 1. `--config FILE.toml` is merged under the flags: every long flag is a key (with `_`), a
//!    flag overrides the file; unknown keys, renamed keys and values out of range are refused
//!    with file and key.
//! 2. `--threads` sets the size of the thread pool; progress bars are hidden with `--quiet` or
//!    when standard error is not a terminal.
//! 3. The function's result is printed as one JSON value with `--json`.
//! 4. The exit status is 1 for an error, 2 for a usage error, 101 for a panic, 130 or 143 for a
//!    signal. A signal removes unfinished files and ends the program at once, or asks the work
//!    to stop while it holds a [`GracefulShutdown`].

mod config;
mod context;
mod failure;
mod outputs;
mod paths;
mod progress;
mod range;
mod signals;

pub use context::RunContext;
pub use failure::{CheckFailed, UsageError};
pub use paths::{Input, Output};
pub use progress::Progress;
pub use range::{in_range, in_range_f64};
pub use signals::{GracefulShutdown, Interrupted};

use clap::{Args, Command, FromArgMatches};
use serde::Serialize;
use std::ffi::OsString;
use std::path::PathBuf;
use std::process::ExitCode;

/// Name, version and texts of a program; made by [`program!`].
#[derive(Clone, Copy, Debug)]
pub struct Program {
    /// The binary's name.
    pub name: &'static str,
    /// Its version.
    pub version: &'static str,
    /// Its description, in one line.
    pub about: &'static str,
    /// An example command line.
    pub example: &'static str,
    /// Old and new spelling of renamed long flags, without dashes in front. The old one is
    /// refused, as a flag and as a key of `--config`, with the new one in the message.
    pub renamed: &'static [(&'static str, &'static str)],
}

/// The [`Program`] of the binary being compiled: `program!("What it does", "an example")`, or
/// `program!("What it does", "an example", renamed: &[("old-flag", "new-flag")])`.
#[macro_export]
macro_rules! program {
    ($about:expr, $example:expr) => {
        $crate::program!($about, $example, renamed: &[])
    };
    ($about:expr, $example:expr, renamed: $renamed:expr) => {
        $crate::Program {
            name: env!("CARGO_BIN_NAME"),
            version: env!("CARGO_PKG_VERSION"),
            about: $about,
            example: $example,
            renamed: $renamed,
        }
    };
}

/// Flags of every program.
#[derive(Args, Clone, Debug)]
pub struct Common {
    /// Read settings from this TOML file; keys are the long flags with `_`, flags override it
    #[arg(long, value_name = "FILE.toml", help_heading = "Common")]
    pub config: Option<PathBuf>,
    /// Print only warnings and errors
    #[arg(long, help_heading = "Common")]
    pub quiet: bool,
    /// Print the result as one JSON value on standard output
    #[arg(long, help_heading = "Common")]
    pub json: bool,
    /// Number of threads [default: one per core]
    #[arg(long, value_name = "N", help_heading = "Common", value_parser = in_range::<usize>(1..=1024))]
    pub threads: Option<usize>,
}

/// Runs a program: parses the command line, calls `work`, reports its result or error.
///
/// The value of `work` is printed with `--json`.
pub fn run<A, R>(program: Program, work: fn(&A, &RunContext) -> anyhow::Result<R>) -> ExitCode
where
    A: Args,
    R: Serialize,
{
    failure::install_panic_hook(program.name);
    match parse::<A>(program, std::env::args_os().collect()) {
        Err(Refusal::Usage(error)) => {
            // --help and --version come here, too, and exit with 0.
            error.print().ok();
            u8::try_from(error.exit_code()).map_or(ExitCode::FAILURE, ExitCode::from)
        }
        Err(Refusal::Config(error)) => failure::report(&error),
        Ok((args, common)) => match execute(&args, &common, work) {
            Ok(()) => ExitCode::SUCCESS,
            Err(error) => failure::report(&error),
        },
    }
}

/// Why a program is not run.
enum Refusal {
    Usage(clap::Error),
    Config(anyhow::Error),
}

fn parse<A: Args>(program: Program, words: Vec<OsString>) -> Result<(A, Common), Refusal> {
    let command = command::<A>(program);
    config::check_renamed_flags(program.renamed, &words).map_err(Refusal::Usage)?;
    let words = config::merge(&command, program.renamed, words).map_err(Refusal::Config)?;
    let matches = command.clone().try_get_matches_from(words).map_err(Refusal::Usage)?;
    outputs::check_distinct(&command, &matches).map_err(Refusal::Config)?;
    let args = A::from_arg_matches(&matches).map_err(Refusal::Usage)?;
    let common = Common::from_arg_matches(&matches).map_err(Refusal::Usage)?;
    Ok((args, common))
}

fn command<A: Args>(program: Program) -> Command {
    let command = Command::new(program.name)
        .version(program.version)
        .after_help(format!("Example:\n  {}", program.example))
        .args_override_self(true)
        .disable_help_subcommand(true);
    let command =
        Common::augment_args(A::augment_args(command).mut_args(config::with_optional_value));
    // augment_args sets the description to the struct's doc comment, so it is set last.
    command.about(program.about).long_about(None)
}

fn execute<A, R: Serialize>(
    args: &A,
    common: &Common,
    work: fn(&A, &RunContext) -> anyhow::Result<R>,
) -> anyhow::Result<()> {
    signals::install()?;
    let context = RunContext::new(common)?;
    let result = work(args, &context);
    if common.json {
        match &result {
            Ok(value) => context::print_json(value)?,
            Err(error) => {
                if let Some(check_failed) = error.downcast_ref::<CheckFailed>() {
                    context::print_json(&check_failed.value)?;
                }
            }
        }
    }
    result.map(drop)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;

    #[derive(Args, Debug)]
    struct Flags {
        #[arg(long, value_parser = in_range::<usize>(1..=4096), default_value_t = 32)]
        batch_size: usize,
        #[arg(long)]
        members: Vec<String>,
        #[arg(long)]
        flip: bool,
    }

    const PROGRAM: Program = Program {
        name: "hpa-test",
        version: "1",
        about: "",
        example: "hpa-test",
        renamed: &[("batch", "batch-size"), ("first-group", "body")],
    };

    fn parse_with(toml: &str, flags: &[&str]) -> Result<(Flags, Common), String> {
        let mut file = tempfile::NamedTempFile::new().unwrap();
        file.write_all(toml.as_bytes()).unwrap();
        let mut argv: Vec<OsString> = vec!["hpa-test".into(), "--config".into()];
        argv.push(file.path().into());
        argv.extend(flags.iter().map(OsString::from));
        parse::<Flags>(PROGRAM, argv).map_err(|refusal| match refusal {
            Refusal::Usage(error) => error.to_string(),
            Refusal::Config(error) => format!("{error:#}"),
        })
    }

    #[test]
    fn flags_override_the_file() {
        let toml = "batch_size = 8\nmembers = [\"a\", \"b\"]\nflip = true\nthreads = 2";
        let (flags, common) = parse_with(toml, &[]).unwrap();
        assert_eq!((flags.batch_size, flags.flip, common.threads), (8, true, Some(2)));
        assert_eq!(flags.members, ["a", "b"]);
        let (flags, _) = parse_with(toml, &["--batch-size", "16", "--members=c"]).unwrap();
        assert_eq!((flags.batch_size, flags.members), (16, vec!["c".to_owned()]));
    }

    #[test]
    fn unknown_keys_and_values_out_of_range_are_named() {
        let error = parse_with("batchsize = 8", &[]).unwrap_err();
        assert!(
            error.contains("unknown key `batchsize`") && error.contains("batch_size"),
            "{error}"
        );
        let error = parse_with("batch_size = 0", &[]).unwrap_err();
        assert!(error.contains("`batch_size`") && error.contains("expected 1 to 4096"), "{error}");
        let error = parse_with("[training]\nbatch_size = 1", &[]).unwrap_err();
        assert!(error.contains("training.batch_size"), "{error}");
        let error = parse_with("batch_size = ", &[]).unwrap_err();
        assert!(error.contains("line 1"), "{error}");
        let flips = |toml, flags: &[&str]| parse_with(toml, flags).unwrap().0.flip;
        assert!(flips("", &["--flip"]) && flips("flip = false", &["--flip"]));
        assert!(!flips("flip = true", &["--flip=false"]) && !flips("", &[]));
        let error = parse_with("flip = 3", &[]).unwrap_err();
        assert!(error.contains("`flip`"), "{error}");
    }

    #[test]
    fn old_spellings_are_refused_with_the_new_one() {
        for flag in ["--batch=8", "--batch"] {
            let error = parse_with("", &[flag]).unwrap_err();
            assert!(error.contains("`--batch` was renamed"), "{error}");
            assert!(error.contains("\n  help: use `--batch-size`"), "{error}");
        }
        let error = parse_with("first_group = 8", &[]).unwrap_err();
        assert!(error.contains("key `first_group` was renamed"), "{error}");
        assert!(error.contains("\n  help: use `body`"), "{error}");
        let values = ["--members", "batch"];
        assert_eq!(parse_with("", &values).unwrap().0.members, ["batch"]);
    }

    #[test]
    fn a_missing_file_is_named() {
        let argv = ["hpa-test", "--config=no/such.toml"].map(OsString::from).to_vec();
        let Err(Refusal::Config(error)) = parse::<Flags>(PROGRAM, argv) else { panic!("refused") };
        assert!(format!("{error:#}").contains("no/such.toml"));
    }
}

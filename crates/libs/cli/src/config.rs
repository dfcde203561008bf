//! Merging of a TOML file under the command line, and refusal of renamed flags and keys.
//!
//! The entries of the file become flags in front of the given ones, so settings, ranges and
//! error messages are defined once, by the flags.

use anyhow::{Context, bail};
use clap::error::ErrorKind;
use clap::{Arg, ArgAction, Command};
use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};
use toml::{Table, Value};

/// Old and new spelling of long flags.
pub(crate) type Renamed = &'static [(&'static str, &'static str)];

/// Refuses a command line that has a flag under its old name.
///
/// # Errors
/// A usage error with the new name.
pub(crate) fn check_renamed_flags(renamed: Renamed, argv: &[OsString]) -> Result<(), clap::Error> {
    for word in argv.iter().skip(1).filter_map(|word| word.to_str()) {
        let flag = word.strip_prefix("--").unwrap_or_default().split('=').next();
        if let Some((old, new)) = renamed.iter().find(|(old, _)| Some(*old) == flag) {
            let message = format!("`--{old}` was renamed\n  help: use `--{new}`\n");
            return Err(clap::Error::raw(ErrorKind::UnknownArgument, message));
        }
    }
    Ok(())
}

/// Refuses a key of `--config` under its old name.
///
/// # Errors
/// With the new name.
fn check_renamed_key(renamed: Renamed, key: &str) -> anyhow::Result<()> {
    let as_key = |flag: &str| flag.replace('-', "_");
    match renamed.iter().find(|(old, _)| as_key(old) == key) {
        Some((_, new)) => {
            anyhow::bail!("key `{key}` was renamed\n  help: use `{}`", as_key(new))
        }
        None => Ok(()),
    }
}

/// The command line with the entries of `--config` in front of the given flags.
pub(crate) fn merge(
    command: &Command,
    renamed: Renamed,
    argv: Vec<OsString>,
) -> anyhow::Result<Vec<OsString>> {
    let Some(path) = config_path(&argv) else { return Ok(argv) };
    let text = hpa_artifacts::open_regular(&path)
        .map_err(anyhow::Error::new)
        .and_then(|file| Ok(std::io::read_to_string(file)?))
        .with_context(|| format!("cannot read the configuration {}", path.display()))?;
    let table: Table =
        text.parse().with_context(|| format!("{} is not valid TOML", path.display()))?;
    let mut merged: Vec<OsString> = argv.first().cloned().into_iter().collect();
    for (key, value) in &table {
        check_renamed_key(renamed, key).with_context(|| path.display().to_string())?;
        let flag = find_flag(command, &path, key, value)?;
        if !given(&argv, flag) {
            let words = words(flag, value).with_context(|| at(&path, key))?;
            check(flag, &words).with_context(|| at(&path, key))?;
            merged.extend(words);
        }
    }
    merged.extend(argv.into_iter().skip(1));
    Ok(merged)
}

fn at(path: &Path, key: &str) -> String {
    format!("{}: key `{key}`", path.display())
}

/// The value of the last `--config`.
fn config_path(argv: &[OsString]) -> Option<PathBuf> {
    let mut path = None;
    let mut words = argv.iter().skip(1);
    while let Some(word) = words.next() {
        if word == "--config" {
            path = words.next().map(PathBuf::from);
        } else if let Some(value) = word.to_str().and_then(|w| w.strip_prefix("--config=")) {
            path = Some(value.into());
        }
    }
    path
}

/// The flag whose long name (or alias) is the key.
fn find_flag<'a>(
    command: &'a Command,
    path: &Path,
    key: &str,
    value: &Value,
) -> anyhow::Result<&'a Arg> {
    let long = key.replace('_', "-");
    let is_key = |arg: &&Arg| {
        key == key.to_lowercase() && !key.contains('-') && names(arg).any(|name| name == long)
    };
    let flags = || command.get_arguments().filter(|arg| arg.get_long() != Some("config"));
    flags().find(is_key).ok_or_else(|| {
        let mut known: Vec<String> =
            flags().filter_map(Arg::get_long).map(|long| long.replace('-', "_")).collect();
        known.sort_unstable();
        let full = match value {
            Value::Table(table) => table.keys().next().map(|inner| format!("{key}.{inner}")),
            _ => None,
        };
        let key = full.unwrap_or_else(|| key.to_owned());
        anyhow::anyhow!(
            "{}: unknown key `{key}`\n  help: use one of {}",
            path.display(),
            known.join(", ")
        )
    })
}

fn names(arg: &Arg) -> impl Iterator<Item = &str> {
    arg.get_long().into_iter().chain(arg.get_all_aliases().unwrap_or_default())
}

/// Whether the command line has the flag.
fn given(argv: &[OsString], flag: &Arg) -> bool {
    let is_flag = |word: &OsStr| {
        let word = word.to_str().and_then(|word| word.strip_prefix("--"));
        let name = word.map(|word| word.split_once('=').map_or(word, |(name, _)| name));
        name.is_some_and(|name| names(flag).any(|known| known == name))
    };
    argv.iter().skip(1).any(|word| is_flag(word))
}

/// Lets a switch take a value, so that `--d4=false` overrides `d4 = true` of the file.
pub(crate) fn with_optional_value(flag: Arg) -> Arg {
    if !matches!(flag.get_action(), ArgAction::SetTrue) {
        return flag;
    }
    flag.action(ArgAction::Set)
        .num_args(0..=1)
        .require_equals(true)
        .value_parser(clap::value_parser!(bool))
        .value_name("true|false")
        .default_value("false")
        .default_missing_value("true")
        .hide_default_value(true)
        .hide_possible_values(true)
}

/// Whether the flag was changed by [`with_optional_value`].
fn is_switch(flag: &Arg) -> bool {
    flag.get_num_args().is_some_and(|range| range.min_values() == 0)
        && matches!(flag.get_action(), ArgAction::Set)
}

/// The words of a command line that are equivalent to the entry.
fn words(flag: &Arg, value: &Value) -> anyhow::Result<Vec<OsString>> {
    let long = flag.get_long().expect("found by its long name");
    match value {
        Value::Boolean(set) if is_switch(flag) => Ok(vec![format!("--{long}={set}").into()]),
        _ if is_switch(flag) => bail!("expected true or false, not {value}"),
        Value::Array(items) if matches!(flag.get_action(), ArgAction::Append) => {
            items.iter().map(|item| Ok(format!("--{long}={}", plain(item)?).into())).collect()
        }
        Value::Array(_) => bail!("expected one value, not a list"),
        other => Ok(vec![format!("--{long}={}", plain(other)?).into()]),
    }
}

fn plain(value: &Value) -> anyhow::Result<String> {
    match value {
        Value::String(text) => Ok(text.clone()),
        Value::Integer(number) => Ok(number.to_string()),
        Value::Float(number) => Ok(number.to_string()),
        Value::Boolean(flag) => Ok(flag.to_string()),
        other => bail!("expected a string, a number or true/false, not {other}"),
    }
}

/// Parses the words alone, so that an error names the file and its key.
fn check(flag: &Arg, words: &[OsString]) -> anyhow::Result<()> {
    let alone = flag.clone().required(false);
    let command = Command::new("check").no_binary_name(true).arg(alone);
    command.try_get_matches_from(words).map(drop).map_err(|error| {
        let text = error.to_string();
        let text = text.strip_prefix("error: ").unwrap_or(&text);
        anyhow::anyhow!("{}", text.split("\n\nFor more").next().unwrap_or(text).trim())
    })
}

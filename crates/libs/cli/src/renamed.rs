//! Refusals of flags and TOML keys under their old names.

use clap::error::ErrorKind;
use std::ffi::OsString;

/// Old and new spelling of long flags.
pub(crate) type Renamed = &'static [(&'static str, &'static str)];

/// Refuses a command line that has a flag under its old name.
///
/// # Errors
/// A usage error with the new name.
pub(crate) fn check_flags(renamed: Renamed, argv: &[OsString]) -> Result<(), clap::Error> {
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
pub(crate) fn check_key(renamed: Renamed, key: &str) -> anyhow::Result<()> {
    let as_key = |flag: &str| flag.replace('-', "_");
    match renamed.iter().find(|(old, _)| as_key(old) == key) {
        Some((_, new)) => {
            anyhow::bail!("key `{key}` was renamed\n  help: use `{}`", as_key(new))
        }
        None => Ok(()),
    }
}

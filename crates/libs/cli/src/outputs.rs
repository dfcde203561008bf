//! Check that no output overwrites an input or another output.

use anyhow::bail;
use clap::{ArgMatches, Command};
use std::path::{Path, PathBuf};

/// Refuses a command line with an output (a flag that begins with `out`) that is the file of
/// another flag.
pub(crate) fn check_distinct(command: &Command, matches: &ArgMatches) -> anyhow::Result<()> {
    let named: Vec<(&str, PathBuf)> = command
        .get_arguments()
        .filter_map(|arg| Some((arg.get_long()?, matches.get_raw(arg.get_id().as_str())?)))
        .flat_map(|(flag, words)| words.map(move |word| (flag, PathBuf::from(word))))
        .collect();
    let is_output = |flag: &str| flag == "out" || flag.starts_with("out-");
    for (index, (out, path)) in named.iter().enumerate().filter(|(_, (flag, _))| is_output(flag)) {
        for (other_index, (flag, other)) in named.iter().enumerate() {
            if index != other_index && is_same_file(path, other, is_output(flag)) {
                bail!(
                    "--{out} {} would overwrite the file of --{flag}\n  help: give another path",
                    path.display()
                );
            }
        }
    }
    Ok(())
}

/// Whether two paths name the same file; two outputs need not exist.
fn is_same_file(a: &Path, b: &Path, both_outputs: bool) -> bool {
    use std::os::unix::fs::MetadataExt;
    match (std::fs::metadata(a), std::fs::metadata(b)) {
        (Ok(a), Ok(b)) => a.is_file() && (a.dev(), a.ino()) == (b.dev(), b.ino()),
        _ => both_outputs && std::path::absolute(a).ok() == std::path::absolute(b).ok(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::{Arg, ArgAction};

    fn check(words: &[&str]) -> Result<(), String> {
        let flag = |name: &'static str| Arg::new(name).long(name).action(ArgAction::Append);
        let command = Command::new("test")
            .no_binary_name(true)
            .args(["labels", "size", "out", "out-history"].map(flag));
        let matches = command.clone().try_get_matches_from(words).unwrap();
        check_distinct(&command, &matches).map_err(|error| error.to_string())
    }

    #[test]
    fn outputs_that_overwrite_inputs_or_outputs_are_refused() {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name).to_string_lossy().into_owned();
        let (a, b) = (path("a"), path("b"));
        hpa_artifacts::atomic::write_bytes(Path::new(&a), b"input").unwrap();
        std::os::unix::fs::symlink(&a, folder.path().join("link")).unwrap();
        let error = check(&["--labels", &a, "--out", &path("link")]).unwrap_err();
        assert!(error.contains("--out") && error.contains("--labels"), "{error}");
        assert!(check(&["--out", &b, "--out-history", &b]).is_err());
        assert!(check(&["--labels", &a, "--out", &b, "--out-history", &path("c")]).is_ok());
        assert!(check(&["--size", "5", "--out", "5"]).is_ok(), "no such file");
    }
}

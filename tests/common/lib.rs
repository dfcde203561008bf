//! What tests share: fixtures, running programs, the workspace's paths.
//!
//! The tests of a program's crate use [`TestDir`] to run it and [`fixtures`] for small inputs;
//! the tests of the whole workspace also run `make`.

#![expect(
    clippy::missing_panics_doc,
    clippy::must_use_candidate,
    clippy::return_self_not_must_use,
    reason = "helpers of tests panic when a test must fail"
)]

pub mod fixtures;
mod program;
mod raw_png;

pub use fixtures::shared_file;
pub use program::{TestCommand, TestDir, TestRun};
pub use raw_png::{RawPng, png_file};

use cargo_metadata::{CargoOpt, Metadata, MetadataCommand, Package};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

/// The root of the workspace.
pub fn workspace() -> PathBuf {
    let tests = Path::new(env!("CARGO_MANIFEST_DIR"));
    tests.parent().expect("the package is one folder below the root").to_owned()
}

/// cargo's target folder; a relative path is relative to the root of the workspace.
pub fn target() -> PathBuf {
    workspace().join(std::env::var_os("CARGO_TARGET_DIR").unwrap_or_else(|| "target".into()))
}

/// The packages of the workspace.
pub fn members() -> Vec<Package> {
    let mut command = MetadataCommand::new();
    command.manifest_path(workspace().join("Cargo.toml")).no_deps();
    command.exec().expect("cargo reads the workspace").packages
}

/// The workspace and all its dependencies, with every feature.
pub fn dependencies() -> Metadata {
    let linux = ["--locked", "--filter-platform", "x86_64-unknown-linux-gnu"].map(str::to_owned);
    MetadataCommand::new()
        .manifest_path(workspace().join("Cargo.toml"))
        .features(CargoOpt::AllFeatures)
        .other_options(linux)
        .exec()
        .expect("cargo reads the lock file")
}

/// `make` in the workspace, without the flags and settings of an outer make.
pub fn make(arguments: &[&str]) -> Command {
    let mut command = Command::new("make");
    command.current_dir(workspace()).arg("--no-print-directory").args(arguments);
    for variable in ["MAKEFLAGS", "MFLAGS", "MAKELEVEL", "PIPELINE", "DATA", "RUN", "DEVICE"] {
        command.env_remove(variable);
    }
    command
}

/// Builds a program once and returns its path.
pub fn program(name: &str) -> PathBuf {
    let path = target().join("release").join(name);
    // Make has relative paths inside of the workspace.
    let goal = path.strip_prefix(workspace()).unwrap_or(&path);
    drop(said(make(&[goal.to_str().expect("paths of the workspace are UTF-8")])));
    path
}

/// Runs a command that must succeed, and returns its standard output and error.
pub fn said(mut command: Command) -> String {
    let output = command.output().expect("the program starts");
    let text = text(&output);
    assert!(output.status.success(), "{command:?} failed with {}:\n{text}", output.status);
    text
}

/// Standard output and error as one text.
pub fn text(output: &Output) -> String {
    let parts = [&output.stdout, &output.stderr];
    parts.map(|part| String::from_utf8_lossy(part).into_owned()).concat()
}

/// Every file below a folder, by its path from there.
pub fn files(folder: &Path) -> BTreeMap<String, Vec<u8>> {
    let mut found = BTreeMap::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(next) = folders.pop() {
        for entry in std::fs::read_dir(&next).expect("the folder is readable") {
            let path = entry.expect("the folder is readable").path();
            if path.is_dir() {
                folders.push(path);
            } else {
                let name = path.strip_prefix(folder).expect("it lies below").display().to_string();
                found.insert(name, std::fs::read(&path).expect("the file is readable"));
            }
        }
    }
    found
}

/// The folder of real samples, tables and matrices, if there is one; says so if not.
///
/// `HPA_SHARED` names it; a relative path is meant from the root of the workspace.
pub fn shared() -> Option<PathBuf> {
    let folder = std::env::var_os("HPA_SHARED").unwrap_or_else(|| "../shared".into());
    let folder = workspace().join(folder);
    if folder.join("data").is_dir() {
        return Some(folder);
    }
    eprintln!("SKIPPED: no real data in {} (set HPA_SHARED)", folder.display());
    None
}

//! Where dependencies come from, under which licence, and which are not wanted.

use cargo_metadata::{CargoOpt, Metadata, MetadataCommand, Package};

const LICENCES: &[&str] = &[
    "MIT",
    "MIT-0",
    "Apache-2.0",
    "Apache-2.0 WITH LLVM-exception",
    "BSD-2-Clause",
    "BSD-3-Clause",
    "BSL-1.0",
    "CC0-1.0",
    "ISC",
    "Unicode-3.0",
    "Unlicense",
    "Zlib",
    "0BSD",
    "bzip2-1.0.6",
];

/// What must not come in, with the reason.
const UNWANTED: &[(&str, &str)] = &[
    ("openssl-sys", "needs a system library"),
    ("native-tls", "needs a system library"),
    ("brotli", "a 4 kB file can unpack to 4 GB"),
    ("openblas-src", "needs a Fortran compiler"),
    ("chrono-tz", "no clock in an artefact"),
];

fn metadata() -> Metadata {
    MetadataCommand::new()
        .manifest_path(hpa_tests::workspace().join("Cargo.toml"))
        .features(CargoOpt::AllFeatures)
        .other_options(
            ["--locked", "--filter-platform", "x86_64-unknown-linux-gnu"].map(str::to_owned),
        )
        .exec()
        .expect("cargo reads the lock file")
}

fn others() -> Vec<Package> {
    metadata().packages.into_iter().filter(|package| package.source.is_some()).collect()
}

#[test]
fn every_dependency_comes_from_the_registry() {
    for package in others() {
        let source = package.source.expect("filtered").repr;
        assert!(source.contains("crates.io"), "{} comes from {source}", package.name);
    }
}

#[test]
fn every_licence_is_permissive() {
    for package in others() {
        let licence = package.license.clone().unwrap_or_default().replace('/', " OR ");
        let allowed = licence.split(" OR ").any(|choice| {
            let parts = choice.trim_matches(['(', ')', ' ']).split(" AND ");
            parts
                .map(|part| part.trim_matches(['(', ')', ' ']))
                .all(|part| LICENCES.contains(&part))
        });
        assert!(allowed, "{} {} is under {licence:?}", package.name, package.version);
    }
}

#[test]
fn nothing_unwanted_comes_in() {
    for package in others() {
        if let Some((name, reason)) =
            UNWANTED.iter().find(|(name, _)| *name == package.name.as_str())
        {
            panic!("{name}: {reason}");
        }
    }
}

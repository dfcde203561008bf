//! A crate uses crates of lower layers only, and each heavy dependency has its owners.

use cargo_metadata::{DependencyKind, Package};

/// The layers of ARCHITECTURE.md, lowest first; programs are every crate under crates/stages.
const LIBRARIES: &[&[&str]] = &[
    &["hpa-core", "hpa-optim", "hpa-ops"],
    &["hpa-artifacts", "hpa-imaging", "hpa-metrics"],
    &["hpa-nn", "hpa-cli"],
];
const PROGRAMS: usize = LIBRARIES.len();
const TESTS: usize = PROGRAMS + 1;

/// Heavy dependencies and the only crates that may name them.
const OWNERS: &[(&str, &[&str])] = &[
    ("argmin", &["hpa-optim", "hpa-threshold"]),
    ("candle-core", &["hpa-ops", "hpa-nn"]),
    ("candle-nn", &["hpa-nn"]),
    ("arrow", &["hpa-artifacts"]),
    ("parquet", &["hpa-artifacts"]),
    ("safetensors", &["hpa-artifacts", "hpa-nn", "hpa-ops"]),
    ("image", &["hpa-imaging"]),
    ("clap", &["hpa-cli"]),
];

fn layer(package: &Package) -> usize {
    let path = package.manifest_path.as_str();
    let library = LIBRARIES.iter().position(|names| names.contains(&package.name.as_str()));
    match library {
        Some(layer) => layer,
        None if path.contains("/crates/stages/") => PROGRAMS,
        None if package.name.as_str() == "hpa-tests" => TESTS,
        None => panic!("{} has no layer: add it here and to ARCHITECTURE.md", package.name),
    }
}

/// The names of a package's dependencies, those of tests and build scripts left out.
fn dependencies(package: &Package) -> impl Iterator<Item = &str> {
    let normal = package.dependencies.iter().filter(|d| d.kind == DependencyKind::Normal);
    normal.map(|dependency| dependency.name.as_str())
}

#[test]
fn no_edge_climbs() {
    let packages = hpa_tests::members();
    for package in &packages {
        for name in dependencies(package) {
            let Some(used) = packages.iter().find(|other| other.name.as_str() == name) else {
                continue;
            };
            assert!(
                layer(used) < layer(package),
                "{} (layer {}) uses {name} (layer {}): move the shared part to a lower layer",
                package.name,
                layer(package),
                layer(used),
            );
        }
    }
}

#[test]
fn heavy_dependencies_have_their_owners() {
    for package in hpa_tests::members() {
        for name in dependencies(&package) {
            let Some((heavy, owners)) = OWNERS.iter().find(|(heavy, _)| *heavy == name) else {
                continue;
            };
            // Every program derives its flags.
            let derives_flags = *heavy == "clap" && layer(&package) == PROGRAMS;
            assert!(
                owners.contains(&package.name.as_str()) || derives_flags,
                "{} names {heavy}, which belongs to {}",
                package.name,
                owners.join(", ")
            );
        }
    }
}

#[test]
fn folders_are_the_last_word_of_the_crate() {
    for package in hpa_tests::members() {
        let folder = package.manifest_path.parent().and_then(|path| path.file_name());
        let word = package.name.strip_prefix("hpa-").expect("every crate is ours");
        assert_eq!(folder, Some(word), "{}", package.name);
    }
}

//! A crate uses crates on lower layers only, and each heavy dependency has its owners.

use cargo_metadata::{DependencyKind, Metadata, MetadataCommand};
use std::collections::BTreeMap;

/// The layers of ARCHITECTURE.md.
const LAYERS: &[(u8, &[&str])] = &[
    (0, &["hpa-core", "hpa-optim", "hpa-ops"]),
    (1, &["hpa-artifacts", "hpa-imaging", "hpa-metrics"]),
    (2, &["hpa-nn", "hpa-cli"]),
    (
        3,
        &[
            "hpa-synth",
            "hpa-preprocess",
            "hpa-statistics",
            "hpa-split",
            "hpa-train",
            "hpa-predict",
            "hpa-threshold",
            "hpa-ensemble",
            "hpa-report",
            "hpa-labels",
            "hpa-submit",
            "hpa-score",
            "hpa-import",
        ],
    ),
    (4, &["hpa-tests"]),
];

/// Edges on one layer that are meant.
const SAME_LAYER: &[(&str, &str)] = &[];

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

fn metadata() -> Metadata {
    MetadataCommand::new()
        .manifest_path(hpa_tests::workspace().join("Cargo.toml"))
        .no_deps()
        .exec()
        .expect("cargo reads the workspace")
}

#[test]
fn no_edge_climbs() {
    let layer: BTreeMap<&str, u8> =
        LAYERS.iter().flat_map(|(layer, names)| names.iter().map(|name| (*name, *layer))).collect();
    for package in metadata().packages {
        let name = package.name.as_str();
        let own = layer
            .get(name)
            .unwrap_or_else(|| panic!("{name} has no layer: add it here and to ARCHITECTURE.md"));
        for dependency in package.dependencies.iter().filter(|d| d.kind == DependencyKind::Normal) {
            let Some(below) = layer.get(dependency.name.as_str()) else { continue };
            let meant = SAME_LAYER.contains(&(name, dependency.name.as_str()));
            assert!(
                below < own || meant,
                "{name} (layer {own}) uses {} (layer {below}): move the shared part to a lower layer",
                dependency.name
            );
        }
    }
}

#[test]
fn heavy_dependencies_have_their_owners() {
    let stages: Vec<&str> = LAYERS[3].1.to_vec();
    for package in metadata().packages {
        let name = package.name.as_str();
        for dependency in package.dependencies.iter().filter(|d| d.kind == DependencyKind::Normal) {
            let owners = OWNERS.iter().find(|(heavy, _)| *heavy == dependency.name);
            let Some((heavy, owners)) = owners else { continue };
            // Every program derives its flags.
            let derives_flags = *heavy == "clap" && stages.contains(&name);
            assert!(
                owners.contains(&name) || derives_flags,
                "{name} names {heavy}, which belongs to {}",
                owners.join(", ")
            );
        }
    }
}

#[test]
fn folders_are_the_last_word_of_the_crate() {
    for package in metadata().packages {
        let folder = package.manifest_path.parent().and_then(|path| path.file_name());
        let word = package.name.strip_prefix("hpa-").expect("every crate is ours");
        assert_eq!(folder, Some(word), "{}", package.name);
    }
}

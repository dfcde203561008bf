//! Sources, licences and banned crates of all dependencies, as deny.toml has them.
//!
//! `cargo deny check` holds the same and more; this test needs no tool beyond cargo.

#![expect(clippy::unwrap_used, reason = "a test stops at the first surprise")]

use cargo_metadata::Package;
use toml::{Table, Value};

fn deny() -> Table {
    std::fs::read_to_string(hpa_tests::workspace().join("deny.toml")).unwrap().parse().unwrap()
}

fn strings(list: &Value) -> Vec<String> {
    list.as_array().unwrap().iter().map(|item| item.as_str().unwrap().to_owned()).collect()
}

fn dependencies() -> Vec<Package> {
    let packages = hpa_tests::dependencies().packages;
    packages.into_iter().filter(|package| package.source.is_some()).collect()
}

#[test]
fn every_dependency_comes_from_the_registry() {
    for package in dependencies() {
        let source = package.source.unwrap().repr;
        assert!(source.contains("crates.io"), "{} comes from {source}", package.name);
    }
}

#[test]
fn every_licence_is_allowed() {
    let allowed = strings(&deny()["licenses"]["allow"]);
    let trimmed = |text: &str| text.trim_matches(['(', ')', ' ']).to_owned();
    for package in dependencies() {
        let licence = package.license.clone().unwrap_or_default().replace('/', " OR ");
        let is_allowed = licence.split(" OR ").any(|choice| {
            trimmed(choice).split(" AND ").all(|part| allowed.contains(&trimmed(part)))
        });
        assert!(is_allowed, "{} {} is under {licence:?}", package.name, package.version);
    }
}

#[test]
fn no_banned_crate_is_used() {
    let deny = deny();
    let names: Vec<String> =
        dependencies().iter().map(|package| package.name.to_string()).collect();
    for ban in deny["bans"]["deny"].as_array().unwrap() {
        let name = ban["crate"].as_str().unwrap();
        assert!(!names.iter().any(|other| other == name), "{name}: {}", ban["reason"]);
    }
}

//! What a default build pulls in is agreed on.

use std::collections::BTreeSet;
use std::process::Command;

use crate::top;

const AGREED: [&str; 8] = [
    "dirs",
    "hex",
    "serde",
    "serde_json",
    "sha2",
    "tempfile",
    "thiserror",
    "tracing",
];

/// What cargo says of the packages of this workspace.
fn packages() -> Vec<serde_json::Value> {
    let output = Command::new(env!("CARGO"))
        .args(["metadata", "--format-version=1", "--no-deps", "--offline"])
        .current_dir(top())
        .output()
        .unwrap();
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    let mut metadata: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    match metadata["packages"].take() {
        serde_json::Value::Array(packages) => packages,
        other => panic!("a list of packages, not {other}"),
    }
}

/// The names of a package's dependencies of one kind that are not optional.
fn dependencies(package: &serde_json::Value, kind: Option<&str>) -> BTreeSet<String> {
    let all = package["dependencies"].as_array().unwrap();
    all.iter()
        .filter(|dependency| dependency["kind"].as_str() == kind)
        .filter(|dependency| dependency["optional"] == false)
        .map(|dependency| dependency["name"].as_str().unwrap().to_owned())
        .collect()
}

/// CAT-702
#[test]
fn the_default_dependencies_are_the_agreed_ones() {
    let agreed: BTreeSet<String> = AGREED.into_iter().map(str::to_owned).collect();
    let own = BTreeSet::from(["catalog-core".to_owned()]);
    let mut used = BTreeSet::new();
    for name in ["catalog-core", "model-provisioner"] {
        let packages = packages();
        let package = packages
            .iter()
            .find(|package| package["name"] == name)
            .unwrap();
        let all = dependencies(package, None);
        assert_eq!(dependencies(package, Some("build")), BTreeSet::new());
        used.extend(all.difference(&own).cloned());
    }
    assert_eq!(used, agreed);
}

/// CAT-703
#[test]
fn every_package_states_licence_edition_and_oldest_compiler() {
    for package in packages() {
        let facts = [
            &package["license"],
            &package["edition"],
            &package["rust_version"],
        ];
        assert_eq!(
            facts,
            ["MIT OR Apache-2.0", "2024", "1.89"],
            "{}",
            package["name"]
        );
        let lints = std::fs::read_to_string(package["manifest_path"].as_str().unwrap()).unwrap();
        assert!(
            lints.contains("[lints]\nworkspace = true"),
            "{}",
            package["name"]
        );
    }
}

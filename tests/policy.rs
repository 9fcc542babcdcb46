// SPDX-License-Identifier: Apache-2.0 OR MIT
//! What the project may depend on: licences, sources, number, age of the compiler, versions side by side.
//!
//! Judged offline from `cargo metadata` by the rules of `deny.toml`, which `.ci/check` gives to cargo-deny as well. Known
//! vulnerabilities are not: that needs a database.

use std::collections::{BTreeMap, BTreeSet};
use std::process::Command;

use serde_json::Value;
use tests::source::project;

const CRATES_AT_MOST: usize = 150;
const RUST: (u64, u64) = (1, 85);
#[test]
fn every_licence_is_one_we_may_ship() {
    let allowed = allowed();
    let refused: Vec<_> = packages()
        .iter()
        .filter(|package| {
            !text(package, "license").is_some_and(|licence| is_permitted(licence, &allowed))
        })
        .map(|package| format!("{}: {:?}", name(package), text(package, "license")))
        .collect();
    assert!(refused.is_empty(), "{refused:#?}");
}

#[test]
fn every_crate_comes_from_the_registry_or_this_project() {
    let foreign: Vec<_> = packages()
        .iter()
        .filter(|package| {
            text(package, "source").is_some_and(|source| !source.starts_with("registry+"))
        })
        .map(name)
        .collect();
    assert!(foreign.is_empty(), "{foreign:?}");
}

#[test]
fn the_number_of_crates_stays_small() {
    let count = packages().len();
    assert!(
        count <= CRATES_AT_MOST,
        "{count} crates, at most {CRATES_AT_MOST}: is the newest one worth it?"
    );
}

#[test]
fn every_crate_builds_with_the_oldest_compiler_we_promise() {
    let newer: Vec<_> = packages()
        .iter()
        .filter(|package| {
            text(package, "rust_version").is_some_and(|version| release(version) > RUST)
        })
        .map(name)
        .collect();
    assert!(newer.is_empty(), "need more than Rust {RUST:?}: {newer:?}");
}

#[test]
fn nothing_banned_came_in() {
    let names: BTreeSet<_> = packages().iter().map(name).collect();
    let present: Vec<_> = bans()
        .into_iter()
        .filter(|ban| !allows_one_version(ban) && names.contains(&crate_name(ban)))
        .collect();
    assert!(present.is_empty(), "{present:?}");
}

#[test]
fn large_crates_are_there_in_one_version() {
    let mut versions = BTreeMap::<String, BTreeSet<String>>::new();
    for package in packages() {
        versions
            .entry(name(&package))
            .or_default()
            .insert(text(&package, "version").unwrap_or_default().to_owned());
    }
    let large = bans().into_iter().filter(allows_one_version);
    let twice: Vec<_> = large
        .map(|ban| crate_name(&ban))
        .filter(|large| versions.get(large).is_some_and(|all| all.len() > 1))
        .collect();
    assert!(twice.is_empty(), "in several versions: {twice:?}");
}

#[test]
fn an_expression_is_permitted_if_one_choice_is() {
    for (expression, expected) in [
        ("MIT", true),
        ("MIT/Apache-2.0", true),
        ("GPL-3.0 OR MIT", true),
        ("(MIT OR Apache-2.0) AND Unicode-3.0", true),
        ("Apache-2.0 WITH LLVM-exception OR Apache-2.0 OR MIT", true),
        ("GPL-3.0", false),
        ("MIT AND GPL-3.0", false),
        ("(MIT OR Apache-2.0) AND GPL-2.0", false),
    ] {
        let allowed = ["Apache-2.0", "MIT", "Unicode-3.0"].map(str::to_owned);
        assert_eq!(expected, is_permitted(expression, &allowed), "{expression}");
    }
}

/// Judges an SPDX expression whose parentheses hold only choices, as all of ours do.
fn is_permitted(expression: &str, allowed: &[String]) -> bool {
    let one_of = |choices: &str| {
        choices
            .trim_matches(['(', ')', ' '])
            .split([' ', '/'])
            .any(|licence| allowed.iter().any(|allowed| allowed == licence))
    };
    expression.split(" AND ").all(one_of)
}

/// The licences of `deny.toml`.
fn allowed() -> Vec<String> {
    let allowed = rules()["licenses"]["allow"].clone();
    allowed.try_into().expect("a list of licences")
}

/// The crates `deny.toml` denies, or denies more than one version of.
fn bans() -> Vec<toml::Value> {
    let bans = rules()["bans"]["deny"].as_array().cloned();
    bans.expect("a list of crates")
}

/// Whether only a second version of it is denied.
fn allows_one_version(ban: &toml::Value) -> bool {
    ban.get("deny-multiple-versions").is_some()
}

fn crate_name(ban: &toml::Value) -> String {
    ban["crate"].as_str().unwrap_or_default().to_owned()
}

fn rules() -> toml::Value {
    let text = std::fs::read_to_string(project().join("deny.toml")).expect("deny.toml is there");
    toml::Value::Table(text.parse().expect("it is TOML"))
}

fn release(version: &str) -> (u64, u64) {
    let mut parts = version.split('.').map(|part| part.parse().unwrap_or(0));
    (parts.next().unwrap_or(0), parts.next().unwrap_or(0))
}

/// The crates that go into a build for Linux, development dependencies included.
fn packages() -> Vec<Value> {
    let output = Command::new(env!("CARGO"))
        .args([
            "metadata",
            "--format-version=1",
            "--locked",
            "--filter-platform=aarch64-unknown-linux-gnu",
        ])
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .output()
        .expect("cargo runs");
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    let metadata: Value = serde_json::from_slice(&output.stdout).expect("cargo prints JSON");
    metadata["packages"]
        .as_array()
        .cloned()
        .expect("cargo lists packages")
}

fn name(package: &Value) -> String {
    text(package, "name").unwrap_or_default().to_owned()
}

fn text<'a>(package: &'a Value, field: &str) -> Option<&'a str> {
    package[field].as_str()
}

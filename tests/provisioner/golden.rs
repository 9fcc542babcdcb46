// SPDX-License-Identifier: Apache-2.0 OR MIT
//! Golden reports: what a person reads for each faulty file, and over the starts of each story.
//!
//! `BLESS=1 cargo test -p provisioner` writes the reports anew; look at the difference before committing it.

use std::fs;
use std::path::{Path, PathBuf};

use provisioner::system::{Files, Listening};

use crate::scene::{Scene, places};

/// Each `broker.toml` of the schema's fixtures, on the card of a new device.
#[test]
fn each_file_of_the_schema_has_its_report() {
    let mut seen = 0;
    for path in entries(&fixtures().join("config")) {
        if path
            .extension()
            .is_some_and(|extension| extension == "toml")
        {
            let scene = Scene::new();
            scene.card.put(
                &places().boot.join("broker.toml"),
                &fs::read(&path).unwrap(),
            );
            scene.boot().1.unwrap();
            let name = path
                .file_stem()
                .unwrap_or_default()
                .to_string_lossy()
                .into_owned();
            compare(
                &scene.report(),
                &fixtures().join(format!("provisioner/faults/{name}.txt")),
            );
            seen += 1;
        }
    }
    assert!(seen > 50, "only {seen} fixtures were found");
}

/// Each story is a folder; each folder in it is the card at one start, and the report of that start stands beside it.
#[test]
fn each_story_has_its_reports() {
    let stories = entries(&fixtures().join("provisioner/stories"));
    assert!(stories.len() > 10, "only {stories:?} were found");
    for story in stories {
        let scene = scene(&name(&story));
        for start in entries(&story).iter().filter(|path| path.is_dir()) {
            lay_out(&scene, start);
            scene.boot().1.unwrap();
            compare(&scene.report(), &start.with_extension("txt"));
        }
    }
}

/// The device a story is about.
fn scene(story: &str) -> Scene {
    let mut scene = Scene::new();
    match story {
        "port-taken" => {
            let address = "0.0.0.0".parse().unwrap();
            scene.network.listening.push(Listening {
                address,
                port: 1883,
                user: 0,
            });
        }
        "silent-machine" => scene.machine.is_silent.set(true),
        "clock-not-set" => {
            scene.now = provisioner::Moment(0);
            scene.network.addresses.clear();
        }
        _ => (),
    }
    scene
}

/// Puts the files of a folder onto the card in place of those that were there; `keep` leaves the card as it is.
fn lay_out(scene: &Scene, start: &Path) {
    let files = entries(start);
    // Gone when the device was switched off.
    scene.card.take_away(&places().reset_done);
    if files.iter().any(|path| name(path) == "keep") {
        return;
    }
    let is_ours = |name: &String| name.starts_with("broker-report") || name == "ca.crt";
    let on_card = scene.card.list(&places().boot).unwrap();
    for name in on_card.iter().filter(|name| !is_ours(name)) {
        scene.card.take_away(&places().boot.join(name));
    }
    for path in files.iter().filter(|path| name(path) != "none") {
        scene
            .card
            .put(&places().boot.join(name(path)), &fs::read(path).unwrap());
    }
}

fn compare(found: &str, golden: &Path) {
    let found = without_fingerprints(found);
    if std::env::var_os("BLESS").is_some() {
        fs::write(golden, &found).unwrap();
    }
    let expected = fs::read_to_string(golden).unwrap_or_default();
    assert_eq!(found, expected, "{}", golden.display());
}

/// A device's authority is another one in every run.
fn without_fingerprints(report: &str) -> String {
    let is_fingerprint = |line: &str| {
        let pairs = line.trim().split(':');
        pairs.clone().count() == 32
            && pairs
                .clone()
                .all(|pair| u8::from_str_radix(pair, 16).is_ok())
    };
    let masked = |line: &str| match line.split('\n').any(is_fingerprint) {
        true => "  (fingerprint)\n".to_owned(),
        false => line.to_owned(),
    };
    report.split_inclusive('\n').map(masked).collect()
}

fn entries(folder: &Path) -> Vec<PathBuf> {
    let entries =
        fs::read_dir(folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
    let mut paths: Vec<PathBuf> = entries.map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    paths
}

fn name(path: &Path) -> String {
    path.file_name()
        .unwrap_or_default()
        .to_string_lossy()
        .into_owned()
}

fn fixtures() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/fixtures")
}

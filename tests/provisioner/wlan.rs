// SPDX-License-Identifier: Apache-2.0 OR MIT
//! The password of a wireless network: taken from the card once, kept on the device for the same network.

use serde_json::Value;

use crate::scene::{Scene, file, places};

const FILE: &str =
    "version = 1\n[wlan]\nssid = \"plant-2\"\npassword = \"blue-Kettle-7\"\ncountry = \"JP\"\n";

fn password(scene: &Scene) -> Option<String> {
    let kept = scene.card.text(&places().desired)?;
    let kept: Value = serde_json::from_str(&kept).unwrap();
    kept.pointer("/machine/wlan/password")?
        .as_str()
        .map(str::to_owned)
}

#[test]
fn the_password_leaves_the_card_and_is_kept_for_the_same_network() {
    let scene = Scene::with_file(FILE);
    scene.boot().1.unwrap();
    let taken = scene.card.text(&file()).unwrap();
    assert!(taken.contains("password = 0 ") && !taken.contains("Kettle"));
    assert!(!scene.report().contains("Kettle"));
    for text in [
        taken.clone(),
        taken.replace("JP", "DE"),
        taken.replace("password = 0", "psk = 0"),
    ] {
        scene.edit(&text);
        scene.boot().1.unwrap();
        assert_eq!(password(&scene).as_deref(), Some("blue-Kettle-7"), "{text}");
    }
}

#[test]
fn a_kept_password_of_another_network_is_refused_in_words() {
    for before in ["version = 1\n", FILE] {
        let scene = Scene::with_file(before);
        scene.boot().1.unwrap();
        let kept = password(&scene);
        scene.edit(
            &FILE
                .replace("plant-2", "plant-3")
                .replace("\"blue-Kettle-7\"", "0"),
        );
        scene.boot().1.unwrap();
        let sentence = "line 4: `0` keeps the password this device has of a wireless network, and it has none of `plant-3`";
        assert!(scene.report().contains(sentence), "{}", scene.report());
        assert_eq!(password(&scene), kept);
    }
}

#[test]
fn every_secret_that_is_missing_is_told_at_once() {
    let scene = Scene::with_file(
        "version = 1\n[[user]]\nusername = \"one\"\npassword = 0\n[wlan]\nssid = \"n\"\npassword = 0\ncountry = \"JP\"\n",
    );
    scene.boot().1.unwrap();
    let report = scene.report();
    assert!(
        report.contains("line 2: `password = 0`") && report.contains("line 7: `0` keeps"),
        "{report}"
    );
}

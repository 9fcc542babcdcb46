// SPDX-License-Identifier: Apache-2.0 OR MIT
//! Users with `auth = "scram"`: their keys are derived when the plain text is taken, and kept like a hash.

use crate::scene::{Scene, file, places};

const USER: &str =
    "version = 1\n[[user]]\nusername = \"sensors\"\npassword = \"hunter2\"\nauth = \"scram\"\n";

fn hash(scene: &Scene) -> String {
    let text = scene.card.text(&places().configuration).unwrap();
    let line = text.lines().find(|line| line.starts_with("password_hash"));
    line.unwrap_or_default().to_owned()
}

#[test]
fn the_keys_are_derived_and_the_password_leaves_the_card() {
    let scene = Scene::with_file(USER);
    scene.boot().1.unwrap();
    assert!(hash(&scene).contains("\"SCRAM-SHA-256$16384:"));
    assert!(scene.admits("sensors", "hunter2"));
    assert!(!scene.card.text(&file()).unwrap().contains("hunter2"));
    assert!(
        !scene.report().contains("mosquitto_sub"),
        "no example that cannot work:\n{}",
        scene.report()
    );
}

#[test]
fn the_same_password_again_and_a_kept_one_keep_the_keys() {
    let scene = Scene::with_file(USER);
    scene.boot().1.unwrap();
    let first = hash(&scene);
    for password in ["\"hunter2\"", "0"] {
        scene.edit(&USER.replace("\"hunter2\"", password));
        scene.boot().1.unwrap();
        assert_eq!(hash(&scene), first, "{password}");
    }
    scene.edit(&USER.replace("hunter2", "letmein"));
    scene.boot().1.unwrap();
    assert!(scene.admits("sensors", "letmein"));
    assert!(!scene.admits("sensors", "hunter2"));
}

#[test]
fn a_kept_password_does_not_change_its_kind() {
    let plain = USER.replace("auth = \"scram\"\n", "");
    for (before, after, kind) in [(&plain[..], USER, "password"), (USER, &plain[..], "scram")] {
        let scene = Scene::with_file(before);
        scene.boot().1.unwrap();
        let first = hash(&scene);
        scene.edit(&after.replace("\"hunter2\"", "0"));
        scene.boot().1.unwrap();
        assert_eq!(hash(&scene), first);
        let sentence = format!("was taken for `auth = \"{kind}\"` and cannot be used otherwise");
        assert!(scene.report().contains(&sentence), "{}", scene.report());
        scene.edit(after);
        scene.boot().1.unwrap();
        assert_ne!(hash(&scene), first);
        assert!(scene.admits("sensors", "hunter2"));
    }
}

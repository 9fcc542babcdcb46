// SPDX-License-Identifier: Apache-2.0 OR MIT
//! Files on the card that `broker.toml` names: kept on the device, the private key taken once, changes noticed.

use std::path::Path;

use crate::card::Survivors;
use crate::cuts::Tally;
use crate::scene::{Scene, file, places};

const CARD: &str = "version = 1\n[[user]]\nusername = \"one\"\npassword = \"hunter2-long\"\n[[listener]]\nport = 8883\n\
                    tls = true\ncertfile = \"tls/server.crt\"\nkeyfile = \"server.key\"\n";

#[test]
fn the_device_keeps_the_files_and_the_card_no_key() {
    let (scene, pair) = taken();
    assert_eq!(
        copy(&scene, "tls/server.crt"),
        Some(pair.certificate.clone())
    );
    assert_eq!(copy(&scene, "server.key"), Some(pair.key.clone()));
    assert_eq!(on_card(&scene, "tls/server.crt"), Some(pair.certificate));
    let left = on_card(&scene, "server.key").unwrap();
    assert_eq!(left.len(), pair.key.len());
    assert_eq!(left.trim_end(), "taken, kept on the device");
    assert!(!scene.card.holds(Path::new("/boot"), secret(&pair.key)));
    let settings = scene.card.text(&places().configuration).unwrap();
    assert!(
        settings.contains("keyfile = \"card/server.key\""),
        "{settings}"
    );
    assert!(
        settings.contains("certfile = \"card/tls/server.crt\""),
        "{settings}"
    );
    let report = scene.report();
    assert!(
        report.contains("The private key in server.key was taken"),
        "{report}"
    );
    assert!(!report.contains("THIS DEVICE'S CERTIFICATES"), "{report}");
}

#[test]
fn a_start_without_a_change_takes_nothing() {
    let (scene, pair) = taken();
    scene.boot().1.unwrap();
    let report = scene.report();
    assert!(!report.contains("was taken"), "{report}");
    assert_eq!(copy(&scene, "server.key"), Some(pair.key));
    assert!(scene.status().in_force, "{}", scene.status().text);
}

#[test]
fn a_changed_file_is_taken_although_broker_toml_stays() {
    let (scene, _) = taken();
    let new = pair();
    put(&scene, "tls/server.crt", &new.certificate);
    scene.boot().1.unwrap();
    let report = scene.report();
    assert!(
        report.contains("REFUSED"),
        "a certificate of another key: {report}"
    );
    assert_ne!(
        copy(&scene, "tls/server.crt"),
        Some(new.certificate.clone())
    );
    put(&scene, "server.key", &new.key);
    scene.boot().1.unwrap();
    assert_eq!(copy(&scene, "tls/server.crt"), Some(new.certificate));
    assert_eq!(copy(&scene, "server.key"), Some(new.key.clone()));
    assert!(!scene.card.holds(Path::new("/boot"), secret(&new.key)));
}

#[test]
fn a_lost_copy_is_taken_again_and_a_lost_key_is_asked_for() {
    let (scene, pair) = taken();
    scene
        .card
        .take_away(&places().card_copies.join("tls/server.crt"));
    scene.boot().1.unwrap();
    assert_eq!(copy(&scene, "tls/server.crt"), Some(pair.certificate));
    scene
        .card
        .take_away(&places().card_copies.join("server.key"));
    scene.boot().1.unwrap();
    let report = scene.report();
    assert!(
        report.contains("write the key onto the card once more"),
        "{report}"
    );
}

#[test]
fn a_key_that_is_no_longer_named_is_removed_from_the_device() {
    let (scene, _) = taken();
    let kept = scene.card.text(&file()).unwrap();
    let own = kept.find("certfile").unwrap();
    scene.edit(&kept[..own]);
    scene.boot().1.unwrap();
    assert_eq!(copy(&scene, "server.key"), None);
    assert_eq!(copy(&scene, "tls/server.crt"), None);
}

#[test]
fn names_that_lead_elsewhere_are_left_to_the_daemon() {
    let elsewhere = CARD
        .replace("tls/server.crt", "/etc/own/server.crt")
        .replace("\"server.key\"", "\"../own/server.key\"");
    let scene = Scene::with_file(&elsewhere);
    scene.boot().1.unwrap();
    let settings = scene.card.text(&places().configuration).unwrap();
    assert!(
        settings.contains("certfile = \"/etc/own/server.crt\""),
        "{settings}"
    );
    assert!(
        settings.contains("keyfile = \"../own/server.key\""),
        "{settings}"
    );
}

#[test]
fn certificate_and_key_may_be_one_file() {
    let scene = Scene::with_file(&CARD.replace("tls/server.crt", "server.key"));
    let pair = pair();
    let both = format!("{}{}", pair.certificate, pair.key);
    put(&scene, "server.key", &both);
    scene.boot().1.unwrap();
    assert_eq!(copy(&scene, "server.key"), Some(both));
    assert!(!scene.card.holds(Path::new("/boot"), secret(&pair.key)));
    scene.boot().1.unwrap();
    assert!(
        scene.report().contains("\n  APPLIED\n"),
        "{}",
        scene.report()
    );
}

#[test]
fn files_of_users_and_rights_are_kept_too_and_a_wrong_line_is_told() {
    const HASH: &str = "$6$YS1zYWx0LWZvci15$gwv7DkuSs7GYoMeCpANZS9MM2ihI1liwd+b94aMgMfUqy9OgPYuP2mdoiuiANcfdW4G7O2hxAiIfvUouL08xGA==";
    let scene = Scene::with_file(
        "version = 1\n[broker]\npassword_file = \"users\"\nacl_file = \"rights\"\n\
         [[user]]\nusername = \"one\"\npassword = \"hunter2-long\"\n",
    );
    put(&scene, "users", &format!("one:{HASH}\n"));
    put(&scene, "rights", "topic raed a\n");
    scene.boot().1.unwrap();
    let report = scene.report();
    assert!(
        report.contains("`acl_file = \"rights\"`: line 1: "),
        "{report}"
    );
    put(&scene, "rights", "topic read a\n");
    scene.boot().1.unwrap();
    let report = scene.report();
    assert!(
        report.contains("the user `one` has a [[user]], too"),
        "{report}"
    );
    put(&scene, "users", &format!("two:{HASH}\n"));
    scene.boot().1.unwrap();
    assert_eq!(copy(&scene, "rights"), Some("topic read a\n".to_owned()));
    let settings = scene.card.text(&places().configuration).unwrap();
    for line in [
        "password_file = \"card/users\"",
        "acl_file = \"card/rights\"",
    ] {
        assert!(settings.contains(line), "{settings}");
    }
}

/// Cut after each step; also with a key of the same length put in place before the next start.
#[test]
fn a_power_cut_while_a_key_is_taken_loses_no_key_and_leaves_none() {
    let scene = ready();
    let pair = put_pair(&scene);
    let before = scene.card.clone();
    scene.card.cut_after(usize::MAX);
    scene.boot().1.unwrap();
    let steps = scene.card.steps();
    let mut tally = Tally::new(&before, &[secret(&pair.key).to_vec()], steps);
    let mut scene = scene;
    for cut in 0..steps {
        scene.card = before.clone();
        scene.card.cut_after(cut);
        assert!(scene.boot().1.is_err(), "cut after {cut} steps");
        let left = scene.card.clone();
        for survivors in Survivors::ALL {
            let context = format!("cut after {cut} of {steps} steps, left {survivors:?}");
            scene.card = left.restarted(survivors);
            scene.boot().1.unwrap();
            assert_eq!(
                copy(&scene, "server.key").as_ref(),
                Some(&pair.key),
                "{context}"
            );
            let left_on_card = on_card(&scene, "server.key").unwrap();
            assert_eq!(
                left_on_card.trim_end(),
                "taken, kept on the device",
                "{context}"
            );
            assert!(
                scene.report().contains("\n  APPLIED\n"),
                "{context}\n{}",
                scene.report()
            );
            scene.card = left.restarted(survivors);
            tally.see(&scene.card, Ok(()));
            let new = self::pair();
            put(&scene, "tls/server.crt", &new.certificate);
            put(&scene, "server.key", &new.key);
            scene.boot().1.unwrap();
            assert_eq!(
                copy(&scene, "server.key"),
                Some(new.key),
                "{context}, then another key"
            );
        }
    }
    tally.settle();
}

pub struct Pair {
    certificate: String,
    pub key: String,
}

fn taken() -> (Scene, Pair) {
    let scene = ready();
    let pair = put_pair(&scene);
    scene.boot().1.unwrap();
    (scene, pair)
}

/// A device whose password needs no hashing any more, which would take most of the time.
fn ready() -> Scene {
    let scene = Scene::with_file(&CARD[..CARD.find("[[listener]]").unwrap()]);
    scene.boot().1.unwrap();
    let kept = scene.card.text(&file()).unwrap();
    scene.edit(&(kept + &CARD[CARD.find("[[listener]]").unwrap()..]));
    scene
}

pub fn put_pair(scene: &Scene) -> Pair {
    let pair = pair();
    put(scene, "tls/server.crt", &pair.certificate);
    put(scene, "server.key", &pair.key);
    pair
}

/// A certificate that signs itself, and its key; each time another one.
fn pair() -> Pair {
    let key = rcgen::KeyPair::generate().unwrap();
    let parameters = rcgen::CertificateParams::new(vec!["plant.example".to_owned()]).unwrap();
    let certificate = parameters.self_signed(&key).unwrap();
    let pem = |heading: &str, der: &[u8]| {
        use base64::Engine;
        let text = base64::engine::general_purpose::STANDARD.encode(der);
        format!("-----BEGIN {heading}-----\n{text}\n-----END {heading}-----\n")
    };
    Pair {
        certificate: pem("CERTIFICATE", certificate.der()),
        key: pem("PRIVATE KEY", key.serialized_der()),
    }
}

/// A part of the key that no other file has.
fn secret(key: &str) -> &[u8] {
    &key.as_bytes()[120..160]
}

fn put(scene: &Scene, name: &str, text: &str) {
    scene.card.put(&places().boot.join(name), text.as_bytes());
}

fn on_card(scene: &Scene, name: &str) -> Option<String> {
    scene.card.text(&places().boot.join(name))
}

fn copy(scene: &Scene, name: &str) -> Option<String> {
    scene.card.text(&places().card_copies.join(name))
}

// SPDX-License-Identifier: Apache-2.0 OR MIT
//! The factory reset: what asks for it, what it leaves, and that a power cut at any step only delays it.

use std::collections::BTreeSet;
use std::path::PathBuf;

use provisioner::Dry;
use provisioner::system::Files;

use crate::card::Survivors;
use crate::card_files::put_pair;
use crate::cuts::Tally;
use crate::scene::{Scene, places};

const FILE: &str = "version = 1\n[system]\nhostname = \"plant-2\"\n[[user]]\nusername = \"one\"\n\
                    password = \"hunter2-long\"\n[[listener]]\nport = 8883\ntls = true\n\
                    [[listener]]\nport = 8884\ntls = true\ncertfile = \"tls/server.crt\"\nkeyfile = \"server.key\"\n";
/// Secrets planted where the device keeps something, beside those it made itself.
const PLANTED: usize = 50;

/// A device that has worked for a while, with its secrets, the name in the request still to come.
fn used() -> (Scene, Vec<Vec<u8>>) {
    let scene = Scene::new();
    let pair = put_pair(&scene);
    scene.edit(FILE);
    scene.boot().1.unwrap();
    let mut secrets = vec![b"hunter2-long".to_vec(), line_of(&pair.key)];
    let kept = |path: PathBuf| scene.card.text(&path).unwrap_or_else(|| panic!("{path:?}"));
    secrets.push(line_of(&kept(places().authority)));
    secrets.push(line_of(&kept(places().server_certificate)));
    let configuration = kept(places().configuration);
    let hash = configuration
        .lines()
        .find_map(|line| line.strip_prefix("password_hash = "));
    secrets.push(hash.unwrap().as_bytes().to_vec());
    scene.card.put(&places().sshd_settings, b"");
    scene.card.put(
        &places().connections.join("cable.nmconnection"),
        b"not ours",
    );
    let named = [
        (&places().connections, "broker-wlan.nmconnection"),
        (&PathBuf::from("/etc/ssh"), "ssh_host_ed25519_key"),
    ];
    for (folder, name) in named {
        scene.card.put(&folder.join(name), name.as_bytes());
        secrets.push(name.as_bytes().to_vec());
    }
    for number in 0..PLANTED {
        let secret = format!("planted-{number:02}-secret");
        let folders = [
            places().broker_state.join("store"),
            places().broker_state.join("store.replaced-1/inner"),
            places().broker_state,
            places().configuration_folder,
            places().card_copies.join("deep/deeper"),
            places().state,
            places().journals[0].join("0123456789abcdef"),
            places().journals[1].join("0123456789abcdef"),
            places().warnings,
        ];
        let folder = &folders[number % folders.len()];
        let text = format!("before {secret} after");
        scene
            .card
            .put(&folder.join(format!("file-{number}")), text.as_bytes());
        secrets.push(secret.into_bytes());
    }
    for name in ["ssh_host_ed25519_key", "ssh_host_rsa_key"] {
        let key = places().host_key.with_file_name(name);
        scene.card.put(&key, format!("{name} of before").as_bytes());
        secrets.push(format!("{name} of before").into_bytes());
    }
    (scene, secrets)
}

/// A line from the middle of a key in PEM.
fn line_of(pem: &str) -> Vec<u8> {
    let heading = "PRIVATE KEY-----\n";
    let after = pem.find(heading).unwrap() + heading.len();
    pem[after..].lines().next().unwrap().as_bytes().to_vec()
}

fn ask(scene: &Scene, name: &str, text: &[u8]) {
    scene.card.put(&places().boot.join(name), text);
}

fn left(scene: &Scene, secrets: &[Vec<u8>]) -> Vec<PathBuf> {
    let files = secrets
        .iter()
        .flat_map(|secret| scene.card.files_with(secret));
    files.collect()
}

#[test]
fn none_of_fifty_planted_secrets_is_left_and_the_device_has_new_keys() {
    let (scene, secrets) = used();
    assert!(left(&scene, &secrets).len() >= PLANTED + 5);
    let authority = scene.card.text(&places().authority_on_card);
    let bundle = places().support;
    scene.card.put(&bundle, b"told in the bundle");
    ask(&scene, "factory-reset", b"plant-2");
    let (lines, written) = scene.boot();
    written.unwrap();
    assert_eq!(left(&scene, &secrets), Vec::<PathBuf>::new());
    assert!(
        lines
            .iter()
            .any(|(_, line)| line.starts_with("factory reset: Done")),
        "{lines:?}"
    );
    assert!(
        scene.report().contains("\nFACTORY RESET\n  Done"),
        "{}",
        scene.report()
    );
    assert_eq!(scene.machine.logs_begun.get(), 1);
    scene.boot().1.unwrap();
    assert!(
        scene.report().contains("\nFACTORY RESET\n  Done"),
        "the report written minutes later tells of it, too"
    );
    scene.card.take_away(&places().reset_done);
    assert_eq!(scene.card.files_with(b"not ours").len(), 1);
    assert_eq!(scene.card.text(&bundle), None);
    assert!(!scene.card.holds(&places().boot, b"told in the bundle"));
    scene.edit(&FILE.replace("hunter2-long", "another-one").replace(
        "certfile = \"tls/server.crt\"\nkeyfile = \"server.key\"\n",
        "",
    ));
    scene.boot().1.unwrap();
    assert!(scene.admits("one", "another-one"));
    assert!(
        !scene.report().contains("FACTORY RESET"),
        "{}",
        scene.report()
    );
    let new = scene.card.text(&places().authority_on_card);
    assert!(new.is_some() && new != authority);
}

#[test]
fn a_file_that_is_right_is_taken_anew_at_the_same_start() {
    let scene = Scene::with_file("version = 1\n");
    scene.boot().1.unwrap();
    let password = scene.shown_password().unwrap();
    ask(
        &scene,
        "FACTORY-RESET.TXT",
        b"\xEF\xBB\xBFRaspberryPi.local\r\n",
    );
    scene.boot().1.unwrap();
    let new = scene.shown_password().unwrap();
    assert!(new != password && scene.admits("mqtt", &new) && !scene.admits("mqtt", &password));
    assert_eq!(
        scene.card.files_with(password.as_bytes()),
        Vec::<PathBuf>::new()
    );
    assert!(
        scene.report().contains("\n  APPLIED\n"),
        "{}",
        scene.report()
    );
}

#[test]
fn a_password_of_which_only_the_sign_is_left_is_to_be_written_again() {
    let scene = Scene::with_file(
        "version = 1\n[[user]]\nusername = \"one\"\npassword = \"hunter2-long\"\n",
    );
    scene.boot().1.unwrap();
    ask(&scene, "factory-reset", b"raspberrypi");
    scene.boot().1.unwrap();
    let report = scene.report();
    assert!(
        report.contains("it has none of `one`; write a password"),
        "{report}"
    );
    assert!(report.contains("The broker is locked"), "{report}");
    assert_eq!(scene.settings().map(|settings| settings.users.len()), None);
    let announced = scene.card.list(&places().services).unwrap();
    assert_eq!(announced, Vec::<String>::new());
}

#[test]
fn only_the_host_name_asks_for_it() {
    let wide: Vec<u8> = "\u{FEFF}plant-2\r\n"
        .encode_utf16()
        .flat_map(u16::to_le_bytes)
        .collect();
    let cases: [(&[u8], bool); 10] = [
        (b"plant-2", true),
        (b"PLANT-2.local\r\n", true),
        (&wide, true),
        (b"", false),
        (b"raspberrypi", false),
        (b"plant", false),
        (b"plant-2.example.org", false),
        (b"plant-2 please", false),
        (b"\xFFplant-2", false),
        (&[b'x'; 5000], false),
    ];
    for (text, counts) in cases {
        let (scene, secrets) = used();
        let before = left(&scene, &secrets);
        ask(&scene, "factory-reset", text);
        let dry = match scene.plan() {
            Dry::Right(text) => text.contains("erase everything"),
            _ => false,
        };
        assert_eq!(dry, counts, "{text:?}");
        assert_eq!(scene.status().in_force, !counts, "{text:?}");
        scene.boot().1.unwrap();
        let asked_again = scene
            .card
            .text(&places().boot.join("factory-reset"))
            .is_some();
        assert_eq!(asked_again, !counts, "{text:?}");
        match counts {
            true => assert!(left(&scene, &secrets).is_empty(), "{text:?}"),
            false => {
                assert_eq!(left(&scene, &secrets), before, "{text:?}");
                let report = scene.report();
                assert!(report.contains("write plant-2 into it"), "{report}");
                assert!(report.contains("\n  APPLIED\n"), "{report}");
            }
        }
    }
}

#[test]
fn beside_a_running_broker_nothing_is_erased() {
    let (scene, secrets) = used();
    let before = left(&scene, &secrets);
    ask(&scene, "factory-reset", b"plant-2");
    scene.machine.broker_runs.set(true);
    scene.boot().1.unwrap();
    assert!(
        scene.report().contains("Start the device again"),
        "{}",
        scene.report()
    );
    // Nobody answers, but its folder for sockets is there.
    scene.machine.is_silent.set(true);
    scene.card.put(&places().broker_runtime, b"");
    scene.boot().1.unwrap();
    assert_eq!(left(&scene, &secrets), before);
    scene.card.take_away(&places().broker_runtime);
    scene.boot().1.unwrap();
    assert!(left(&scene, &secrets).is_empty());
    let report = scene.report();
    assert!(
        report.contains("The log of this start is not kept"),
        "{report}"
    );
}

#[test]
fn a_card_that_cannot_be_written_is_not_a_reset_at_every_start() {
    let (scene, secrets) = used();
    let before = left(&scene, &secrets);
    ask(&scene, "factory-reset", b"plant-2");
    scene.card.make_read_only(&places().boot);
    let (lines, _) = scene.boot();
    assert!(
        lines
            .iter()
            .any(|(_, line)| line.contains("cannot be taken off the card")),
        "{lines:?}"
    );
    assert_eq!(left(&scene, &secrets), before);
    assert_eq!(scene.card.text(&places().reset_mark), None);
}

#[test]
fn what_cannot_be_erased_holds_everything_back_until_it_can() {
    let (scene, secrets) = used();
    ask(&scene, "factory-reset", b"plant-2");
    scene.edit("version = 1\n[broker]\nallow_anonymous = true\n");
    scene.card.make_read_only(&places().broker_state);
    scene.boot().1.unwrap();
    let report = scene.report();
    assert!(
        report.contains("Not everything could be erased"),
        "{report}"
    );
    assert!(report.contains("\n  NOT TAKEN\n"), "{report}");
    assert!(scene.settings().is_none());
    assert!(scene.card.text(&places().reset_mark).is_some());
    assert_eq!(scene.machine.starts.get(), 0);
    scene.card.make_read_only(&PathBuf::from("/nowhere"));
    scene.boot().1.unwrap();
    assert!(left(&scene, &secrets).is_empty());
    assert!(
        scene
            .settings()
            .is_some_and(|settings| settings.allow_anonymous)
    );
    assert_eq!(
        scene.machine.starts.get(),
        1,
        "the broker was kept from starting"
    );
}

/// After each cut either nothing was begun, or the mark keeps the broker from starting until the next run is through.
#[test]
fn a_factory_reset_is_done() {
    let (mut scene, secrets) = used();
    let before_reset = left(&scene, &secrets);
    ask(&scene, "factory-reset", b"plant-2");
    scene.edit(ANOTHER);
    let before = scene.card.clone();
    let old = scene.card.text(&places().authority);
    scene.card.cut_after(usize::MAX);
    scene.boot().1.unwrap();
    is_new(&scene, &secrets, &old).unwrap();
    let steps = scene.card.steps();
    let mut tally = Tally::new(&before, &[], steps);
    let (mut tried, mut marked) = (BTreeSet::new(), 0);
    for cut in 0..steps {
        scene.card = before.clone();
        scene.card.cut_after(cut);
        let _ = scene.boot();
        let after_cut = scene.card.clone();
        for survivors in Survivors::ALL {
            scene.card = after_cut.restarted(survivors);
            if tried.insert(scene.card.durable()) {
                let context = format!("cut after {cut} of {steps} steps, left {survivors:?}");
                let found = scene.card.clone();
                let remains = left(&scene, &secrets);
                let untouched = remains == before_reset && is_asked(&scene);
                marked += usize::from(is_marked(&scene));
                assert!(
                    is_marked(&scene) || remains.is_empty() || untouched,
                    "{context}: a part is erased"
                );
                scene
                    .boot()
                    .1
                    .unwrap_or_else(|error| panic!("{context}: {error}"));
                let whole = is_new(&scene, &secrets, &old);
                tally.see(&found, whole.map_err(|fault| format!("{context}: {fault}")));
            }
        }
    }
    assert!(
        marked > PLANTED,
        "{} states, {marked} of them marked",
        tried.len()
    );
    tally.settle();
}

/// Nothing of before is left, and what the card says now is in force.
fn is_new(scene: &Scene, secrets: &[Vec<u8>], old: &Option<String>) -> Result<(), String> {
    let authority = scene.card.text(&places().authority);
    let users = scene.settings().map(|settings| settings.users);
    let names = users.iter().flatten().map(|user| user.username.as_str());
    let faults = [
        ("a secret is left", !left(scene, secrets).is_empty()),
        ("it is asked for again", is_asked(scene)),
        ("it is not finished", is_marked(scene)),
        (
            "the authority is the old one",
            authority.is_none() || authority == *old,
        ),
        (
            "the card is not in force",
            names.collect::<Vec<_>>() != ["two"],
        ),
    ];
    match faults.iter().find(|(_, is_so)| *is_so) {
        Some((fault, _)) => Err((*fault).to_owned()),
        None => Ok(()),
    }
}

fn is_asked(scene: &Scene) -> bool {
    scene
        .card
        .text(&places().boot.join("factory-reset"))
        .is_some()
}

fn is_marked(scene: &Scene) -> bool {
    scene.card.text(&places().reset_mark).is_some()
}

/// What lies on the card when it is reset; a hash takes no time to make.
const ANOTHER: &str = "version = 1\n[[user]]\nusername = \"two\"\npassword_hash = \"$argon2id$v=19$m=19456,t=2,p=1$\
                       q9xcMDsPJjl8D1J9ukx8QA$CwVEocm5yjjbcKCAP3a1OQ4VlcXrlPvhnDsae6p0+U0\"\n\
                       [[listener]]\nport = 8883\ntls = true\n";

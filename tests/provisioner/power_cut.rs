// SPDX-License-Identifier: Apache-2.0 OR MIT
//! Power cuts after every changing step, with every kind of leftovers: the next start ends where one without a cut does.
//!
//! In between the broker is never open to everybody and never accepts a file of this program's that is half written.

use std::collections::BTreeSet;
use std::path::Path;

use broker_config::Credential;
use provisioner::system::Files;
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, PrivateKeyDer};

use crate::card::Survivors;
use crate::cuts::Tally;
use crate::scene::{HOSTS, Scene, file, places};

/// A device about to start, and what must hold once it has.
struct Case {
    scene: Scene,
    /// Nothing on the boot partition holds one of these afterwards.
    secrets: Vec<Vec<u8>>,
    right: fn(&Scene) -> bool,
}

const TWO_USERS: &str = "version = 1\n[[user]]\nusername = \"one\"\npassword = \"hunter2-long\"\n                         [[user]]\nusername = \"two\"\npassword = '''sesame'''\n[[listener]]\nport = 1884\n";

const DOORS: &str = "[time]\nntp_servers = [\"192.168.1.1\"]\n[ssh]\nauthorized_keys = [\"ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIB+XqylKywY4P6kvF1qaNqLSnyUsBENKBRgq47iG3Pbk me\"]\n";

#[test]
fn a_file_with_passwords_is_taken() {
    survives(Case {
        scene: Scene::with_file(TWO_USERS),
        secrets: [b"hunter2".to_vec(), b"sesame".to_vec()].into(),
        right: |scene| scene.admits("one", "hunter2-long") && scene.admits("two", "sesame"),
    });
}

#[test]
fn the_machine_gets_a_name() {
    survives(Case {
        scene: Scene::with_file(&TWO_USERS.replacen(
            '\n',
            "\n[system]\nhostname = \"plant-2\"\n",
            1,
        )),
        secrets: Vec::new(),
        right: |scene| {
            let hosts = scene.card.text(&places().hosts);
            hosts.is_some_and(|hosts| hosts.contains("\tplant-2\n"))
        },
    });
}

#[test]
fn the_machine_gets_keys_and_time_servers() {
    survives(Case {
        scene: Scene::with_file(&format!("{TWO_USERS}{DOORS}")),
        secrets: Vec::new(),
        right: |scene| {
            let places = places();
            let text = |path| scene.card.text(path).unwrap_or_default();
            let ssh = scene.machine.units.borrow()["ssh.service"];
            text(&places.authorized_keys).ends_with(" me\n")
                && text(&places.time_servers).ends_with("NTP=192.168.1.1\n")
                && text(&places.firewall).contains("{ 22, 1884 }")
                && ssh.runs
        },
    });
}

#[test]
fn keys_and_time_servers_are_taken_away() {
    let scene = Scene::with_file(&format!("{TWO_USERS}{DOORS}"));
    scene.boot().1.unwrap();
    scene.edit(TWO_USERS);
    survives(Case {
        scene,
        secrets: Vec::new(),
        right: |scene| {
            let places = places();
            let ssh = scene.machine.units.borrow()["ssh.service"];
            scene.card.text(&places.authorized_keys).is_none()
                && scene.card.text(&places.time_servers).is_none()
                && !ssh.runs
        },
    });
}

#[test]
fn a_file_in_utf_16_is_taken() {
    let scene = Scene::new();
    let text = format!("\u{FEFF}{}", TWO_USERS.replace('\n', "\r\n"));
    let bytes: Vec<u8> = text.encode_utf16().flat_map(u16::to_le_bytes).collect();
    scene.card.put(&file(), &bytes);
    let wide = |text: &str| text.encode_utf16().flat_map(u16::to_le_bytes).collect();
    survives(Case {
        scene,
        secrets: vec![wide("hunter2"), wide("sesame")],
        right: |scene| scene.admits("one", "hunter2-long") && scene.admits("two", "sesame"),
    });
}

#[test]
fn a_wireless_network_is_taken() {
    survives(Case {
        scene: Scene::with_file(
            "version = 1\n[wlan]\nssid = \"n\"\npassword = \"blue-Kettle-7\"\ncountry = \"JP\"\n\
             [[user]]\nusername = \"one\"\npassword = \"hunter2-long\"\n",
        ),
        // The device keeps the network's password, so what its own files lose may hold it.
        secrets: [b"hunter2".to_vec()].into(),
        right: |scene| {
            let places = places();
            let text = |path| scene.card.text(path).unwrap_or_default();
            let kept = text(&places.desired).contains("blue-Kettle-7");
            let shown = scene.card.text(&file()).unwrap_or_default() + &scene.report();
            kept && !shown.contains("Kettle") && scene.admits("one", "hunter2-long")
        },
    });
}

#[test]
fn a_login_is_made() {
    survives(Case {
        scene: Scene::with_file("version = 1\n"),
        secrets: Vec::new(),
        right: |scene| {
            scene
                .shown_password()
                .is_some_and(|password| scene.admits("mqtt", &password))
        },
    });
}

#[test]
fn a_used_login_is_taken_off_the_report() {
    let scene = Scene::with_file("version = 1\n");
    scene.boot().1.unwrap();
    let password = scene.shown_password().unwrap();
    scene.card.put(&places().first_login, b"");
    survives(Case {
        scene,
        secrets: vec![password.into_bytes()],
        right: |scene| {
            scene.shown_password().is_none()
                && scene.settings().is_some_and(|now| now.users.len() == 1)
        },
    });
}

#[test]
fn an_edited_file_keeps_one_password_and_changes_another() {
    let scene = Scene::with_file(TWO_USERS);
    scene.boot().1.unwrap();
    let kept = scene.card.text(&file()).unwrap();
    // As long as the password before, so that only the masked bytes differ.
    scene.edit(&kept.replacen(
        "password = 0             ",
        "password = \"letmein-long\"",
        1,
    ));
    survives(Case {
        scene,
        secrets: vec![b"letmein".to_vec()],
        right: |scene| scene.admits("one", "letmein-long") && scene.admits("two", "sesame"),
    });
}

#[test]
fn users_in_the_file_end_a_made_login() {
    let scene = Scene::with_file("version = 1\n");
    scene.boot().1.unwrap();
    let password = scene.shown_password().unwrap();
    scene.edit(TWO_USERS);
    survives(Case {
        scene,
        secrets: vec![
            b"hunter2".to_vec(),
            b"sesame".to_vec(),
            password.into_bytes(),
        ],
        right: |scene| scene.shown_password().is_none() && scene.admits("two", "sesame"),
    });
}

const TLS: &str = "version = 1\n[[user]]\nusername = \"one\"\npassword = \"hunter2-long\"\n\
                   [[listener]]\nport = 8883\ntls = true\n";

#[test]
fn the_devices_certificates_are_made() {
    survives(Case {
        scene: Scene::with_file(TLS),
        secrets: vec![b"hunter2".to_vec()],
        right: has_certificates,
    });
}

#[test]
fn the_servers_certificate_is_renewed() {
    let mut scene = Scene::with_file(TLS);
    scene.boot().1.unwrap();
    scene.now = provisioner::Moment(scene.now.0 + 300 * 86_400);
    survives(Case {
        scene,
        secrets: Vec::new(),
        right: |scene| has_certificates(scene) && !scene.report().contains("earlier"),
    });
}

#[test]
fn a_damaged_authority_is_replaced() {
    let scene = Scene::with_file(TLS);
    scene.boot().1.unwrap();
    scene.card.put(&places().authority, b"nonsense");
    survives(Case {
        scene,
        secrets: Vec::new(),
        right: |scene| has_certificates(scene) && scene.report().contains("an earlier ca.crt"),
    });
}

fn has_certificates(scene: &Scene) -> bool {
    let places = places();
    let text = |path| scene.card.text(path);
    let published = text(&places.authority_certificate);
    published.is_some()
        && published == text(&places.authority_on_card)
        && text(&places.server_certificate).is_some()
        && text(&places.revocations).is_some()
}

/// A certificate is never with another one's key, and no key can be read by others than root and the broker.
fn keys_are_safe(scene: &Scene) -> Result<(), String> {
    if let Some(server) = scene.card.text(&places().server_certificate) {
        let certificate = CertificateDer::from_pem_slice(server.as_bytes());
        let key = PrivateKeyDer::from_pem_slice(server.as_bytes());
        let (Ok(certificate), Ok(key)) = (certificate, key) else {
            return Err(format!("half a certificate: {server}"));
        };
        let key = rcgen::KeyPair::try_from(key.secret_der()).map_err(|error| error.to_string())?;
        let public = key.public_key_raw();
        let fits = certificate
            .windows(public.len())
            .any(|window| window == public);
        hold(fits, || "the certificate is of another key".to_owned())?;
    }
    let boot = places().boot;
    for name in scene.card.list(&boot).unwrap_or_default() {
        let text = scene.card.text(&boot.join(&name)).unwrap_or_default();
        hold(!text.contains("PRIVATE KEY"), || {
            format!("a key is in {name}")
        })?;
    }
    for mode in scene.card.modes_of_files_with(b"PRIVATE KEY") {
        hold(mode & 0o007 == 0, || format!("others read a key: {mode:o}"))?;
    }
    Ok(())
}

/// Cuts the power after each step, in each way, and starts again.
fn survives(mut case: Case) {
    let before = case.scene.card.clone();
    let users = case.scene.settings().map(|settings| settings.users.len());
    case.scene.card.cut_after(usize::MAX);
    case.scene.boot().1.unwrap();
    check(&case).unwrap();
    let steps = case.scene.card.steps();
    assert!(steps >= 8, "only {steps} steps were seen");
    let mut tally = Tally::new(&before, &case.secrets, steps);
    let mut tried = BTreeSet::new();
    for cut in 0..steps {
        case.scene.card = before.clone();
        case.scene.card.cut_after(cut);
        // A signature is one byte longer in every other run, and a shorter file takes two more steps.
        assert!(
            case.scene.boot().1.is_err() || case.scene.card.steps() <= cut,
            "a cut after {cut} steps was not noticed"
        );
        let left = case.scene.card.clone();
        for survivors in Survivors::ALL {
            let found = left.restarted(survivors);
            if tried.insert(found.durable()) {
                case.scene.card = found.clone();
                let context = format!("cut after {cut} of {steps} steps, left {survivors:?}");
                let whole = starts_again(&case, users);
                tally.see(&found, whole.map_err(|fault| format!("{context}: {fault}")));
            }
        }
    }
    assert!(
        tried.len() > steps / 2,
        "only {} different cuts",
        tried.len()
    );
    tally.settle();
}

/// What a cut left is safe, and the next start ends as it must.
fn starts_again(case: &Case, users_before: Option<usize>) -> Result<(), String> {
    never_open(&case.scene, users_before)?;
    keys_are_safe(&case.scene)?;
    hosts_are_whole(&case.scene)?;
    case.scene.boot().1.map_err(|error| error.to_string())?;
    check(case)
}

/// The daemon, started at this moment, would be locked or let in only users with a hash.
fn never_open(scene: &Scene, users_before: Option<usize>) -> Result<(), String> {
    if scene.card.text(&places().configuration).is_none() {
        return hold(users_before.is_none(), || {
            "the configuration vanished".to_owned()
        });
    }
    let settings = scene
        .settings()
        .ok_or("the configuration is half written")?;
    let hashed = |user: &broker_config::User| matches!(user.credential, Credential::Hash(_));
    hold(
        !settings.allow_anonymous
            && !settings.users.is_empty()
            && settings.users.iter().all(hashed),
        || "it is open to everybody".to_owned(),
    )
}

fn hosts_are_whole(scene: &Scene) -> Result<(), String> {
    let hosts = scene.card.text(&places().hosts).unwrap_or_default();
    let renamed = HOSTS.replace("raspberrypi", "plant-2");
    hold(hosts == HOSTS || hosts == renamed, || {
        format!("/etc/hosts is half written: {hosts:?}")
    })
}

fn check(case: &Case) -> Result<(), String> {
    let report = case.scene.report();
    keys_are_safe(&case.scene)?;
    hold((case.right)(&case.scene), || {
        format!("wrong in the end\n{report}")
    })?;
    hold(report.contains("\n  APPLIED\n"), || {
        format!("not applied\n{report}")
    })?;
    let holds = |secret: &Vec<u8>| case.scene.card.holds(Path::new("/boot"), secret);
    hold(!case.secrets.iter().any(holds), || {
        "a secret is left".to_owned()
    })
}

fn hold(condition: bool, fault: impl FnOnce() -> String) -> Result<(), String> {
    if condition { Ok(()) } else { Err(fault()) }
}

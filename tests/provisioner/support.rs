// SPDX-License-Identifier: Apache-2.0 OR MIT
//! The bundle for somebody who helps: when it is written, what stands in it, and that no secret does.

use std::io;
use std::path::Path;

use provisioner::Urgency;
use provisioner::system::{
    CallError, Daemon, Files, Journal, Of, Space, Storage, UnitView, UnitViews, Witnesses,
};

use crate::card::Survivors;
use crate::scene::{Scene, file, places};

const USER: &str = "version = 1\n[[user]]\nusername = \"sensors\"\npassword = \"hunter2-long\"\n";

#[test]
fn a_file_on_the_card_asks_for_it_once() {
    let scene = Scene::with_file(USER);
    scene.boot().1.unwrap();
    let helper = Helper::default();
    assert_eq!(run(&scene, &helper, false), (Vec::new(), true));
    assert_eq!(bundle(&scene), None);
    let request = places().boot.join("Support.TXT");
    scene.card.put(&request, b"");
    let (lines, went_well) = run(&scene, &helper, false);
    assert!(
        went_well && lines[0].1.contains("broker-support.txt is written"),
        "{lines:?}"
    );
    assert!(bundle(&scene).is_some());
    assert_eq!(scene.card.text(&request), None);
    scene.card.take_away(&places().support);
    run(&scene, &helper, false);
    assert_eq!(bundle(&scene), None);
    assert!(run(&scene, &helper, true).1, "the command needs no file");
    assert!(bundle(&scene).is_some());
}

#[test]
fn it_tells_what_somebody_who_helps_asks_first() {
    let scene = Scene::with_file(USER);
    scene.card.put(
        Path::new("/proc/device-tree/model"),
        b"Raspberry Pi 3 Model B Rev 1.2\0",
    );
    scene.card.put(
        Path::new("/etc/os-release"),
        b"PRETTY_NAME=\"Debian GNU/Linux 13 (trixie)\"\n",
    );
    scene.boot().1.unwrap();
    scene
        .card
        .put(&places().boot.join("broker.toml.txt"), b"version = 1\n");
    run(&scene, &Helper::default(), true);
    let text = bundle(&scene).unwrap();
    for expected in [
        "/proc/device-tree/model: Raspberry Pi 3 Model B Rev 1.2",
        "Debian GNU/Linux 13 (trixie)",
        concat!("broker-provision ", env!("CARGO_PKG_VERSION")),
        "  APPLIED",
        "nothing: the machine matches",
        "12  broker.toml.txt",
        "address 192.168.1.20",
        "broker.service: active (running), result success, started again 0 times, says: 1 client",
        "/boot/firmware: 3 MiB free of 512 MiB",
        "\"publish_received\": 7",
        "Under-voltage detected!",
        "a harmless line",
    ] {
        assert!(text.contains(expected), "{expected} is missing in\n{text}");
    }
    assert_eq!(text.matches('\n').count(), text.matches("\r\n").count());
}

#[test]
fn what_cannot_be_had_is_said_in_its_place() {
    let scene = Scene::new();
    scene.machine.is_silent.set(true);
    let silent = Helper {
        is_silent: true,
        ..Helper::default()
    };
    assert!(run(&scene, &silent, true).1);
    let text = bundle(&scene).unwrap();
    for expected in [
        "there is no /boot/firmware/broker-report.txt",
        "the broker does not answer",
        "broker.service: not to be had: no answer within 10 seconds",
        "LOG\r\n===\r\nnot to be had",
    ] {
        assert!(text.contains(expected), "{expected} is missing in\n{text}");
    }
}

#[test]
fn none_of_fifty_secrets_is_in_it() {
    let (document, mut secrets) = planted_document();
    secrets.extend(HASHES.map(str::to_owned));
    secrets.extend(KEY_LINES.map(str::to_owned));
    secrets.push("a2login8x4yq7mnpd9ek".to_owned());
    assert!(secrets.len() >= 50, "only {}", secrets.len());
    let wide: Vec<u8> = format!("\u{FEFF}{document}")
        .encode_utf16()
        .flat_map(u16::to_le_bytes)
        .collect();
    for bytes in [document.into_bytes(), wide] {
        let scene = Scene::new();
        scene.card.put(&file(), &bytes);
        plant_on_the_device(&scene);
        let baits = secrets
            .iter()
            .map(|secret| format!("somebody said {secret} aloud\n"));
        let helper = Helper {
            log: baits.chain(["a harmless line\n".to_owned()]).collect(),
            ..Helper::default()
        };
        assert!(run(&scene, &helper, true).1);
        let text = bundle(&scene).unwrap();
        let told: Vec<_> = secrets
            .iter()
            .filter(|secret| text.contains(secret.as_str()))
            .collect();
        assert!(told.is_empty(), "{told:?} in\n{text}");
        assert!(text.contains("a harmless line"));
    }
}

#[test]
fn it_is_never_longer_than_half_a_mebibyte_and_ends_with_the_newest_line() {
    let scene = Scene::with_file(&"x".repeat(1024 * 1024));
    scene.boot().1.unwrap();
    for number in 0..5000 {
        scene
            .card
            .put(&places().boot.join(format!("{number:0>200}")), b"");
    }
    let log = (0..200_000).map(|number| format!("\u{1b}[2J line {number} of many\n"));
    let helper = Helper {
        log: log.collect(),
        ..Helper::default()
    };
    assert!(run(&scene, &helper, true).1);
    let text = bundle(&scene).unwrap();
    assert!(text.len() <= 512 * 1024, "{}", text.len());
    assert!(text.ends_with("line 199999 of many\r\n"));
    assert!(text.contains("(more was left out here)\r\n"));
    assert!(!text.contains('\u{1b}'));
}

#[test]
fn a_card_that_cannot_be_written_is_told_and_nothing_is_left_on_it() {
    let scene = Scene::with_file(USER);
    scene.card.put(&places().boot.join("support"), b"");
    scene.card.make_read_only(&places().boot);
    let (lines, went_well) = run(&scene, &Helper::default(), false);
    assert!(!went_well && lines[0].0 == Urgency::Error);
    assert!(lines[0].1.contains("read-only"), "{lines:?}");
    assert_eq!(
        scene.card.list(&places().boot).unwrap(),
        ["broker.toml", "support"]
    );
}

#[test]
fn a_power_cut_leaves_the_whole_bundle_or_the_request() {
    let scene = Scene::with_file(USER);
    scene.boot().1.unwrap();
    let request = places().boot.join("support");
    scene.card.put(&request, b"");
    let before = scene.card.clone();
    scene.card.cut_after(usize::MAX);
    run(&scene, &Helper::default(), false);
    let steps = scene.card.steps();
    assert!(steps >= 6, "only {steps} steps");
    for cut in 0..steps {
        let mut scene = Scene::new();
        scene.card = before.clone();
        scene.card.cut_after(cut);
        run(&scene, &Helper::default(), false);
        for survivors in Survivors::ALL {
            let after = scene.card.restarted(survivors);
            let whole = after
                .text(&places().support)
                .map(|text| text.ends_with("a harmless line\r\n"));
            let context = format!("cut after {cut}, left {survivors:?}");
            assert_ne!(whole, Some(false), "{context}");
            assert!(
                whole == Some(true) || after.text(&request).is_some(),
                "{context}"
            );
        }
    }
}

/// A `broker.toml` with secrets in every way to write them, faults included, and the secrets.
fn planted_document() -> (String, Vec<String>) {
    let mut text = "version = 1\n".to_owned();
    let mut secrets = Vec::new();
    let ways: [fn(&str) -> String; 6] = [
        |secret| format!("[[user]]\nusername = \"u\"\npassword = \"{secret}\"\n"),
        |secret| format!("[[user]]\nusername = \"u\"\npassword = '{secret}' # mine\n"),
        |secret| format!("[[user]]\nusername = \"u\"\npassword = '''{secret}'''\n"),
        |secret| format!("user = [ {{ username = \"u\", password = \"{secret}\" }} ]\n"),
        |secret| format!("password={secret}\n"),
        |secret| format!("[wlan]\nssid = \"plant\"\npassword = \"{secret}\"\n"),
    ];
    for number in 0..30 {
        let secret = format!("planted-{number}-Secret");
        text.push_str(&ways[number % ways.len()](&secret));
        secrets.push(secret);
    }
    let psk = "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff";
    text.push_str(&format!("psk = \"{psk}\"\n"));
    secrets.push(psk.to_owned());
    (text, secrets)
}

/// Hashes, keys, a Wi-Fi password and a login, where the device keeps them.
fn plant_on_the_device(scene: &Scene) {
    let places = places();
    let [first, second, ..] = HASHES;
    let kept = format!(
        "{{\"users\": [{{\"password_hash\": \"{first}\"}}], \"wlan\": {{\"password\": \"kept-wifi-word\"}}}}"
    );
    scene.card.put(&places.desired, kept.as_bytes());
    let settings = format!("[[user]]\npassword_hash = \"{second}\"\n");
    scene.card.put(&places.configuration, settings.as_bytes());
    let key = format!(
        "-----BEGIN PRIVATE KEY-----\n{}\n-----END PRIVATE KEY-----\n",
        KEY_LINES.join("\n")
    );
    scene.card.put(&places.authority, key.as_bytes());
    scene.card.put(&places.server_certificate, key.as_bytes());
    let login = "{\"login\": {\"username\": \"mqtt\", \"password\": \"a2login8x4yq7mnpd9ek\"}}";
    scene.card.put(&places.report_json, login.as_bytes());
    let report = "LOGIN\r\n  user name  mqtt\r\n  password   a2login8x4yq7mnpd9ek\r\nTRY IT\r\n  -P a2login8x4yq7mnpd9ek\r\n";
    scene.card.put(&places.report_text, report.as_bytes());
}

const HASHES: [&str; 9] = [
    "$argon2id$v=19$m=19456,t=2,p=1$q9xcMDsPJjl8D1J9ukx8QA$CwVEocm5yjjbcKCAP3a1OQ4VlcXrlPvhnDsae6p0+U0",
    "$argon2id$v=19$m=8,t=1,p=1$c29tZXNhbHQ$h9Oq",
    "$7$101$c2FsdHNhbHQ$b2Jhcg",
    "$7$1000$YWJjZGVmZ2g$c2hvcnQ",
    "$6$c2FsdA$aGFzaGhhc2g",
    "$6$rounds=5000$salt$hashhash",
    "$2b$10$N9qo8uLOickgx2ZMRZoMye",
    "SCRAM-SHA-256$4096:c2FsdA==$c3RvcmVk:c2VydmVy",
    "kept-wifi-word",
];
const KEY_LINES: [&str; 10] = [
    "MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgevZzL1gdAFr88hb2",
    "OF/2NxApJCzGCEDdfSp6VQO30hyhRANCAAQRWz+jn65BtOMvdyHKcvjBeBSDZH2r",
    "1RTwjmYSi9R/zpBnuQ4EiMnCqfMPWiZqB4QdbAd0E7oH50VpuZ1P087G",
    "MC4CAQAwBQYDK2VwBCIEIGAOldLBDSBdgOAl0KDSB9yCfSgIxFpSXxm3FpXUq7L4",
    "MIIEvQIBADANBgkqhkiG9w0BAQEFAASCBKcwggSjAgEAAoIBAQC7VJTUt9Us8cKj",
    "MzEfYyjiWA4R4/M2bS1GB4t7NXp98C3SC6dVMvDuictGeurT8jNbvJZHtCSuYEvu",
    "NMoSfm76oqFvAp8Gy0iz5sxjZmSnXyCdPEovGhLa0VzMaQ8s+CLOyS56YyCFGeJZ",
    "qgtzJ6GR3eqoYSW9b9UMvkBpZODSctWSNGj3P7jRFDO5VoTwCQAWbFnOjDfH5Ulg",
    "p2PKSQnSJP3AJLQNFNe7br1XbrhV97abcdKSQnSJP3AJLQNFNe7br1XbrhV0eO+t",
    "b3BlbnNzaC1rZXktdjEAAAAABG5vbmUAAAAEbm9uZQAAAAAAAAABAAAAMwAAAAtz",
];

/// Everybody who can say something about the machine.
struct Helper {
    log: String,
    is_silent: bool,
}

impl Default for Helper {
    fn default() -> Self {
        Self {
            log: "a harmless line\n".to_owned(),
            is_silent: false,
        }
    }
}

impl Helper {
    fn answer<T>(&self, value: T) -> io::Result<T> {
        match self.is_silent {
            true => Err(io::ErrorKind::TimedOut.into()),
            false => Ok(value),
        }
    }
}

impl UnitViews for Helper {
    fn view(&self, unit: &str) -> Result<UnitView, CallError> {
        if self.is_silent {
            return Err(CallError::TimedOut);
        }
        let status = match unit {
            "broker.service" => "1 client on 1 listener, 3 msg/s",
            _ => "",
        };
        Ok(UnitView {
            active: "active".to_owned(),
            sub: "running".to_owned(),
            result: "success".to_owned(),
            status: status.to_owned(),
            restarts: 0,
        })
    }
}

impl Journal for Helper {
    fn last(&self, of: Of, _lines: usize) -> io::Result<String> {
        self.answer(match of {
            Of::Kernel => "Under-voltage detected!\n".to_owned(),
            Of::Units(_) => self.log.clone(),
        })
    }
}

impl Daemon for Helper {
    fn status(&self) -> io::Result<String> {
        self.answer("{\"v\":1,\"status\":{\"counters\":{\"publish_received\":7}}}\n".to_owned())
    }
}

impl Storage for Helper {
    fn space(&self, _folder: &Path) -> io::Result<Space> {
        self.answer(Space {
            total: 512 << 20,
            free: 3 << 20,
        })
    }
}

fn run(scene: &Scene, helper: &Helper, always: bool) -> (Vec<(Urgency, String)>, bool) {
    let witnesses = Witnesses {
        units: helper,
        journal: helper,
        daemon: helper,
        storage: helper,
    };
    provisioner::support(&scene.world(&scene.card), Some(&witnesses), always)
}

fn bundle(scene: &Scene) -> Option<String> {
    scene.card.text(&places().support)
}

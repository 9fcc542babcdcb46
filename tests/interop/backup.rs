// SPDX-License-Identifier: Apache-2.0 OR MIT
//! `broker backup` and `broker restore`: a device that is gone comes back as another one, and no archive can do harm.

mod refusals;

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use mqtt_proto::{Packet, QoS, Version};
use nix::sys::signal::Signal;
use tests::packets::subscribe;
use tests::tools::{outcome, program};
use tests::{Connection, Daemon};

use crate::persistence::{expect_publish, publish_all, resumed};

/// argon2id of the password that the tests' user has.
const HASH: &str = "$argon2id$v=19$m=19456,t=2,p=1$J0QF9JjuQBdgPjA32gLXOA$zMjrD3H1T+tVfwnMOvr0NNdeNn4d73RsmqBfHxxFxp4";
const KEY: &str =
    "-----BEGIN PRIVATE KEY-----\nplanted-key-of-the-server\n-----END PRIVATE KEY-----\n";
/// What none of the files without secrets may hold.
const SECRETS: [&str; 5] = [
    "argon2id",
    "planted-key",
    "planted-authority",
    "planted-desired",
    "planted-line",
];

/// Runs a command on a root folder; its exit status and what it said.
fn run(command: &str, root: &Path, file: &Path, more: &[&str]) -> (Option<i32>, String) {
    let mut broker = Command::new(program());
    broker
        .arg(command)
        .arg("--root")
        .arg(root)
        .arg(file)
        .args(more);
    let outcome = outcome(&mut broker);
    let said = [outcome.stdout, outcome.stderr].concat();
    (
        outcome.status.code(),
        String::from_utf8_lossy(&said).into_owned(),
    )
}

/// A device whose state folder is this one.
fn device(root: &Path, state: &Path, has_provisioner: bool) {
    for folder in ["etc/broker/tls", "var/lib", "boot/firmware"] {
        fs::create_dir_all(root.join(folder)).unwrap();
    }
    if has_provisioner {
        fs::create_dir_all(root.join("var/lib/broker-provision")).unwrap();
    }
    std::os::unix::fs::symlink(state, root.join("var/lib/broker")).unwrap();
}

/// The same with settings and secrets in every place.
fn filled(root: &Path, state: &Path, ports: (u16, u16)) {
    device(root, state, true);
    let text = |user: &str| {
        format!(
            "version = 1\n[[user]]\nusername = \"anna\"\n{user}\n\
             [[listener]]\nport = {}\nbind_address = \"127.0.0.1\"\n\
             [[listener]]\nport = {}\nbind_address = \"127.0.0.1\"\nprotocol = \"websockets\"\n",
            ports.0, ports.1
        )
    };
    let hashed = text(&format!("password_hash = \"{HASH}\""));
    let files = [
        ("etc/broker/broker.toml", hashed.as_str()),
        ("etc/broker/firewall-own.nft", "# mine\n"),
        ("etc/broker/tls/server.pem", KEY),
        ("etc/broker/tls/ca.crt", "public"),
        ("etc/broker/more-users", "bert:$7$planted-line\n"),
        ("var/lib/broker-provision/ca.key", "planted-authority"),
        (
            "var/lib/broker-provision/desired.json",
            "{\"version\": 1, \"planted-desired\": 1}",
        ),
        ("var/lib/broker-provision/stamp.json", "{}"),
        ("boot/firmware/BROKER.TOML", &text("password = 0")),
    ];
    for (name, contents) in files {
        fs::write(root.join(name), contents).unwrap();
    }
}

#[test]
fn another_device_goes_on_where_one_ended() {
    let mut first = Daemon::start();
    let (mut absent, _) = resumed(&first, Version::V5, "absent");
    absent.send(subscribe(1, "hall/#", QoS::ExactlyOnce));
    assert!(matches!(absent.receive(), Some(Packet::SubAck(_))));
    drop(absent);
    publish_all(&first, Version::V5);
    let kept = tempfile::tempdir().unwrap();
    let (whole, plain) = (kept.path().join("whole.tar"), kept.path().join("plain.tar"));
    let root = kept.path().join("first");
    let ports = (first.port, first.websocket_port);
    filled(&root, &first.path(""), ports);
    let (status, said) = run("backup", &root, &whole, &["--with-secrets"]);
    assert!(
        status == Some(1) && said.contains("stop it first") && !whole.exists(),
        "{said}"
    );
    first.restart_after(Signal::SIGTERM, |_| {
        let (status, said) = run("backup", &root, &whole, &["--with-secrets"]);
        assert!(
            status == Some(0) && said.contains("keep it as you keep a key"),
            "{said}"
        );
        let (status, said) = run("backup", &root, &plain, &[]);
        assert!(
            status == Some(0) && said.contains("are not in it"),
            "{said}"
        );
    });
    drop(first);
    for file in [&whole, &plain] {
        assert_eq!(
            fs::metadata(file).unwrap().permissions().mode() & 0o777,
            0o600
        );
    }
    let holds = |file: &Path, secret: &str| {
        String::from_utf8_lossy(&fs::read(file).unwrap()).contains(secret)
    };
    for secret in SECRETS {
        assert!(holds(&whole, secret) && !holds(&plain, secret), "{secret}");
    }

    let mut second = Daemon::start();
    let root = kept.path().join("second");
    device(&root, &second.path(""), true);
    let (status, said) = run("restore", &root, &whole, &[]);
    assert!(
        status == Some(1) && said.contains("stop it first"),
        "{said}"
    );
    second.restart_after(Signal::SIGTERM, |folder| {
        let (status, said) = run("restore", &root, &whole, &[]);
        assert!(
            status == Some(0) && said.contains("restart the device"),
            "{said}"
        );
        fs::copy(
            root.join("etc/broker/broker.toml"),
            folder.join("broker.toml"),
        )
        .unwrap();
        for (name, mode) in [
            ("etc/broker/tls/server.pem", 0o640),
            ("var/lib/broker-provision/ca.key", 0o600),
        ] {
            assert_eq!(
                fs::metadata(root.join(name)).unwrap().permissions().mode() & 0o777,
                mode
            );
        }
        assert!(
            fs::read_to_string(root.join("boot/firmware/broker.toml"))
                .unwrap()
                .contains("password = 0")
        );
    });
    (second.port, second.websocket_port) = ports;
    goes_on(&second);
}

/// The login of before, its session with the messages that waited, and what was retained.
fn goes_on(second: &Daemon) {
    let (mut client, present) = resumed(second, Version::V5, "absent");
    assert!(present);
    let mut both = [expect_publish(&mut client), expect_publish(&mut client)];
    both.sort_by_key(|publish| publish.qos);
    assert_eq!(
        both.each_ref().map(|publish| &publish.payload[..]),
        [b"one", b"two"]
    );
    let mut other = Connection::client(second.port, Version::V5, "other");
    other.send(subscribe(1, "state/#", QoS::AtMostOnce));
    assert!(matches!(other.receive(), Some(Packet::SubAck(_))));
    assert_eq!(&expect_publish(&mut other).payload[..], b"open");
}

#[test]
fn without_secrets_the_settings_wait_for_passwords_and_nothing_else_is_touched() {
    let kept = tempfile::tempdir().unwrap();
    let (first, second) = (kept.path().join("first"), kept.path().join("second"));
    let (state, file) = (kept.path().join("state"), kept.path().join("file.tar"));
    fs::create_dir(&state).unwrap();
    filled(&first, &state, (1883, 8083));
    let (status, said) = run("backup", &first, &file, &[]);
    assert!(
        status == Some(0) && said.contains("there is no store"),
        "{said}"
    );
    filled(&second, &state, (1884, 8084));
    fs::write(second.join("etc/broker/tls/ca.crt"), "of the second").unwrap();
    let (status, said) = run("restore", &second, &file, &[]);
    assert!(
        status == Some(0) && said.contains("are to be written into broker.toml"),
        "{said}"
    );
    let text = |name: &str| fs::read_to_string(second.join(name)).unwrap();
    assert!(text("boot/firmware/broker.toml").contains("port = 1883"));
    assert!(
        text("etc/broker/broker.toml").contains("port = 1884"),
        "it is the provisioner's business"
    );
    assert!(text("etc/broker/tls/server.pem").contains("planted-key"));
    assert!(!second.join("var/lib/broker-provision/stamp.json").exists());
    assert!(!state.join("restore-unfinished").exists());
}

/// A folder with a filled device in it, and the name of its backup, which is not there yet.
fn kept_device() -> (tempfile::TempDir, PathBuf, PathBuf) {
    let kept = tempfile::tempdir().unwrap();
    let (root, state) = (kept.path().join("root"), kept.path().join("state"));
    fs::create_dir(&state).unwrap();
    filled(&root, &state, (1883, 8083));
    let file = kept.path().join("file.tar");
    (kept, root, file)
}

#[test]
fn a_place_that_cannot_be_written_gives_the_others_back() {
    let (kept, root, file) = kept_device();
    assert_eq!(run("backup", &root, &file, &["--with-secrets"]).0, Some(0));
    for name in [
        "etc/broker/more-users",
        "etc/broker/firewall-own.nft",
        "boot/firmware/BROKER.TOML",
    ] {
        fs::write(root.join(name), "changed since").unwrap();
    }
    // A folder has the name of the last file that is put in its place.
    let last = root.join("var/lib/broker-provision/desired.json");
    fs::remove_file(&last).unwrap();
    fs::create_dir_all(last.join("inside")).unwrap();
    let before = tree(kept.path(), &file);
    let (status, said) = run("restore", &root, &file, &[]);
    assert!(
        status == Some(1) && said.contains("nothing was changed"),
        "{said}"
    );
    let after = tree(kept.path(), &file);
    assert_eq!(after, before);
}

/// Every file below a folder with its contents, but this one and the lock of a run.
fn tree(folder: &Path, but: &Path) -> Vec<(PathBuf, Vec<u8>)> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(tree(&path, but));
        } else if path != but && !path.ends_with("broker-provision/lock") {
            let contents = fs::read(&path).unwrap();
            found.push((path, contents));
        }
    }
    found.sort();
    found
}

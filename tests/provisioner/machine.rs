// SPDX-License-Identifier: Apache-2.0 OR MIT
//! The machine's own part: its line of /etc/hosts, the servers of its time, and who logs in over SSH.

use provisioner::system::UnitState;

use crate::scene::{HOSTS, Scene, places};

const NAMED: &str =
    "version = 1\n[system]\nhostname = \"plant-2\"\n[broker]\nallow_anonymous = true\n";
const PLAIN: &str = "version = 1\n[broker]\nallow_anonymous = true\n";
const KEY: &str =
    "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIB+XqylKywY4P6kvF1qaNqLSnyUsBENKBRgq47iG3Pbk me@laptop";
const FINGERPRINT: &str = "SHA256:qg6MBQOEwPhz5OcpGHT+AJkEuM3xA8jf2Rcc86p6p+Q";

fn with_key() -> String {
    format!("{PLAIN}[ssh]\nauthorized_keys = [\"{KEY}\"]\n")
}

fn with_servers(servers: &str) -> String {
    format!("{PLAIN}[time]\nntp_servers = [{servers}]\n")
}

#[test]
fn the_machine_knows_itself_by_its_name() {
    let scene = Scene::with_file(NAMED);
    let renamed = HOSTS.replace("raspberrypi", "plant-2");
    for before in [HOSTS, "127.0.0.1\tlocalhost\n", ""] {
        scene.card.put(&places().hosts, before.as_bytes());
        scene.boot().1.unwrap();
        let now = scene.card.text(&places().hosts).unwrap();
        match before {
            HOSTS => assert_eq!(now, renamed),
            _ => assert_eq!(now, format!("{before}127.0.1.1\tplant-2\n")),
        }
    }
    scene.card.take_away(&places().hosts);
    scene.boot().1.unwrap();
    let now = scene.card.text(&places().hosts);
    assert_eq!(now.as_deref(), Some("127.0.1.1\tplant-2\n"));
}

#[test]
fn avahi_asks_for_a_new_name_once_and_is_not_missed() {
    let done = |scene: &Scene| {
        scene.boot().1.unwrap();
        scene.machine.done_to_units.take()
    };
    let scene = Scene::with_file(NAMED);
    assert!(done(&scene).is_empty(), "avahi is not installed");
    scene.machine.host_name.replace("raspberrypi".to_owned());
    let avahi = UnitState {
        is_installed: true,
        ..UnitState::default()
    };
    let mut units = scene.machine.units.borrow_mut();
    units.insert("avahi-daemon.service".to_owned(), avahi);
    drop(units);
    assert_eq!(done(&scene), ["try-restart avahi-daemon.service"]);
    assert!(done(&scene).is_empty());
}

#[test]
fn the_machines_own_line_waits_for_its_name_and_leaves_a_file_alone_that_is_none() {
    let scene = Scene::with_file(NAMED);
    scene.machine.is_silent.set(true);
    scene.boot().1.unwrap();
    assert_eq!(scene.card.text(&places().hosts).as_deref(), Some(HOSTS));
    scene.machine.is_silent.set(false);
    let long = HOSTS.repeat(20_000);
    scene.card.put(&places().hosts, long.as_bytes());
    scene.boot().1.unwrap();
    assert_eq!(scene.card.text(&places().hosts), Some(long));
    let report = scene.report();
    assert!(report.contains("longer than 1 MiB"), "{report}");
}

#[test]
fn the_clock_follows_the_servers_of_the_file_and_then_the_systems_own() {
    let scene = Scene::with_file(&with_servers("\"ntp.nict.jp\", \"192.168.1.1\""));
    scene.machine.ignores_time_servers.set(true);
    scene.boot().1.unwrap();
    let setting = || scene.card.text(&places().time_servers);
    let now = setting().unwrap();
    assert!(
        now.ends_with("\n[Time]\nNTP=\nNTP=ntp.nict.jp 192.168.1.1\n"),
        "{now}"
    );
    assert!(!scene.machine.ignores_time_servers.get());
    let restarts = || scene.machine.done_to_units.take();
    assert_eq!(restarts(), ["try-restart systemd-timesyncd.service"]);
    scene.boot().1.unwrap();
    assert!(restarts().is_empty());
    scene.edit(PLAIN);
    scene.boot().1.unwrap();
    assert_eq!(setting(), None);
    assert_eq!(restarts(), ["try-restart systemd-timesyncd.service"]);
    scene.machine.ignores_time_servers.set(true);
    scene.boot().1.unwrap();
    assert!(scene.machine.ignores_time_servers.get());
}

#[test]
fn a_key_opens_ssh_and_its_port_and_without_one_both_are_closed() {
    let scene = Scene::with_file(&with_key());
    scene.boot().1.unwrap();
    let keys = || scene.card.text(&places().authorized_keys);
    let port = || {
        scene
            .card
            .text(&places().firewall)
            .unwrap()
            .contains(" 22, 1883 ")
    };
    let done = || scene.machine.done_to_units.take();
    assert!(keys().unwrap().ends_with(&format!("\n{KEY}\n")));
    assert!(port());
    assert_eq!(done(), ["enable ssh.service", "start ssh.service"]);
    let report = scene.report();
    assert!(
        report.contains("  ssh root@raspberrypi.local\n"),
        "{report}"
    );
    assert!(
        report.contains(&format!("ssh-ed25519 {FINGERPRINT} me@laptop")),
        "{report}"
    );
    assert!(
        report.contains("TCP ports open in the firewall: 22, 1883."),
        "{report}"
    );
    for _ in 0..10 {
        scene.boot().1.unwrap();
        assert!(done().is_empty());
    }
    scene.edit(PLAIN);
    scene.boot().1.unwrap();
    assert_eq!(keys(), None);
    assert!(!port());
    assert_eq!(done(), ["stop ssh.service", "disable ssh.service"]);
    assert!(!scene.report().contains("ssh root@"));
}

#[test]
fn no_key_is_taken_where_sshd_might_take_passwords_or_is_not_there() {
    let scene = Scene::with_file(&with_key());
    scene.card.take_away(&places().sshd_settings);
    scene.boot().1.unwrap();
    assert_eq!(scene.card.text(&places().authorized_keys), None);
    assert!(scene.machine.done_to_units.take().is_empty());
    let report = scene.report();
    assert!(
        report.contains("install the package mqtt-broker-appliance"),
        "{report}"
    );
    assert!(
        report.contains("not tried, because an earlier step failed"),
        "{report}"
    );

    let scene = Scene::with_file(&with_key());
    scene.machine.units.borrow_mut().clear();
    scene.boot().1.unwrap();
    assert!(scene.machine.done_to_units.take().is_empty());
    let report = scene.report();
    assert!(
        report.contains("install the package openssh-server"),
        "{report}"
    );
    assert!(report.contains("\n  PARTLY\n"), "{report}");
}

#[test]
fn ssh_that_somebody_else_started_is_stopped_on_an_appliance_and_left_alone_elsewhere() {
    for (is_appliance, expected) in [
        (true, vec!["stop ssh.service", "disable ssh.service"]),
        (false, vec![]),
    ] {
        let scene = Scene::with_file(PLAIN);
        if !is_appliance {
            scene.card.take_away(&places().sshd_settings);
        }
        scene
            .machine
            .units
            .borrow_mut()
            .get_mut("ssh.service")
            .unwrap()
            .runs = true;
        scene.boot().1.unwrap();
        assert_eq!(scene.machine.done_to_units.take(), expected);
    }
}

#[test]
fn a_silent_machine_loses_the_keys_at_once_and_sshd_when_it_answers() {
    let scene = Scene::with_file(&with_key());
    scene.boot().1.unwrap();
    scene.machine.done_to_units.take();
    scene.edit(PLAIN);
    scene.machine.is_silent.set(true);
    scene.boot().1.unwrap();
    assert_eq!(scene.card.text(&places().authorized_keys), None);
    scene.machine.is_silent.set(false);
    scene.boot().1.unwrap();
    assert_eq!(
        scene.machine.done_to_units.take(),
        ["stop ssh.service", "disable ssh.service"]
    );
}

#[test]
fn the_machines_own_key_is_told_once_it_is_made() {
    let scene = Scene::with_file(&with_key());
    scene.boot().1.unwrap();
    assert!(!scene.report().contains("The first time"));
    scene
        .card
        .put(&places().host_key, format!("{KEY}\n").as_bytes());
    scene.boot().1.unwrap();
    let report = scene.report();
    assert!(
        report.contains(&format!(
            "It is, if it shows\n    ssh-ed25519 {FINGERPRINT}\n"
        )),
        "{report}"
    );
}

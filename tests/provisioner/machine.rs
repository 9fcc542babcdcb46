// SPDX-License-Identifier: Apache-2.0 OR MIT
//! The machine's own part: its line of /etc/hosts and the servers of its time.

use crate::scene::{HOSTS, Scene, places};

const NAMED: &str =
    "version = 1\n[system]\nhostname = \"plant-2\"\n[broker]\nallow_anonymous = true\n";
const PLAIN: &str = "version = 1\n[broker]\nallow_anonymous = true\n";

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

// SPDX-License-Identifier: Apache-2.0 OR MIT
//! What a screen shows above the login prompt after a start.

use provisioner::system::Listening;

use crate::scene::{Scene, places};

const USER: &str = "version = 1\n[[user]]\nusername = \"sensors\"\npassword = \"hunter2-long\"\n\
                    [[listener]]\nport = 1884\n[[listener]]\nport = 8083\nprotocol = \"websockets\"\n";

#[test]
fn it_tells_in_short_what_counts_and_where_clients_connect() {
    let scene = Scene::with_file(USER);
    scene.boot().1.unwrap();
    assert_eq!(
        screen(&scene),
        "MQTT broker: APPLIED\n\
         The settings of broker.toml are in force.\n\
         1 password was taken from broker.toml and overwritten there: `0` means \"kept on the device\".\n\
         \x20 mqtt://raspberrypi.local:1884\n\
         \x20 mqtt://192.168.1.20:1884\n\
         \x20 ws://raspberrypi.local:8083\n\
         \x20 ws://192.168.1.20:8083\n\
         Written 2027-01-15 08:00:00 UTC.\n\n"
    );
}

#[test]
fn it_follows_each_edit_of_the_card() {
    let scene = Scene::with_file(USER);
    scene.boot().1.unwrap();
    scene.edit(&USER.replace("port = 1884", "prot = 1884"));
    scene.boot().1.unwrap();
    let text = screen(&scene);
    assert!(text.starts_with("MQTT broker: REFUSED\n"), "{text}");
    assert!(text.contains("  line 6, column 1"), "{text}");
    assert!(text.contains("works on with the last settings"), "{text}");
    scene.edit(USER);
    scene.boot().1.unwrap();
    assert!(screen(&scene).starts_with("MQTT broker: APPLIED\n"));
}

#[test]
fn it_stays_short_whatever_is_wrong_and_commands_nothing() {
    let mut scene = Scene::new();
    for port in 2000..2040 {
        let address = "0.0.0.0".parse().unwrap();
        let taken = Listening {
            address,
            port,
            user: 0,
        };
        scene.network.listening.push(taken);
    }
    let many: String = (2000..2040)
        .map(|port| format!("[[listener]]\nport = {port}\n"))
        .collect();
    let open = "version = 1\n[broker]\nallow_anonymous = true\n";
    let wrong: String = (0..300)
        .map(|n| format!("\"\\u001B[2J\\\\4{}{n}\" = 1\n", "x".repeat(200)))
        .collect();
    for text in [format!("{open}{many}"), format!("{open}{wrong}")] {
        scene.edit(&text);
        scene.boot().1.unwrap();
        let text = screen(&scene);
        assert!(text.lines().count() <= 22, "{text}");
        assert!(text.contains("see broker-report.txt"), "{text}");
        assert!(text.lines().all(|line| line.len() < 330), "{text}");
        let is_safe = |c: char| c == '\n' || !c.is_control();
        assert!(text.chars().all(is_safe), "{text:?}");
        let unescaped = text.replace(r"\\", "");
        assert!(!unescaped.contains('\\'), "{text}");
    }
}

#[test]
fn a_factory_reset_that_was_asked_for_in_vain_is_told() {
    let scene = Scene::with_file(USER);
    scene.boot().1.unwrap();
    let request = places().boot.join("factory-reset.txt");
    scene.card.put(&request, b"another name");
    scene.boot().1.unwrap();
    let text = screen(&scene);
    assert!(
        text.contains("factory-reset.txt asks for a factory reset"),
        "{text}"
    );
    assert!(text.contains("Nothing was erased."), "{text}");
}

#[test]
fn a_made_login_is_not_shown_to_everybody_who_passes_by() {
    let scene = Scene::with_file("version = 1\n");
    scene.boot().1.unwrap();
    let password = scene.shown_password().unwrap();
    let text = screen(&scene);
    assert!(!text.contains(&password), "{text}");
    assert!(text.contains("stand in broker-report.txt"), "{text}");
}

#[test]
fn it_says_so_where_the_card_could_not_be_written() {
    let scene = Scene::with_file("version = 1\n[broker]\nallow_anonymous = true\n");
    scene.card.make_read_only(&places().boot);
    assert!(scene.boot().1.is_err());
    let text = screen(&scene);
    assert!(
        text.contains("could not be written onto the boot"),
        "{text}"
    );
}

fn screen(scene: &Scene) -> String {
    scene.machine.screen.borrow().clone()
}

// SPDX-License-Identifier: Apache-2.0 OR MIT
//! `mosquitto_pub` and `mosquitto_sub` while the daemon refuses, reloads and stops; the matrix has what they send.

use std::process::Command;
use std::sync::atomic::{AtomicUsize, Ordering};

use tests::tools::{Running, need, outcome, run};
use tests::{Daemon, PASSWORD, USER};

/// One of the two programs as the user whom the daemon knows.
fn tool(name: &str, daemon: &Daemon, arguments: &[&str]) -> Command {
    need(
        "trying the broker with Mosquitto's clients",
        &["mosquitto_pub=mosquitto-clients"],
    );
    let mut command = Command::new(name);
    command.args([
        "-h",
        "127.0.0.1",
        "-p",
        &daemon.port.to_string(),
        "-u",
        USER,
        "-P",
        PASSWORD,
    ]);
    command.args(arguments);
    command
}

/// A subscriber that ends after `count` messages; it is returned when its subscription stands.
#[track_caller]
fn subscriber(daemon: &Daemon, count: usize, arguments: &[&str]) -> Running {
    static NUMBER: AtomicUsize = AtomicUsize::new(0);
    let name = format!("reader {}", NUMBER.fetch_add(1, Ordering::Relaxed));
    let mut command = tool("mosquitto_sub", daemon, arguments);
    command.args(["-i", &name, "-W", "60", "-C", &count.to_string()]);
    let running = Running::start(&mut command);
    daemon.wait_for_subscriber(&name);
    running
}

#[test]
fn a_wrong_password_is_refused_with_a_reason_on_both_sides() {
    let daemon = Daemon::start();
    for (version, told) in [("mqttv311", "not authorised"), ("mqttv5", "Not authorized")] {
        let refused = outcome(&mut tool(
            "mosquitto_pub",
            &daemon,
            &["-V", version, "-P", "wrong", "-t", "x", "-m", "y"],
        ));
        assert!(!refused.status.success());
        let errors = String::from_utf8_lossy(&refused.stderr).into_owned();
        assert!(errors.contains(told), "{errors}");
        let line = daemon.expect_line("not authorised");
        assert!(
            line.contains("wrong password") && line.contains("127.0.0.1"),
            "{line}"
        );
    }
}

#[test]
fn a_reload_knows_a_new_user_and_keeps_connections() {
    let daemon = Daemon::start();
    let receiver = subscriber(&daemon, 1, &["-t", "x"]);
    let as_bert = ["-u", "bert", "-P", "other", "-t", "x", "-m", "hello"];
    assert!(
        !outcome(&mut tool("mosquitto_pub", &daemon, &as_bert))
            .status
            .success()
    );
    daemon.configure("[[user]]\nusername = \"bert\"\npassword = \"other\"\n");
    let answer = daemon.ask("reload");
    assert_eq!(answer["reload"]["accepted"], true, "{answer}");
    run(&mut tool("mosquitto_pub", &daemon, &as_bert));
    assert_eq!(receiver.printed("mosquitto_sub"), "hello\n");
}

#[test]
fn a_stop_says_good_bye() {
    let daemon = Daemon::start();
    let receiver = subscriber(&daemon, 1, &["-V", "mqttv5", "-t", "x"]);
    assert!(daemon.stop().success());
    drop(receiver);
}

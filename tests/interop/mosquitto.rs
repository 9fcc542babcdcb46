// SPDX-License-Identifier: Apache-2.0 OR MIT
//! `mosquitto_pub` and `mosquitto_sub` in every version and quality of service.

use std::process::Command;
use std::sync::atomic::{AtomicUsize, Ordering};

use tests::tools::{Running, need, outcome, run};
use tests::{Daemon, PASSWORD, USER};

const VERSIONS: [&str; 3] = ["mqttv31", "mqttv311", "mqttv5"];

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
fn messages_travel_in_every_version_and_quality() {
    let daemon = Daemon::start();
    for version in VERSIONS {
        for qos in ["0", "1", "2"] {
            let receiver = subscriber(
                &daemon,
                2,
                &["-V", version, "-q", qos, "-t", "hall/+", "-v"],
            );
            for payload in ["open", "shut"] {
                run(&mut tool(
                    "mosquitto_pub",
                    &daemon,
                    &["-V", version, "-q", qos, "-t", "hall/door", "-m", payload],
                ));
            }
            assert_eq!(
                receiver.printed("mosquitto_sub"),
                "hall/door open\nhall/door shut\n",
                "{version}, QoS {qos}"
            );
        }
    }
}

#[test]
fn a_retained_message_waits_for_its_reader() {
    let daemon = Daemon::start();
    for version in VERSIONS {
        run(&mut tool(
            "mosquitto_pub",
            &daemon,
            &["-V", version, "-r", "-q", "1", "-t", "state", "-m", version],
        ));
        let read = run(&mut tool(
            "mosquitto_sub",
            &daemon,
            &["-V", version, "-C", "1", "-F", "%r %p", "-t", "state"],
        ));
        assert_eq!(read, format!("1 {version}\n"));
    }
}

#[test]
fn a_session_keeps_messages_while_its_client_is_away() {
    let daemon = Daemon::start();
    for version in VERSIONS {
        let session = ["-V", version, "-i", version, "-c", "-q", "2", "-t", version];
        let expiry: &[&str] = if version == "mqttv5" {
            &["-x", "600"]
        } else {
            &[]
        };
        run(tool("mosquitto_sub", &daemon, &session)
            .args(expiry)
            .arg("-E"));
        for payload in ["1", "2"] {
            run(&mut tool(
                "mosquitto_pub",
                &daemon,
                &["-q", "2", "-t", version, "-m", payload],
            ));
        }
        let read = run(tool("mosquitto_sub", &daemon, &session)
            .args(expiry)
            .args(["-C", "2", "-W", "60"]));
        assert_eq!(read, "1\n2\n", "{version}");
    }
}

#[test]
fn a_killed_client_leaves_its_will() {
    let daemon = Daemon::start();
    for version in VERSIONS {
        let watcher = subscriber(&daemon, 1, &["-t", "gone/#", "-v"]);
        let topic = format!("gone/{version}");
        let doomed = [
            "-V",
            version,
            "-t",
            "x",
            "--will-topic",
            &topic,
            "--will-payload",
            "lost",
            "--will-qos",
            "1",
        ];
        subscriber(&daemon, 1, &doomed).kill();
        assert_eq!(watcher.printed("mosquitto_sub"), format!("{topic} lost\n"));
    }
}

#[test]
fn a_large_message_arrives_whole() {
    let daemon = Daemon::start();
    let file = daemon.path("large");
    std::fs::write(&file, "0123456789".repeat(300_000)).expect("a file can be written");
    let receiver = subscriber(&daemon, 1, &["-t", "large", "-q", "1", "-N"]);
    run(tool("mosquitto_pub", &daemon, &["-t", "large", "-q", "1", "-f"]).arg(&file));
    assert_eq!(receiver.printed("mosquitto_sub").len(), 3_000_000);
}

#[test]
fn properties_of_version_5_travel_with_the_message() {
    let daemon = Daemon::start();
    let format = "%C %R %D %P %p";
    let receiver = subscriber(&daemon, 1, &["-V", "mqttv5", "-t", "request", "-F", format]);
    let properties = [
        "content-type text/plain",
        "response-topic answer",
        "correlation-data 42",
        "user-property k v",
    ];
    let mut sender = tool(
        "mosquitto_pub",
        &daemon,
        &["-V", "mqttv5", "-t", "request", "-m", "x"],
    );
    for property in properties {
        sender.args(["-D", "publish"]).args(property.split(' '));
    }
    run(&mut sender);
    assert_eq!(
        receiver.printed("mosquitto_sub"),
        "text/plain answer 42 k:v x\n"
    );
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

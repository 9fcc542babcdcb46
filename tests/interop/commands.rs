// SPDX-License-Identifier: Apache-2.0 OR MIT
//! The broker's own commands against the running daemon, as a person at a terminal uses them.

use std::io::Write;
use std::process::{Command, Output, Stdio};

use tests::tools::{Running, outcome, program, run};
use tests::{Daemon, PASSWORD, USER};

fn broker(arguments: &[&str]) -> Command {
    let mut command = Command::new(program());
    command.args(arguments);
    command
}

fn text(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr)
}

#[test]
fn pub_and_sub_make_a_round_trip_over_tcp_and_websocket() {
    let daemon = Daemon::start();
    let ports = [(daemon.port, None), (daemon.websocket_port, Some("--ws"))];
    for (port, websocket) in ports {
        let port = port.to_string();
        let login = ["-h", "127.0.0.1", "-p", &port, "-u", USER, "-P", PASSWORD];
        run(
            broker(&["pub", "-r", "-q", "2", "-t", "hall/door", "-m", "open"])
                .args(login)
                .args(websocket),
        );
        let printed = run(broker(&["sub", "-v", "-C", "1", "-q", "2", "-t", "hall/#"])
            .args(login)
            .args(websocket));
        assert_eq!(printed, "hall/door open\n");
    }
}

#[test]
fn a_refusal_is_told_in_words_and_by_the_exit_status() {
    let daemon = Daemon::start();
    let port = daemon.port.to_string();
    let mut wrong = broker(&[
        "pub",
        "-h",
        "127.0.0.1",
        "-p",
        &port,
        "-u",
        USER,
        "-P",
        "wrong",
        "-t",
        "x",
        "-m",
        "y",
    ]);
    let refused = outcome(&mut wrong);
    assert_eq!(refused.status.code(), Some(3), "{}", text(&refused));
    assert!(
        text(&refused).contains("not authorized"),
        "{}",
        text(&refused)
    );
    drop(daemon);
    let nobody = outcome(&mut broker(&[
        "pub",
        "-h",
        "127.0.0.1",
        "-p",
        &port,
        "-t",
        "x",
        "-m",
        "y",
    ]));
    assert_eq!(nobody.status.code(), Some(1), "{}", text(&nobody));
}

#[test]
fn status_names_listeners_and_clients() {
    let daemon = Daemon::start();
    let control = daemon.path("control").display().to_string();
    let port = daemon.port.to_string();
    let login = ["-h", "127.0.0.1", "-p", &port, "-u", USER, "-P", PASSWORD];
    let _subscriber = Running::start(broker(&["sub", "-i", "visitor", "-t", "x"]).args(login));
    daemon.expect_line("as visitor");
    let printed = run(&mut broker(&["status", "--control", &control]));
    for part in [&format!("127.0.0.1:{port}"), "LISTEN", "visitor", USER] {
        assert!(printed.contains(part), "{part} is missing: {printed}");
    }
}

#[test]
fn check_says_what_is_wrong_by_text_and_exit_status() {
    let folder = tempfile::tempdir().expect("a temporary folder can be made");
    let file = folder.path().join("broker.toml");
    let check = |text: &str| {
        std::fs::write(&file, text).expect("a file can be written");
        outcome(broker(&["check"]).arg(&file))
    };
    assert_eq!(check("version = 1\n").status.code(), Some(0));
    let faulty = check("version = 1\n[[listener]]\nprot = 1883\n");
    assert_eq!(faulty.status.code(), Some(1));
    assert!(text(&faulty).contains("port"), "{}", text(&faulty));
    let missing = outcome(&mut broker(&["check", "/nowhere/broker.toml"]));
    assert_eq!(missing.status.code(), Some(2));
}

#[test]
fn a_hash_from_passwd_lets_its_user_in() {
    let daemon = Daemon::start();
    let mut child = broker(&["passwd", "bert"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("the broker can be started");
    child
        .stdin
        .take()
        .expect("it has a standard input")
        .write_all(b"other\n")
        .expect("it reads");
    let table = child.wait_with_output().expect("it ends").stdout;
    let table = String::from_utf8(table).expect("a table is text");
    assert!(
        table.contains("[[user]]") && !table.contains("other"),
        "{table}"
    );
    daemon.configure(&table);
    let control = daemon.path("control").display().to_string();
    run(&mut broker(&["reload", "--control", &control]));
    let port = daemon.port.to_string();
    run(&mut broker(&[
        "pub",
        "-h",
        "127.0.0.1",
        "-p",
        &port,
        "-u",
        "bert",
        "-P",
        "other",
        "-t",
        "x",
        "-m",
        "y",
    ]));
}

#[test]
fn a_faulty_file_is_refused_at_reload_and_changes_nothing() {
    let daemon = Daemon::start();
    daemon.configure("[[listener]]\nport = 99999\n");
    let control = daemon.path("control").display().to_string();
    let refused = outcome(&mut broker(&["reload", "--control", &control]));
    assert_eq!(refused.status.code(), Some(1));
    assert!(
        text(&refused).contains("99999") || text(&refused).contains("port"),
        "{}",
        text(&refused)
    );
    let port = daemon.port.to_string();
    run(&mut broker(&[
        "pub",
        "-h",
        "127.0.0.1",
        "-p",
        &port,
        "-u",
        USER,
        "-P",
        PASSWORD,
        "-t",
        "x",
        "-m",
        "y",
    ]));
    assert_eq!(daemon.listeners().len(), 2);
}

#[test]
fn cert_hands_over_to_the_provisioner() {
    let folder = tempfile::tempdir().expect("a folder for a device");
    let root = folder
        .path()
        .to_str()
        .expect("a temporary folder has a plain name");
    let cert = |arguments: &[&str]| broker(&[&["cert"], arguments].concat());
    let made = run(&mut cert(&[
        "client", "pump", "--out", root, "--root", root,
    ]));
    assert!(made.contains("auth = \"certificate\""), "{made}");
    let listed = run(&mut cert(&["list", "--root", root]));
    assert!(listed.ends_with("  valid  pump\n"), "{listed}");
    run(&mut cert(&["revoke", "pump", "--root", root]));
    let again = outcome(&mut cert(&["revoke", "pump", "--root", root]));
    assert_eq!(again.status.code(), Some(1), "{}", text(&again));
    let help = run(&mut cert(&["--help"]));
    assert!(help.starts_with("Make, list and revoke"), "{help}");
    assert_eq!(outcome(&mut cert(&[])).status.code(), Some(2));
}

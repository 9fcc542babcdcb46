// SPDX-License-Identifier: Apache-2.0 OR MIT
//! `broker health`, by which an update of the broker is judged, on the real daemon with every kind of listener.

use std::net::TcpListener;
use std::process::{Command, Output};

use tests::Daemon;
use tests::tools::{outcome, program};

use crate::tls::House;

/// What it prints, and whether everything is well.
fn health(daemon: &Daemon) -> (String, bool) {
    let control = daemon.path("control");
    let mut command = Command::new(program());
    let Output {
        status,
        stdout,
        stderr,
    } = outcome(command.arg("health").arg("--control").arg(control));
    let text = String::from_utf8_lossy(&stdout).into_owned() + &String::from_utf8_lossy(&stderr);
    (text, status.success())
}

#[test]
fn every_kind_of_listener_with_tls_answers() {
    let house = House::open();
    let (text, is_well) = health(&house.daemon);
    assert!(is_well, "{text}");
    assert_eq!(text.matches(" answers\n").count(), 14, "{text}");
    assert!(text.starts_with("broker is ready\n"), "{text}");
    assert!(text.ends_with("store is open\n"), "{text}");
}

#[test]
fn a_unix_socket_answers_and_a_port_that_is_taken_is_a_fault() {
    let daemon = Daemon::start();
    let socket = daemon.path("mqtt.sock");
    let own = format!("[[listener]]\nsocket = {socket:?}\n");
    daemon.configure(&own);
    daemon.ask("reload");
    let (text, is_well) = health(&daemon);
    assert!(is_well, "{text}");
    assert_eq!(text.matches(" answers\n").count(), 3, "{text}");

    let stranger = TcpListener::bind("127.0.0.1:0").expect("a port is free");
    let port = stranger.local_addr().expect("it has an address").port();
    let taken = format!("[[listener]]\nport = {port}\nbind_address = \"127.0.0.1\"\n");
    daemon.configure(&(own + &taken));
    daemon.ask("reload");
    let (text, is_well) = health(&daemon);
    assert!(!is_well, "{text}");
    assert!(
        text.contains(&format!("listener {port} does not listen: ")),
        "{text}"
    );
    assert_eq!(text.matches(" answers\n").count(), 3, "{text}");
}

// SPDX-License-Identifier: Apache-2.0 OR MIT
//! Certificates that change under a running daemon, and clients that never finish their handshake.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::process::Command;
use std::time::{Duration, Instant};

use tests::certificates::{Purpose, put};
use tests::tools::{PATIENCE, Running, run};
use tests::{PASSWORD, USER};

use super::{House, publish};

/// A subscriber over TLS that ends after one message.
fn subscriber(house: &House) -> Running {
    let mut command = Command::new("mosquitto_sub");
    command.args([
        "-h",
        "localhost",
        "-p",
        &house.port(0).to_string(),
        "-i",
        "reader",
    ]);
    command.args([
        "--cafile",
        &house.file("tls/ca.crt"),
        "-u",
        USER,
        "-P",
        PASSWORD,
    ]);
    let running = Running::start(command.args(["-t", "x", "-C", "1", "-W", "100"]));
    house.daemon.wait_for_subscriber("reader");
    running
}

/// The fingerprint that a new connection sees.
fn fingerprint(house: &House) -> String {
    let line = format!(
        "openssl s_client -connect 127.0.0.1:{} </dev/null 2>/dev/null | openssl x509 -noout -fingerprint -sha256",
        house.port(0)
    );
    let printed = run(Command::new("sh").args(["-c", &line]));
    printed
        .trim()
        .rsplit('=')
        .next()
        .unwrap_or_default()
        .to_owned()
}

/// What the control socket tells of a listener.
fn told(house: &House) -> serde_json::Value {
    let port = house.port(0);
    let mut states = house.daemon.listeners().into_iter();
    states
        .find(|state| state["port"] == port)
        .expect("it is listed")
}

fn reload(house: &House) {
    let answer = house.daemon.ask("reload");
    assert_eq!(answer["reload"]["accepted"], true, "{answer}");
}

#[test]
fn a_new_certificate_is_shown_to_new_connections_and_the_others_stay() {
    let house = House::open();
    let reader = subscriber(&house);
    let before = fingerprint(&house);
    assert_eq!(told(&house)["tls"]["fingerprint"], before);
    let folder = house.daemon.path("");
    let renewed = house.authority.sign("localhost", Purpose::Server, 2399);
    put(&folder, "tls/server.pem", &renewed.both());
    reload(&house);
    let after = fingerprint(&house);
    assert_ne!(after, before);
    assert_eq!(told(&house)["tls"]["fingerprint"], after);
    assert_eq!(told(&house)["tls"]["expires"], "2399-01-01");

    // A key that is not the certificate's changes nothing.
    let other = house.authority.sign("localhost", Purpose::Server, 2398);
    put(
        &folder,
        "tls/server.pem",
        &(renewed.certificate + &other.key),
    );
    reload(&house);
    assert_eq!(fingerprint(&house), after);
    let trouble = told(&house)["tls"]["troubles"][0].to_string();
    assert!(
        trouble.contains("is not the one of the certificate"),
        "{trouble}"
    );
    house
        .daemon
        .expect_line("What was loaded before stays in use");

    assert!(publish(&house, house.port(0), None, true).status.success());
    assert_eq!(reader.printed("mosquitto_sub"), "hello\n");
}

#[test]
fn a_listener_without_files_is_closed_and_opens_by_itself_when_they_come() {
    let house = House::open();
    let folder = house.daemon.path("");
    let (port, _) = tests::free_ports();
    house.daemon.configure(&format!(
        "[[listener]]\nport = {port}\nbind_address = \"127.0.0.1\"\ntls = true\n\
         certfile = \"own.crt\"\nkeyfile = \"own.key\"\n"
    ));
    reload(&house);
    let line = house
        .daemon
        .expect_line("is not open: the file own.crt is missing");
    assert!(line.contains(&format!("port {port}")), "{line}");
    assert!(TcpStream::connect(("127.0.0.1", port)).is_err());
    house
        .authority
        .sign("localhost", Purpose::Server, 2400)
        .put(&folder, "own");
    house
        .daemon
        .expect_line(&format!("with TLS on port {port}"));
    assert!(publish(&house, port, None, true).status.success());
}

#[test]
fn a_handshake_that_is_never_finished_ends_with_connect_timeout() {
    let house = House::open();
    let begun = Instant::now();
    let mut slow = TcpStream::connect(("127.0.0.1", house.port(0))).expect("it listens");
    slow.set_read_timeout(Some(PATIENCE))
        .expect("a timeout can be set");
    slow.write_all(b"\x16\x03\x01").expect("it reads");
    let line = house
        .daemon
        .expect_line("the TLS handshake was not finished");
    assert!(line.contains("127.0.0.1"), "{line}");
    // What is said at the end is at most an alert.
    let mut answer = Vec::new();
    let _ = slow.read_to_end(&mut answer);
    assert!(answer.len() <= 7, "{answer:?}");
    assert!(
        begun.elapsed() < Duration::from_secs(15),
        "{:?}",
        begun.elapsed()
    );
}

#[test]
fn a_thousand_half_handshakes_keep_nobody_out() {
    let house = House::open();
    let hello = b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03";
    // Each from an address of its own, as far as an address may have so many.
    let sockets: Vec<_> = (0..1_000_u32)
        .map(|n| {
            let from = std::net::Ipv4Addr::new(127, 1, (n / 100) as u8, 1);
            let mut socket = tests::connect_from(from, house.port(0)).expect("it listens");
            socket.write_all(hello).expect("it reads");
            socket
        })
        .collect();
    let begun = Instant::now();
    assert!(publish(&house, house.port(0), None, true).status.success());
    let waited = begun.elapsed();
    assert!(waited < Duration::from_secs(6), "{waited:?}");
    println!(
        "beside {} half handshakes a client was served within {waited:?}",
        sockets.len()
    );
}

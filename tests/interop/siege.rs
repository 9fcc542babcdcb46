// SPDX-License-Identifier: Apache-2.0 OR MIT
//! Floods of logins, of sockets and of bytes against the running daemon, each in a few seconds; docs/security-measurements.md
//! has the minute.

use std::io::Write;
use std::net::{Ipv4Addr, TcpStream};
use std::panic::resume_unwind;
use std::process::Command;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use mqtt_proto::{Packet, Property, Publish, QoS, Reason, Version};
use tests::packets::{connect, login, publish_at, subscribe};
use tests::{Connection, Daemon, PASSWORD, USER, tools};

use crate::attack::{bytes_of, descriptors, limited, socket, subscribe_all};
use crate::witness::{KEPT_WAITING, during};

/// How long a flood lasts.
const FLOOD: Duration = Duration::from_secs(4);

/// Users who log in for the first time during a flood.
const NEWCOMERS: usize = 6;

/// [R12] [R13]
#[test]
fn wrong_logins_keep_nobody_out_who_knows_a_password() {
    let daemon = Daemon::start();
    let users = (0..NEWCOMERS)
        .map(|n| format!("[[user]]\nusername = \"new {n}\"\npassword = \"{PASSWORD}\"\n"));
    // What is refused for the rate costs no hash, so the attackers would be let off.
    daemon.configure(&format!(
        "[limits]\nmax_connect_rate = 0\n{}",
        users.collect::<String>()
    ));
    assert_eq!(daemon.ask("reload")["reload"]["accepted"], true);
    let (over, attempts) = (AtomicBool::new(false), AtomicUsize::new(0));
    let mut longest = Duration::ZERO;
    during("wrong logins", &daemon, 80, || {
        let begin = Instant::now();
        thread::scope(|scope| {
            for attacker in 1..=8 {
                let (over, attempts, port) = (&over, &attempts, daemon.port);
                scope.spawn(move || guess(attacker, port, over, attempts));
            }
            let newcomers = scope.spawn(|| {
                let visit = |n| {
                    thread::sleep(FLOOD / NEWCOMERS as u32);
                    first_login(daemon.port, &format!("new {n}"))
                };
                (0..NEWCOMERS).map(visit).max().unwrap_or_default()
            });
            let outcome = newcomers.join();
            over.store(true, Ordering::Relaxed);
            longest = outcome.unwrap_or_else(|cause| resume_unwind(cause));
        });
        let count = attempts.load(Ordering::Relaxed);
        let rate = count as f64 / begin.elapsed().as_secs_f64();
        println!(
            "{count} wrong logins, {rate:.0} a second; who logs in for the first time waits {longest:?} at most"
        );
    });
    // That two seconds are enough is shown in virtual time (auth/backoff/simulation.rs); here other work takes its share.
    assert!(longest < KEPT_WAITING, "{longest:?}");
}

/// Logs in with another password each time, as every third user there is.
fn guess(attacker: u8, port: u16, over: &AtomicBool, attempts: &AtomicUsize) {
    for n in 0_u32.. {
        if over.load(Ordering::Relaxed) {
            return;
        }
        let name = match n % 3 {
            0 => USER.to_owned(),
            1 => format!("new {}", n as usize % NEWCOMERS),
            _ => format!("nobody {n}"),
        };
        let hello = login(
            connect(Version::V311, "guess"),
            &name,
            &format!("wrong {n}"),
        );
        let Ok(mut socket) = tests::connect_from(Ipv4Addr::new(127, 0, 2, attacker), port) else {
            continue;
        };
        // Whoever is refused because of the rate is closed at once.
        if socket.write_all(&bytes_of(hello, Version::V311)).is_ok() {
            // Most are answered at once; a hash is not waited for.
            let patience = Duration::from_millis(2);
            socket
                .set_read_timeout(Some(patience))
                .expect("a socket can be set");
            let _ = std::io::Read::read(&mut socket, &mut [0; 4]);
        }
        attempts.fetch_add(1, Ordering::Relaxed);
    }
}

fn first_login(port: u16, user: &str) -> Duration {
    let begin = Instant::now();
    let mut client = Connection::open(port, Version::V5);
    client.send(login(connect(Version::V5, user), user, PASSWORD));
    let answer = client.receive();
    assert!(
        matches!(&answer, Some(Packet::ConnAck(connack)) if !connack.reason.is_error()),
        "{answer:?}"
    );
    begin.elapsed()
}

/// [R13]
#[test]
fn who_guesses_is_told_to_wait_and_the_log_says_so() {
    let refused = |daemon: &Daemon, version: Version, user: &str| {
        let mut client = Connection::open(daemon.port, version);
        client.send(login(connect(version, "guess"), user, "wrong"));
        match client.receive() {
            Some(Packet::ConnAck(connack)) => connack,
            other => panic!("{other:?}"),
        }
    };
    for version in [Version::V311, Version::V5] {
        let daemon = Daemon::start();
        let user = format!("guessed by {version}");
        for _ in 0..5 {
            assert_eq!(
                refused(&daemon, version, &user).reason,
                Reason::NotAuthorized
            );
        }
        let expected = match version {
            Version::V5 => Reason::ConnectionRateExceeded,
            _ => Reason::ServerUnavailable,
        };
        // On a busy machine the first wait of a second may be over; the next is longer.
        let mut answers = (0..6).map(|_| refused(&daemon, version, &user));
        let told = answers.find(|told| told.reason == expected);
        let told = told.expect("who fails again and again has to wait");
        let sentence = "too many failed logins for this user from this address; try again in ";
        if version == Version::V5 {
            let said = |property: &Property| matches!(property, Property::ReasonString(text) if text.starts_with(sentence));
            assert!(told.properties.iter().any(said), "{told:?}");
        }
        let line = daemon.expect_line("too many failed logins");
        assert!(line.contains(sentence) && line.contains(&user), "{line}");
        Connection::client(daemon.port, version, "right");
    }
}

/// [R15]
#[test]
fn idle_sockets_beyond_the_descriptors_keep_nobody_out() {
    let daemon = Daemon::start();
    let limit = Command::new("prlimit")
        .args(["--pid", &daemon.pid().to_string(), "--nofile=1024:1024"])
        .status();
    assert!(limit.is_ok_and(|status| status.success()), "prlimit");
    assert_eq!(daemon.ask("reload")["reload"]["accepted"], true);
    descriptors();
    during(
        "1,200 idle sockets on 1,024 descriptors",
        &daemon,
        100,
        || {
            let mut longest = Duration::ZERO;
            let mut sockets: Vec<TcpStream> = Vec::new();
            for n in 0..3_000 {
                sockets.push(socket(&daemon, n % 1_200));
                if n % 300 == 299 {
                    longest = longest.max(first_login(daemon.port, USER));
                }
                if sockets.len() > 1_200 {
                    sockets.drain(..300);
                }
            }
            println!("a login took {longest:?} at most");
            assert!(longest < KEPT_WAITING, "{longest:?}");
        },
    );
}

/// [R15]
#[test]
fn long_connects_that_never_end_take_no_more_than_their_pool() {
    let daemon = limited("max_connections_per_address = 2000\nconnect_timeout = 20");
    descriptors();
    let begin = [
        b"\x10\xf0\xff\x04\x00\x04MQTT\x04\x02\x00\x00\xff\xff".as_slice(),
        &[b'x'; 65_000],
    ]
    .concat();
    during("CONNECTs without end", &daemon, 100, || {
        let mut sockets: Vec<_> = (0..1_000).map(|n| socket(&daemon, n)).collect();
        for piece in begin.chunks(5_000) {
            for socket in &mut sockets {
                // Those for which there is no room are closed.
                let _ = socket.write_all(piece);
            }
        }
    });
    daemon.expect_line("those of others that are not complete take all");
}

/// [R17]
#[test]
fn a_subscriber_that_is_stuck_under_600_megabytes_costs_little() {
    for qos in [QoS::AtMostOnce, QoS::AtLeastOnce] {
        let daemon = Daemon::start();
        let mut stuck = Connection::client(daemon.port, Version::V311, "stuck");
        stuck.send(subscribe(1, "flood", qos));
        assert!(matches!(stuck.receive(), Some(Packet::SubAck(_))));
        let mut publisher = Connection::client(daemon.port, Version::V5, "publisher");
        let begin = Instant::now();
        let batch: Vec<_> = (1..=10)
            .map(|id| {
                bytes_of(
                    publish_at(qos, id, "flood", "x".repeat(100_000)),
                    Version::V5,
                )
            })
            .collect();
        let batch = batch.concat();
        for _ in 0..600 {
            publisher.send_bytes(&batch);
            if qos == QoS::AtLeastOnce {
                (0..10)
                    .for_each(|_| assert!(matches!(publisher.receive(), Some(Packet::PubAck(_)))));
            }
        }
        publisher.send(Packet::PingReq);
        assert_eq!(publisher.receive(), Some(Packet::PingResp));
        let used = tools::highest_memory(daemon.pid());
        let took = begin.elapsed();
        println!("600 MB in {took:?} to a stuck subscriber of {qos:?}: at most {used} MiB");
        assert!(used < 64, "{used} MiB");
    }
}

/// [R17]
#[test]
fn what_is_counted_as_memory_lies_above_what_is_taken() {
    let daemon = Daemon::start();
    let mut publisher = Connection::client(daemon.port, Version::V5, "publisher");
    // By now the memory of a hash is there.
    let before = held(&daemon);
    for n in 0..20_000 {
        let message = Publish {
            retain: true,
            ..publish_at(
                QoS::AtMostOnce,
                0,
                &format!("retained/{n}/of/many"),
                "x".repeat(200),
            )
        };
        publisher.send(message);
    }
    publisher.send(Packet::PingReq);
    assert_eq!(publisher.receive(), Some(Packet::PingResp));
    let clients: Vec<_> = (0..500)
        .map(|n| {
            let mut client = Connection::client(daemon.port, Version::V311, &format!("holder {n}"));
            let filters: Vec<_> = (0..40).map(|m| format!("held/{n}/{m}/+/x")).collect();
            subscribe_all(&mut client, &filters);
            client
        })
        .collect();
    let after = held(&daemon);
    let (counted, taken) = (after.0 - before.0, after.1.saturating_sub(before.1));
    println!("{counted} bytes are counted, {taken} are taken");
    assert!(taken < counted + counted / 5, "{taken} of {counted}");
    drop(clients);
    for n in 0..20_000 {
        let message = Publish {
            retain: true,
            ..publish_at(QoS::AtMostOnce, 0, &format!("retained/{n}/of/many"), "")
        };
        publisher.send(message);
    }
    publisher.send(Packet::PingReq);
    assert_eq!(publisher.receive(), Some(Packet::PingResp));
    let deadline = Instant::now() + tools::PATIENCE;
    while held(&daemon).0 != before.0 {
        assert!(
            Instant::now() < deadline,
            "{:?} and not {before:?}",
            held(&daemon)
        );
        thread::yield_now();
    }
}

/// What the broker holds for its clients by its own count, and what the process has in memory, in bytes.
fn held(daemon: &Daemon) -> (u64, u64) {
    let status = daemon.ask("status");
    let counted = status["status"]["counters"]["memory_held"].as_u64();
    let counted = counted.unwrap_or_else(|| panic!("{status}"));
    (
        counted,
        tools::memory_now(daemon.pid()).expect("the daemon runs"),
    )
}

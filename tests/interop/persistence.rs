// SPDX-License-Identifier: Apache-2.0 OR MIT
//! What the real daemon has after it was stopped or killed, on a real file system.

use std::path::Path;
use std::process::Command;

use mqtt_proto::{Packet, Publish, QoS, Reason, Version};
use nix::sys::signal::Signal;
use tests::packets::{
    disconnect, login, puback, pubcomp, publish_at, pubrec, pubrel, resume, subscribe,
};
use tests::tools::{outcome, program};
use tests::{Connection, Daemon, PASSWORD, USER};

/// Continues a session, and says whether there was one.
#[track_caller]
pub fn resumed(daemon: &Daemon, version: Version, client_id: &str) -> (Connection, bool) {
    let mut client = Connection::open(daemon.port, version);
    client.send(login(resume(version, client_id), USER, PASSWORD));
    match client.receive() {
        Some(Packet::ConnAck(ack)) if !ack.reason.is_error() => (client, ack.session_present),
        other => panic!("{other:?}"),
    }
}

#[track_caller]
pub fn expect_publish(client: &mut Connection) -> Publish {
    match client.receive() {
        Some(Packet::Publish(publish)) => publish,
        other => panic!("{other:?}"),
    }
}

/// Publishes at QoS 1 and 2, to the end of the exchanges, and one retained message.
pub fn publish_all(daemon: &Daemon, version: Version) {
    let mut publisher = Connection::client(daemon.port, version, "publisher");
    publisher.send(publish_at(QoS::AtLeastOnce, 1, "hall/1", "one"));
    assert!(matches!(publisher.receive(), Some(Packet::PubAck(_))));
    publisher.send(publish_at(QoS::ExactlyOnce, 2, "hall/2", "two"));
    assert!(matches!(publisher.receive(), Some(Packet::PubRec(_))));
    publisher.send(pubrel(2));
    assert!(matches!(publisher.receive(), Some(Packet::PubComp(_))));
    publisher.send(Publish {
        retain: true,
        ..publish_at(QoS::AtLeastOnce, 3, "state/door", "open")
    });
    assert!(matches!(publisher.receive(), Some(Packet::PubAck(_))));
}

fn keeps_everything(mode: &str, signal: Signal) {
    for version in [Version::V311, Version::V5] {
        let mut daemon = Daemon::start();
        daemon.configure(mode);
        daemon.restart(Signal::SIGTERM);
        let (mut absent, present) = resumed(&daemon, version, "absent");
        assert!(!present);
        absent.send(subscribe(1, "hall/#", QoS::ExactlyOnce));
        assert!(matches!(absent.receive(), Some(Packet::SubAck(_))));
        absent.send(disconnect(Reason::Success));
        assert!(absent.receive().is_none());
        publish_all(&daemon, version);

        daemon.restart(signal);
        let line = daemon.expect_line("restored in ");
        assert!(line.contains("messages in queues 2"), "{line}");
        let (mut client, present) = resumed(&daemon, version, "absent");
        assert!(present, "{version:?} {signal}");
        // What waits for the disk never holds up what does not, so QoS 1 and 2 come in any order.
        let mut both = [expect_publish(&mut client), expect_publish(&mut client)];
        both.sort_by_key(|publish| publish.qos);
        assert_eq!(
            both.each_ref().map(|publish| &publish.payload[..]),
            [b"one", b"two"]
        );
        let [one, two] = both.map(|publish| publish.packet_id.expect("above QoS 0 there is one"));
        client.send(puback(one.get()));
        client.send(pubrec(two.get()));
        assert!(matches!(client.receive(), Some(Packet::PubRel(_))));

        // Between the two halves of an exchange, too: only PUBREL is left. A PUBACK may not have been written.
        daemon.restart(signal);
        let (mut client, _) = resumed(&daemon, version, "absent");
        client.send(subscribe(2, "state/#", QoS::AtMostOnce));
        let mut released = false;
        loop {
            match client.receive() {
                Some(Packet::PubRel(_)) => released = true,
                Some(Packet::SubAck(_)) => {}
                Some(Packet::Publish(publish)) if publish.payload == "one" && publish.dup => {}
                Some(Packet::Publish(publish)) => {
                    assert!(publish.retain && publish.payload == "open", "{publish:?}");
                    break;
                }
                other => panic!("{other:?}"),
            }
        }
        assert!(released, "{version:?} {signal}");
        client.send(pubcomp(two.get()));
    }
}

#[test]
fn a_killed_broker_has_what_it_acknowledged() {
    keeps_everything("", Signal::SIGKILL);
}

#[test]
fn a_killed_broker_in_mode_group_has_what_it_acknowledged() {
    keeps_everything("[persistence]\nmode = \"group\"\n", Signal::SIGKILL);
}

#[test]
fn a_stopped_broker_has_everything_in_every_mode() {
    for mode in ["sync", "relaxed", "memory"] {
        keeps_everything(
            &format!("[persistence]\nmode = \"{mode}\"\n"),
            Signal::SIGTERM,
        );
    }
}

/// Runs `broker store` on the folder; its exit status and what it said.
fn store(folder: &Path, arguments: &[&str]) -> (Option<i32>, String) {
    let mut command = Command::new(program());
    command.arg("store").args(arguments).args(["--state", "."]);
    let outcome = outcome(command.current_dir(folder));
    let said = [outcome.stdout, outcome.stderr].concat();
    let said = String::from_utf8_lossy(&said).into_owned();
    (outcome.status.code(), said)
}

#[test]
fn what_was_exported_and_imported_serves_like_before() {
    let mut daemon = Daemon::start();
    let (mut absent, _) = resumed(&daemon, Version::V5, "absent");
    absent.send(subscribe(1, "hall/#", QoS::ExactlyOnce));
    assert!(matches!(absent.receive(), Some(Packet::SubAck(_))));
    drop(absent);
    publish_all(&daemon, Version::V5);
    let (status, said) = store(&daemon.path(""), &["check"]);
    assert_eq!(status, Some(2), "{said}");
    assert!(said.contains("is in use (broker run, process "), "{said}");

    daemon.restart_after(Signal::SIGKILL, |folder| {
        assert_eq!(
            store(folder, &["export", "export"]),
            (Some(0), String::new())
        );
        let (status, said) = store(folder, &["import", "--replace", "export"]);
        assert_eq!(status, Some(0), "{said}");
        assert!(said.contains("./store.replaced-1"), "{said}");
        let exported = std::fs::read_to_string(folder.join("export")).expect("it is there");
        assert_eq!(store(folder, &["export"]), (Some(0), exported));
        let (status, said) = store(folder, &["check"]);
        assert_eq!(status, Some(0), "{said}");
    });
    let (mut client, present) = resumed(&daemon, Version::V5, "absent");
    assert!(present);
    let mut both = [expect_publish(&mut client), expect_publish(&mut client)];
    both.sort_by_key(|publish| publish.qos);
    let payloads = both.each_ref().map(|publish| &publish.payload[..]);
    assert_eq!(payloads, [b"one", b"two"]);
}

#[test]
fn a_second_daemon_on_the_same_store_is_told_who_has_it() {
    let daemon = Daemon::start();
    let mut second = Command::new(program());
    second
        .args(["run", "--config", "broker.toml", "--state", "."])
        .current_dir(daemon.path(""))
        .env_remove("JOURNAL_STREAM");
    let refused = outcome(&mut second);
    assert_eq!(refused.status.code(), Some(1));
    let told = String::from_utf8_lossy(&refused.stderr).into_owned();
    let holder = format!("is in use by broker run, process {}", daemon.pid());
    assert!(told.contains(&holder), "{told}");
}

#[test]
fn a_store_that_cannot_be_used_leaves_the_rest_of_the_broker() {
    let mut daemon = Daemon::start();
    let store = daemon.path("store");
    std::fs::remove_dir_all(&store).expect("the store can be removed");
    std::fs::write(&store, "no folder").expect("a file can be written");
    daemon.restart(Signal::SIGKILL);
    daemon.expect_line("The store has failed");
    let mut client = Connection::client(daemon.port, Version::V5, "passer-by");
    client.send(subscribe(1, "hall/#", QoS::AtLeastOnce));
    assert!(matches!(client.receive(), Some(Packet::SubAck(_))));
    client.send(publish_at(QoS::AtLeastOnce, 2, "hall/1", "one"));
    let mut answers = [client.receive(), client.receive()].into_iter().flatten();
    assert!(answers.any(|packet| matches!(packet, Packet::Publish(_))));
    let status = daemon.ask("status");
    assert_eq!(status["status"]["store"]["state"], "failed", "{status}");
}

#[test]
fn a_reload_changes_the_mode_or_says_what_it_needs() {
    let daemon = Daemon::start();
    let reload = |mode: &str| {
        daemon.configure(&format!("[persistence]\nmode = \"{mode}\"\n"));
        let answer = daemon.ask("reload");
        let mode = daemon.ask("status")["status"]["store"]["mode"].clone();
        (answer.to_string(), mode)
    };
    let (lines, mode) = reload("relaxed");
    assert!(
        lines.contains("persistence changed: mode sync -> relaxed"),
        "{lines}"
    );
    assert_eq!(mode, "relaxed");
    let (lines, mode) = reload("memory");
    assert!(lines.contains("systemctl restart broker"), "{lines}");
    assert_eq!(mode, "relaxed");
}

// SPDX-License-Identifier: Apache-2.0 OR MIT
//! One acl_file and one password_file, read by Mosquitto and by this broker: the same messages are taken and delivered.
//!
//! Ours runs with `acl_mode = "mosquitto"`. Left out is what docs/access.md tells as different: names with `/` in them, and
//! publishing to `$SYS`.

use std::collections::BTreeSet;
use std::fmt::Write;
use std::net::TcpStream;
use std::path::Path;
use std::process::Command;
use std::thread;
use std::time::{Duration, Instant};

use mqtt_proto::{Packet, QoS, Reason, Version};
use tests::packets::{connect, login, publish, publish_at, subscribe};
use tests::tools::{PATIENCE, Running, need, run};
use tests::{Connection, Daemon, Random, free_ports};

/// Files that are tried.
const FILES: u64 = 12;
const USERS: [&str; 3] = ["ann", "bob", "carl d"];
const LEVELS: [&str; 4] = ["a", "b", "c", "ann"];
/// What the last message of a round is published to; everybody may read it.
const END: &str = "end/of/round";

/// User, none for anonymous, and client identifier, which no other has: Mosquitto knows sessions by it alone.
type Identity = (Option<&'static str>, &'static str);

const CLIENTS: [Identity; 7] = [
    (Some("ann"), "a"),
    (Some("ann"), "x+y"),
    (Some("bob"), "ann"),
    (Some("bob"), "#"),
    (Some("carl d"), "c"),
    (None, "n"),
    (None, "b+"),
];

#[test]
fn rules_of_mosquitto_allow_the_same_here_and_there() {
    need(
        "comparing rights with Mosquitto",
        &["mosquitto=mosquitto", "mosquitto_passwd=mosquitto"],
    );
    let folder = tempfile::tempdir().expect("a temporary folder can be made");
    let passwords = passwords(folder.path());
    let (mut judged, mut allowed) = (0, 0);
    for seed in 0..FILES {
        let mut random = Random::new(seed);
        let rules = rules(&mut random);
        let topics: Vec<String> = (0..40).map(|_| name(&mut random, false)).collect();
        let (port, _) = free_ports();
        let theirs = mosquitto(folder.path(), port, &rules);
        let theirs_found = outcomes(port, &topics);
        drop(theirs);
        let ours = ours(&rules, &passwords);
        let ours_found = outcomes(ours.port, &topics);
        for (identity, (theirs, ours)) in CLIENTS.iter().zip(theirs_found.iter().zip(&ours_found)) {
            assert_eq!(ours, theirs, "seed {seed}, {identity:?}, of\n{rules}");
            judged += 2 * topics.len();
            allowed += theirs.received.len() + theirs.published.len();
        }
    }
    println!("{judged} rights judged alike, {allowed} of them allowed");
    assert!(
        allowed > judged / 20,
        "the rules are too strict to say much"
    );
}

/// What one client was given and what was taken from it.
#[derive(Debug, PartialEq, Eq)]
struct Outcome {
    received: BTreeSet<String>,
    published: BTreeSet<String>,
}

/// The outcome for each client.
fn outcomes(port: u16, topics: &[String]) -> Vec<Outcome> {
    let clients = CLIENTS.iter().map(|identity| {
        let mut client = enter(port, *identity);
        for (id, filter) in [(1, "#"), (2, END)] {
            client.send(subscribe(id, filter, QoS::AtMostOnce));
            let Some(Packet::SubAck(ack)) = client.receive() else {
                panic!("no SUBACK");
            };
            assert!(!ack.reasons[0].is_error(), "every SUBSCRIBE is granted");
        }
        client
    });
    let mut clients: Vec<Connection> = clients.collect();
    let mut root = enter(port, (Some("root"), "root"));
    for topic in topics {
        root.send(publish(topic, topic));
    }
    root.send(publish(END, "end"));
    let received: Vec<_> = clients.iter_mut().map(all_until_the_end).collect();
    let published = clients.iter_mut().map(|client| attempts(client, topics));
    let both = received.into_iter().zip(published);
    both.map(|(received, published)| Outcome {
        received,
        published,
    })
    .collect()
}

fn all_until_the_end(client: &mut Connection) -> BTreeSet<String> {
    let mut received = BTreeSet::new();
    loop {
        match client.receive() {
            Some(Packet::Publish(message)) if message.topic.as_str() == END => return received,
            Some(Packet::Publish(message)) => received.insert(message.topic.to_string()),
            other => panic!("{other:?}"),
        };
    }
}

/// The topics to which the client could publish; what it is sent meanwhile does not count.
fn attempts(client: &mut Connection, topics: &[String]) -> BTreeSet<String> {
    let mut published = BTreeSet::new();
    for topic in topics {
        client.send(publish_at(QoS::AtLeastOnce, 7, topic, "x"));
        let ack = loop {
            match client.receive() {
                Some(Packet::Publish(_)) => {}
                Some(Packet::PubAck(ack)) => break ack,
                other => panic!("{other:?}"),
            }
        };
        match ack.reason {
            Reason::NotAuthorized => {}
            _ => drop(published.insert(topic.clone())),
        }
    }
    published
}

fn enter(port: u16, (user, client_id): Identity) -> Connection {
    let mut client = Connection::open(port, Version::V5);
    let hello = connect(Version::V5, client_id);
    client.send(match user {
        Some(user) => login(hello, user, user),
        None => hello,
    });
    let answer = client.receive();
    let in_ = matches!(&answer, Some(Packet::ConnAck(connack)) if !connack.reason.is_error());
    assert!(in_, "{user:?} {client_id}: {answer:?}");
    client
}

/// Random rules of every kind; the user root may everything, and everybody may see the end of a round.
fn rules(random: &mut Random) -> String {
    let mut text = format!("topic read {END}\n");
    entries(random, &mut text, "topic");
    for user in USERS {
        let _ = writeln!(text, "user {user}\ntopic read {END}");
        entries(random, &mut text, "topic");
        if random.chance(30) {
            entries(random, &mut text, "pattern");
        }
    }
    let _ = writeln!(text, "user root\ntopic readwrite #\ntopic $SYS/#");
    text
}

fn entries(random: &mut Random, text: &mut String, word: &str) {
    for _ in 0..random.below(5) {
        let right = *random.pick(&["", "read ", "write ", "readwrite ", "deny "]);
        let filter = filter(random, word == "pattern");
        // Nobody is denied the end of a round.
        let filter = match filter.strip_prefix('+') {
            Some(rest) if right == "deny " => format!("a{rest}"),
            _ => filter,
        };
        let _ = writeln!(text, "{word} {right}{filter}");
    }
}

fn filter(random: &mut Random, named: bool) -> String {
    let mut filter = name(random, true);
    if named && random.chance(60) {
        let place = random.pick(&["%u/", "%c/", "x/%c/"]);
        filter.insert_str(0, place);
    }
    if random.chance(30) {
        filter.push_str("/#");
    }
    filter
}

/// One to three levels.
fn name(random: &mut Random, wild: bool) -> String {
    let count = 1 + random.below(3);
    let levels = (0..count).map(|_| match wild && random.chance(40) {
        true => "+",
        false => *random.pick(&LEVELS),
    });
    levels.collect::<Vec<_>>().join("/")
}

/// A password_file made by Mosquitto's own program; the password of each user is its name.
fn passwords(folder: &Path) -> String {
    let file = folder.join("passwords");
    for user in USERS.into_iter().chain(["root"]) {
        let mut command = Command::new("mosquitto_passwd");
        command.arg("-b");
        if !file.exists() {
            command.arg("-c");
        }
        run(command.arg(&file).args([user, user]));
    }
    std::fs::read_to_string(file).expect("mosquitto_passwd wrote a file")
}

fn mosquitto(folder: &Path, port: u16, rules: &str) -> Running {
    let path = |name: &str| folder.join(name).display().to_string();
    std::fs::write(path("acl"), rules).expect("a file can be written");
    let configuration = format!(
        "listener {port} 127.0.0.1\nallow_anonymous true\nacl_file {}\npassword_file {}\nuser root\n",
        path("acl"),
        path("passwords"),
    );
    std::fs::write(path("configuration"), configuration).expect("a file can be written");
    let mut command = Command::new("mosquitto");
    let running = Running::start(command.args(["-c", &path("configuration")]));
    let deadline = Instant::now() + PATIENCE;
    while TcpStream::connect(("127.0.0.1", port)).is_err() {
        assert!(Instant::now() < deadline, "mosquitto does not listen");
        thread::sleep(Duration::from_millis(5));
    }
    running
}

fn ours(rules: &str, passwords: &str) -> Daemon {
    let daemon = Daemon::start();
    for (name, text) in [("acl", rules), ("passwords", passwords)] {
        std::fs::write(daemon.path(name), text).expect("a file can be written");
    }
    daemon.configure(
        "[broker]\nallow_anonymous = true\nacl_mode = \"mosquitto\"\nacl_file = \"acl\"\npassword_file = \"passwords\"\n",
    );
    let answer = daemon.ask("reload");
    assert_eq!(answer["reload"]["accepted"], true, "{answer}");
    daemon
}

#[test]
fn a_wrong_line_in_a_file_keeps_the_former_configuration_and_is_told() {
    let daemon = Daemon::start();
    std::fs::write(daemon.path("acl"), "topic raed a\n").expect("a file can be written");
    daemon.configure("[broker]\nacl_file = \"acl\"\n");
    let answer = daemon.ask("reload");
    assert_eq!(answer["reload"]["accepted"], false, "{answer}");
    daemon.expect_line("acl_file acl, line 1: between `topic` or `pattern` and the topic");
    Connection::client(daemon.port, Version::V5, "still");
}

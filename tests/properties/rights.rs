// SPDX-License-Identifier: Apache-2.0 OR MIT
//! Rights against slow references: names put into entries as text, filters compared topic by topic. (R19, R20)

use std::time::Duration;

use mqtt_core::Access;
use mqtt_proto::{Filter, Packet, QoS, Reason, Version};
use tests::packets::{connect, login, publish_at, subscribe};
use tests::rights::listed;
use tests::{Client, Random, World};

use super::seeds;

/// Names as clients have them, and as attackers do.
const NAMES: [&str; 12] = [
    "a", "b", "dev-1", "+", "#", "a/b", "a/#", "$SYS", "%u", "%c", "a\u{1}", "b+",
];
const LEVELS: [&str; 9] = ["a", "b", "+", "%u", "%c", "x-%c", "%u%c", "", "$SYS"];
const TOPIC_LEVELS: [&str; 9] = ["a", "b", "dev-1", "$SYS", "x-a", "aa", "", "%u", "x-dev-1"];

#[test]
fn names_in_entries_reach_no_more_than_one_level_each() {
    let (mut judged, mut allowed) = (0, 0);
    for seed in seeds(2_000) {
        let mut random = Random::new(seed);
        let (user, client_id) = (*random.pick(&NAMES), *random.pick(&NAMES));
        let entries = entries(&mut random);
        let world = World::new();
        world.put_in_force(Access {
            others: listed(&entries),
            ..Access::default()
        });
        let client = world.connect(
            login(connect(Version::V5, client_id), user, "secret"),
            false,
        );
        for _ in 0..20 {
            let topic = levels(&mut random, &TOPIC_LEVELS);
            if topic.is_empty() {
                continue;
            }
            let found = may_publish(&client, &topic);
            let expected = reference(&entries, user, client_id, &topic);
            assert_eq!(found, expected, "{user} {client_id} {entries:?} {topic}");
            // Whatever the names are, an entry gives no more than it does with `+` in their place.
            assert!(!found || widest(&entries, &topic), "{entries:?} {topic}");
            judged += 1;
            allowed += usize::from(found);
        }
    }
    assert!(allowed > judged / 50, "{allowed} of {judged}");
}

fn entries(random: &mut Random) -> Vec<String> {
    let count = 1 + random.below(4);
    let entry = |_| {
        let right = random.pick(&["readwrite", "write", "deny"]);
        let mut filter = levels(random, &LEVELS);
        match random.below(10) {
            0..3 => filter.push_str("/#"),
            3 => filter = "#".to_owned(),
            _ => {}
        }
        let filter = if filter.is_empty() { "+" } else { &filter };
        format!("{right} {filter}")
    };
    (0..count).map(entry).collect()
}

fn levels(random: &mut Random, from: &[&str]) -> String {
    let count = 1 + random.below(3);
    let levels: Vec<_> = (0..count).map(|_| *random.pick(from)).collect();
    levels.join("/")
}

fn may_publish(client: &Client, topic: &str) -> bool {
    client.send(publish_at(QoS::AtLeastOnce, 1, topic, "x"));
    match client.receive() {
        Packet::PubAck(ack) => ack.reason != Reason::NotAuthorized,
        other => panic!("{other:?}"),
    }
}

/// The rule as documented, with names put in as text and the reference matcher of filters.
fn reference(entries: &[String], user: &str, client_id: &str, topic: &str) -> bool {
    let speaks = |right: &str, deny: bool| (right == "deny") == deny;
    let any = |deny: bool| {
        let mut entries = entries.iter().filter_map(|entry| entry.split_once(' '));
        entries.any(|(right, filter)| {
            let effective = put_in(filter, user, client_id, deny);
            let matches = |text: String| Filter::new(text.into()).is_ok_and(|f| f.matches(topic));
            let server = topic.starts_with('$') && !filter.starts_with('$');
            speaks(right, deny) && !server && effective.is_some_and(matches)
        })
    };
    !topic.starts_with('$') && !any(true) && any(false)
}

/// The filter for this client; of a denial, a level whose name is none is any level.
fn put_in(filter: &str, user: &str, client_id: &str, deny: bool) -> Option<String> {
    let fits = |name: &str| {
        let bad = |c: char| "+#/".contains(c) || c.is_control();
        !name.is_empty() && !name.contains(bad)
    };
    // One pass from left to right, so that a name with a placeholder in it stays a name.
    let level = |level: &str| {
        let (mut text, mut rest) = (String::new(), level);
        while let Some(at) = rest.find('%') {
            text.push_str(&rest[..at]);
            let name = match rest[at..].get(..2) {
                Some("%u") => user,
                Some("%c") => client_id,
                _ => {
                    text.push('%');
                    rest = &rest[at + 1..];
                    continue;
                }
            };
            if !fits(name) {
                return deny.then(|| "+".to_owned());
            }
            text.push_str(name);
            rest = &rest[at + 2..];
        }
        Some(text + rest)
    };
    let levels: Option<Vec<String>> = filter.split('/').map(level).collect();
    Some(levels?.join("/"))
}

/// Whether an entry that grants matches with `+` for every level that names somebody.
fn widest(entries: &[String], topic: &str) -> bool {
    let grants = entries.iter().filter(|entry| !entry.starts_with("deny"));
    let widened = grants.filter_map(|entry| {
        let (_, filter) = entry.split_once(' ')?;
        let levels = filter.split('/').map(|text| match text {
            text if text.contains("%u") || text.contains("%c") => "+".to_owned(),
            text => text.to_owned(),
        });
        Filter::new(levels.collect::<Vec<_>>().join("/").into()).ok()
    });
    widened.into_iter().any(|filter| filter.matches(topic))
}

/// Levels of filters; that of a topic which none of them names is `z`.
const SMALL: [&str; 4] = ["a", "b", "+", ""];

#[test]
fn a_subscription_is_granted_exactly_if_the_entry_matches_all_that_it_matches() {
    let filters = filters();
    let topics = topics();
    let matched: Vec<Vec<bool>> = filters
        .iter()
        .map(|text| {
            let filter = Filter::new(text.as_str().into()).expect("a filter of the table is valid");
            topics.iter().map(|topic| filter.matches(topic)).collect()
        })
        .collect();
    let world = World::with(|limits| limits.sys_interval = Duration::ZERO);
    let client = world.connect(login(connect(Version::V5, "c"), "u", "secret"), false);
    for (entry, of_entry) in filters.iter().zip(&matched) {
        world.put_in_force(Access {
            others: listed(&[format!("read {entry}")]),
            ..Access::default()
        });
        for (filter, of_filter) in filters.iter().zip(&matched) {
            client.send(subscribe(1, filter, QoS::AtMostOnce));
            let Packet::SubAck(ack) = client.receive() else {
                panic!("no SUBACK");
            };
            let covered = of_filter
                .iter()
                .zip(of_entry)
                .all(|(asked, given)| !asked || *given);
            let granted = !ack.reasons[0].is_error();
            assert_eq!(granted, covered, "read {entry}: {filter}");
        }
    }
}

/// All filters of up to three levels, with and without `#` at the end.
fn filters() -> Vec<String> {
    let mut filters = vec!["#".to_owned(), "$SYS/#".to_owned(), "$SYS/+".to_owned()];
    let mut plain: Vec<String> = SMALL.map(str::to_owned).to_vec();
    for _ in 0..3 {
        filters.extend(plain.iter().filter(|text| !text.is_empty()).cloned());
        filters.extend(plain.iter().map(|text| format!("{text}/#")));
        let longer = plain.iter().filter(|text| text.split('/').count() < 3);
        let longer = longer.flat_map(|text| SMALL.map(|level| format!("{text}/{level}")));
        plain = longer.collect();
    }
    filters.sort();
    filters.dedup();
    filters
}

/// All topics of up to five levels; the empty one counts, although nobody can publish to it, because `/#` asks for it.
fn topics() -> Vec<String> {
    let mut topics = vec![
        "$SYS".to_owned(),
        "$SYS/a".to_owned(),
        "$SYS/a/b".to_owned(),
    ];
    let levels = ["a", "b", "", "z"];
    let mut last: Vec<String> = levels.map(str::to_owned).to_vec();
    for _ in 0..5 {
        topics.extend_from_slice(&last);
        let longer = last.iter();
        last = longer
            .flat_map(|text| levels.map(|level| format!("{text}/{level}")))
            .collect();
    }
    topics
}

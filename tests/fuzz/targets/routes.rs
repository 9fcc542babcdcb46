// SPDX-License-Identifier: Apache-2.0 OR MIT
//! Topics and filters: the rules for their text, the matcher, the routes and the retained messages, each against
//! the simplest thing that does the same.
#![no_main]

use libfuzzer_sys::fuzz_target;
use mqtt_proto::{ByteString, Filter, Topic};
use tests::Random;
use tests::matching::check_matching;

// Even: texts, one a line, each compared with each. Odd: choices of the model.
fuzz_target!(|data: &[u8]| match data {
    [kind, texts @ ..] if kind % 2 == 0 => check_texts(&String::from_utf8_lossy(texts)),
    [_, script @ ..] => check_matching(Random::scripted(script), 400),
    [] => {}
});

fn check_texts(texts: &str) {
    let texts: Vec<&str> = texts.split('\n').take(16).collect();
    for name in &texts {
        let topic = Topic::new(ByteString::from(*name));
        assert_eq!(topic.is_ok(), is_topic(name), "{name:?}: {topic:?}");
    }
    for text in &texts {
        let filter = Filter::new(ByteString::from(*text));
        assert_eq!(filter.is_ok(), is_filter(text), "{text:?}: {filter:?}");
        for name in texts.iter().filter(|name| is_topic(name)) {
            if let Ok(filter) = &filter {
                let expected = matches(filter.matched(), name);
                assert_eq!(filter.matches(name), expected, "{text:?} and {name:?}");
            }
        }
    }
}

/// [MQTT-4.7.3-1] [MQTT-4.7.3-2] [MQTT-4.7.3-3] [MQTT-3.3.2-2], and at most 128 levels.
fn is_topic(name: &str) -> bool {
    (1..=65_535).contains(&name.len())
        && !name.contains(['#', '+', '\0'])
        && name.split('/').count() <= 128
}

/// [MQTT-4.7.1-1] [MQTT-4.7.1-2] [MQTT-4.8.2-1] [MQTT-4.8.2-2]
fn is_filter(text: &str) -> bool {
    let levels: Vec<&str> = text.split('/').collect();
    let shared = levels[0] == "$share" && levels.len() > 1;
    let (group, matched) = if shared {
        (levels[1], &levels[2..])
    } else {
        ("g", &levels[..])
    };
    let last = matched.len().saturating_sub(1);
    let plain = |level: &str| !level.contains(['#', '+']);
    text.len() <= 65_535
        && !text.contains('\0')
        && levels.len() <= 128
        && plain(group)
        && !group.is_empty()
        && !matches!(matched, [] | [""])
        && matched
            .iter()
            .enumerate()
            .all(|(at, level)| plain(level) || *level == "+" || *level == "#" && at == last)
}

/// Section 4.7.1, level by level.
fn matches(filter: &str, name: &str) -> bool {
    let (filter, name): (Vec<_>, Vec<_>) = (filter.split('/').collect(), name.split('/').collect());
    let hidden = name[0].starts_with('$') && matches!(filter[0], "+" | "#"); // [MQTT-4.7.2-1]
    let (fixed, open) = match filter.split_last() {
        Some((&"#", parents)) => (parents, true),
        _ => (&filter[..], false),
    };
    let long_enough = if open {
        name.len() >= fixed.len()
    } else {
        name.len() == fixed.len()
    };
    !hidden
        && long_enough
        && fixed
            .iter()
            .zip(&name)
            .all(|(wanted, level)| wanted == level || *wanted == "+")
}

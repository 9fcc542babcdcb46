// SPDX-License-Identifier: Apache-2.0 OR MIT
//! Topic names and filters: which are valid, and which filter matches which name.

use mqtt_proto::{ByteString, Filter, FilterError, Topic, TopicError};

#[test]
fn a_topic_name_is_checked() {
    let long = "x".repeat(65_536);
    let deep = "/".repeat(128);
    for (name, expected) in [
        ("a", Ok(())),
        ("/", Ok(())),
        ("$SYS/broker", Ok(())),
        ("Accounts payable", Ok(())),
        ("\u{FEFF}a", Ok(())), // [MQTT-1.5.4-3]
        (&long[1..], Ok(())),
        (&deep[1..], Ok(())),
        ("", Err(TopicError::Empty)),       // [MQTT-4.7.3-1]
        ("a/+", Err(TopicError::Wildcard)), // [MQTT-4.7.0-1], in 3.1.1 [MQTT-4.7.1-1]
        ("a#", Err(TopicError::Wildcard)),
        ("a\0b", Err(TopicError::NullCharacter)), // [MQTT-4.7.3-2]
        (&long, Err(TopicError::TooLong)),        // [MQTT-4.7.3-3]
        (&deep, Err(TopicError::TooManyLevels)),
    ] {
        let checked = Topic::new(ByteString::from(name)).map(|_| ());
        assert_eq!(checked, expected, "{:.40?}", name);
    }
}

#[test]
fn a_topic_filter_is_checked() {
    let long = "x".repeat(65_536);
    let deep = "/".repeat(128);
    for (filter, expected) in [
        // Section 4.7.1 of the standard.
        ("sport/tennis/player1/#", Ok(())),
        ("#", Ok(())),
        ("sport/tennis/#", Ok(())),
        ("sport/tennis#", Err(FilterError::WildcardInLevel)), // [MQTT-4.7.1-1], in 3.1.1 [MQTT-4.7.1-2]
        ("sport/tennis/#/ranking", Err(FilterError::HashNotLast)),
        ("+", Ok(())),
        ("+/tennis/#", Ok(())),
        ("sport+", Err(FilterError::WildcardInLevel)), // [MQTT-4.7.1-2], in 3.1.1 [MQTT-4.7.1-3]
        ("sport/+/player1", Ok(())),
        // Beyond it.
        ("/", Ok(())),
        ("//+//#", Ok(())),
        (&long[1..], Ok(())),
        (&deep[1..], Ok(())),
        ("##", Err(FilterError::WildcardInLevel)),
        ("++", Err(FilterError::WildcardInLevel)),
        ("+#", Err(FilterError::WildcardInLevel)),
        ("#/", Err(FilterError::HashNotLast)),
        ("", Err(FilterError::Empty)),            // [MQTT-4.7.3-1]
        ("a\0", Err(FilterError::NullCharacter)), // [MQTT-4.7.3-2]
        (&long, Err(FilterError::TooLong)),       // [MQTT-4.7.3-3]
        (&deep, Err(FilterError::TooManyLevels)),
        // Section 4.8.2.
        ("$share/group/a/+", Ok(())),
        ("$share/group//", Ok(())),
        ("$share", Ok(())),
        ("$shared/a", Ok(())),
        ("$share/", Err(FilterError::ShareWithoutFilter)),
        ("$share/group", Err(FilterError::ShareWithoutFilter)),
        ("$share/group/", Err(FilterError::Empty)),
        ("$share//a", Err(FilterError::ShareGroup)), // [MQTT-4.8.2-1]
        ("$share/gr+up/a", Err(FilterError::ShareGroup)), // [MQTT-4.8.2-2]
        ("$share/#/a", Err(FilterError::ShareGroup)),
        ("$share/group/a#", Err(FilterError::WildcardInLevel)),
    ] {
        let checked = Filter::new(ByteString::from(filter)).map(|_| ());
        assert_eq!(checked, expected, "{:.40?}", filter);
    }
}

#[test]
fn a_filter_matches_the_names_the_standard_says() {
    for (filter, name, expected) in [
        // Section 4.7.1.2.
        ("sport/tennis/player1/#", "sport/tennis/player1", true),
        (
            "sport/tennis/player1/#",
            "sport/tennis/player1/ranking",
            true,
        ),
        (
            "sport/tennis/player1/#",
            "sport/tennis/player1/score/wimbledon",
            true,
        ),
        ("sport/#", "sport", true),
        ("#", "sport/tennis", true),
        // Section 4.7.1.3.
        ("sport/tennis/+", "sport/tennis/player1", true),
        ("sport/tennis/+", "sport/tennis/player2", true),
        ("sport/tennis/+", "sport/tennis/player1/ranking", false),
        ("sport/+", "sport", false),
        ("sport/+", "sport/", true),
        ("+/+", "/finance", true),
        ("/+", "/finance", true),
        ("+", "/finance", false),
        // Section 4.7.2.
        ("#", "$SYS/broker", false),
        ("+/monitor/Clients", "$SYS/monitor/Clients", false),
        ("$SYS/#", "$SYS/broker", true), // [MQTT-4.7.2-1]
        ("$SYS/monitor/+", "$SYS/monitor/Clients", true),
        ("#", "$other", false),
        ("+", "$other", false),
        ("a/#", "a/$SYS", true),
        ("a/+", "a/$SYS", true),
        // Section 4.7.3.
        ("ACCOUNTS", "Accounts", false),
        ("/finance", "finance", false),
        ("finance", "finance", true),
        // Beyond them.
        ("a", "a/", false),
        ("a/", "a", false),
        ("a/b", "a/b/c", false),
        ("a/b/c", "a/b", false),
        ("+/b/#", "a/b", true),
        ("+/b/#", "a/c", false),
        ("//#", "//", true),
        ("#", "/", true),
        ("+/#", "", true),
        // A share matches as the filter inside it.
        ("$share/g/a/+", "a/b", true),
        ("$share/g/a/+", "$share/g/a/b", false),
        ("$share/g/#", "$SYS/broker", false),
        ("$share/g/$SYS/#", "$SYS/broker", true),
    ] {
        let checked = Filter::new(ByteString::from(filter)).unwrap();
        assert_eq!(checked.matches(name), expected, "{filter} on {name}");
    }
}

#[test]
fn a_share_is_taken_apart() {
    let shared = Filter::new("$share/group/a/+".into()).unwrap();
    assert_eq!(shared.share(), Some(("group", "a/+")));
    assert_eq!(shared.matched(), "a/+");
    assert_eq!(shared.levels().collect::<Vec<_>>(), ["a", "+"]);
    assert!(shared.is_wildcard());
    assert_eq!(shared.as_str(), "$share/group/a/+");

    let plain = Filter::new("$shared/group".into()).unwrap();
    assert_eq!(plain.share(), None);
    assert_eq!(plain.levels().collect::<Vec<_>>(), ["$shared", "group"]);
    assert!(!plain.is_wildcard());
}

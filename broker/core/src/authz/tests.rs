// SPDX-License-Identifier: Apache-2.0 OR MIT
//! Single judgements: entries, names in them, topics of the server.

use bytestring::ByteString;

use super::*;

fn key(user: &'static str, client_id: &'static str) -> SessionKey {
    SessionKey {
        user: ByteString::from_static(user),
        client_id: ByteString::from_static(client_id),
    }
}

fn entries(texts: &[&str]) -> Vec<AccessEntry> {
    let entry = |text: &&str| {
        let (word, filter) = text.split_once(' ').unwrap();
        let grant = match word {
            "read" => Grant::Read,
            "write" => Grant::Write,
            "readwrite" => Grant::ReadWrite,
            _ => Grant::Deny,
        };
        AccessEntry::pattern(grant, &Filter::new(filter.into()).unwrap())
    };
    texts.iter().map(entry).collect()
}

/// What a client with these entries may of publishing to a topic, receiving it, and subscribing to it.
fn may(key: &SessionKey, texts: &[&str], what: &str) -> [bool; 3] {
    let rules = Rules::new(entries(texts), Arc::default());
    let access = Access {
        others: Grants::Listed(Arc::new(rules)),
        ..Access::default()
    };
    let rights = access.rights_of(key);
    let who = Who {
        rights: &rights,
        key,
    };
    let topic = |filter: &str| Topic::new(filter.replace(['+', '#'], "x").into()).unwrap();
    [
        authorize::<ToPublish>(who, &topic(what)).is_some(),
        authorize::<ToReceive>(who, &topic(what)).is_some(),
        authorize::<ToSubscribe>(who, &Filter::new(what.into()).unwrap()).is_some(),
    ]
}

const ALL: [bool; 3] = [true; 3];
const NONE: [bool; 3] = [false; 3];
const READ: [bool; 3] = [false, true, true];
const WRITE: [bool; 3] = [true, false, false];
/// Messages are received, and the whole filter is not granted.
const IN_PART: [bool; 3] = [false, true, false];

#[test]
fn an_entry_speaks_of_what_its_word_and_filter_say() {
    let dev = key("ann", "dev");
    let cases: [(&[&str], &str, [bool; 3]); 18] = [
        (&[], "a", NONE),
        (&["read a"], "a", READ),
        (&["write a"], "a", WRITE),
        (&["readwrite a"], "a", ALL),
        (&["readwrite a"], "b", NONE),
        (&["read a/+"], "a/b", READ),
        (&["read a/+"], "a/+", READ),
        (&["read a/+"], "a/b/c", NONE),
        (&["read a/b"], "a/+", NONE),
        (&["read a/#"], "a", READ),
        (&["read a/#"], "a/+/c", READ),
        (&["read a/#"], "a/#", READ),
        (&["read a/+"], "+/b", NONE),
        (&["read +/#"], "#", READ),
        (&["read +"], "#", IN_PART),
        (&["readwrite #", "deny a/#"], "a/b", NONE),
        (&["deny a/#", "readwrite #"], "b", ALL),
        (&["readwrite #", "deny a/b"], "a/#", ALL),
    ];
    for (texts, what, expected) in cases {
        assert_eq!(may(&dev, texts, what), expected, "{texts:?} of {what}");
    }
}

#[test]
fn topics_of_the_server_need_an_entry_that_says_so_and_are_never_published_to() {
    let dev = key("ann", "$SYS");
    let cases: [(&[&str], &str, [bool; 3]); 9] = [
        (&["readwrite #"], "$SYS/x", NONE),
        (&["readwrite +/x"], "$SYS/x", NONE),
        (&["readwrite %c/x"], "$SYS/x", NONE),
        (&["readwrite $SYS/#"], "$SYS/x", READ),
        (&["read $SYS/#"], "$SYS/#", READ),
        (&["read $SYS/#"], "$SYS", READ),
        (&["readwrite $other/#"], "$other/x", NONE),
        (&["readwrite $SYSTEM/#"], "$SYSTEM/x", NONE),
        (&["readwrite $canary/#"], "$canary/x", NONE),
    ];
    for (texts, what, expected) in cases {
        assert_eq!(may(&dev, texts, what), expected, "{texts:?} of {what}");
    }
}

/// User, client identifier, entries, what is asked for, and the answers.
type Named<'a> = (
    &'static str,
    &'static str,
    &'a [&'a str],
    &'a str,
    [bool; 3],
);

#[test]
fn a_name_is_one_level_or_a_part_of_one() {
    let cases: [Named<'_>; 11] = [
        ("ann", "dev", &["read %u/%c"], "ann/dev", READ),
        ("ann", "dev", &["read %u/%c"], "ann/bob", NONE),
        ("ann", "dev", &["read x-%c-%u/#"], "x-dev-ann/y", READ),
        ("ann", "dev", &["read %d/100%/%c"], "%d/100%/dev", READ),
        ("ann", "a/b", &["read %c/#"], "a/b", NONE),
        ("ann", "#", &["read %c"], "a", NONE),
        ("ann", "+", &["read %c"], "a", NONE),
        ("ann", "a\u{1}", &["read %c"], "a\u{1}", NONE),
        ("ann", "a/b", &["read #", "deny %c/x"], "a/x", NONE),
        ("ann", "a/b", &["read #", "deny %c/x"], "a/y", READ),
        ("ann", "#", &["read #", "deny x-%c"], "q", NONE),
    ];
    for (user, client_id, texts, what, expected) in cases {
        let found = may(&key(user, client_id), texts, what);
        assert_eq!(found, expected, "{user} {client_id}: {texts:?} of {what}");
    }
}

#[test]
fn patterns_for_all_are_asked_last_and_not_for_names_with_wildcards() {
    let patterns = Rules::shared(entries(&["readwrite p/%c", "readwrite q/#", "deny q/x"]));
    let rules = |texts| Grants::Listed(Arc::new(Rules::new(entries(texts), patterns.clone())));
    let access = Access {
        users: [("ann".into(), rules(&["deny q/a", "write q/x"]))].into(),
        others: rules(&[]),
        ..Access::default()
    };
    let cases = [
        ("ann", "dev", "p/dev", true),
        ("ann", "dev", "q/a", false),
        ("ann", "dev", "q/x", true),
        ("bob", "dev", "q/x", false),
        ("bob", "dev", "q/a", true),
        ("bob", "d+v", "q/a", false),
    ];
    for (user, client_id, topic, expected) in cases {
        let key = key(user, client_id);
        let rights = &access.rights_of(&key);
        let topic = Topic::new(topic.into()).unwrap();
        let found = authorize::<ToPublish>(Who { rights, key: &key }, &topic).is_some();
        assert_eq!(found, expected, "{user} {client_id} {topic}");
    }
}

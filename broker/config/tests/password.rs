// SPDX-License-Identifier: Apache-2.0 OR MIT
//! Password hashes: known vectors, and what is refused.

use broker_config::{HashError, HashMemory, InvalidHash, PasswordHash};

const PASSWORD: &[u8] = b"correct horse battery staple";

/// Made by other programs: hashlib of Python for Mosquitto's two forms.
const VECTORS: [&str; 2] = [
    "$6$YS1zYWx0LWZvci15$gwv7DkuSs7GYoMeCpANZS9MM2ihI1liwd+b94aMgMfUqy9OgPYuP2mdoiuiANcfdW4G7O2hxAiIfvUouL08xGA==",
    "$7$101$YS1zYWx0LWZvci15$SWaq+UdXaeDUJFWcqRUD+RFVVHMlBeymIKmJxzOxSL+DP2zHMP1hQZpCQFyBMnokEFlxpo63AymL7JjmubQ5og==",
];

fn parse(text: &str) -> PasswordHash {
    PasswordHash::parse(text).unwrap_or_else(|fault| panic!("{text}: {fault}"))
}

#[test]
fn only_the_right_password_verifies() {
    for text in VECTORS {
        let hash = parse(text);
        assert!(hash.verify(PASSWORD), "{text}");
        assert!(!hash.verify(b"correct horse battery stable"), "{text}");
        assert!(!hash.verify(b""), "{text}");
        assert_eq!(hash.as_str(), text);
    }
}

#[test]
fn a_hash_made_here_verifies_after_it_was_written_and_read() {
    let made =
        PasswordHash::hash_argon2id(PASSWORD, [7; 16]).unwrap_or_else(|fault| panic!("{fault}"));
    assert!(
        made.as_str()
            .starts_with("$argon2id$v=19$m=19456,t=2,p=1$BwcHBwcHBwcHBwcHBwcHBw$")
    );
    let read = parse(made.as_str());
    assert!(read == made);
    assert!(read.verify(PASSWORD));
    assert!(!read.verify(b"x"));
}

#[test]
fn used_memory_changes_no_verdict() {
    let large = parse(ARGON2_REFERENCE);
    let small =
        PasswordHash::hash_argon2id(PASSWORD, [7; 16]).unwrap_or_else(|fault| panic!("{fault}"));
    let mut memory = HashMemory::default();
    for _ in 0..2 {
        assert!(large.verify_in(b"password", &mut memory));
        assert!(!small.verify_in(b"password", &mut memory));
        assert!(small.verify_in(PASSWORD, &mut memory));
        assert!(!large.verify_in(PASSWORD, &mut memory));
    }
}

#[test]
fn the_vector_of_rfc_9106_style_parameters_verifies() {
    let hash = parse(ARGON2_REFERENCE);
    assert!(hash.verify(b"password"));
    assert!(!hash.verify(b"Password"));
}

#[test]
fn an_empty_or_too_long_password_is_not_hashed() {
    for password in [&[][..], &[b'p'; 129][..]] {
        let refused = PasswordHash::hash_argon2id(password, [0; 16]).err();
        assert_eq!(refused, Some(HashError::Length), "{} bytes", password.len());
    }
}

#[test]
fn what_is_no_acceptable_hash_is_refused_with_its_reason() {
    let digest = VECTORS[0].rsplit('$').next().unwrap_or_default();
    let cases = [
        (String::new(), InvalidHash::Scheme),
        ("secret".to_owned(), InvalidHash::Scheme),
        (
            "$2b$12$KIXQ4S6Zx5sOq1zV9yN0Oe".to_owned(),
            InvalidHash::Scheme,
        ),
        (
            "$argon2i$v=19$m=16,t=2,p=1$c2FsdHNhbHQ$AAAAAAAAAAAAAAAAAAAAAA".to_owned(),
            InvalidHash::Scheme,
        ),
        ("$6$c2FsdA==".to_owned(), InvalidHash::Form),
        (format!("$6$$ {digest}"), InvalidHash::Form),
        (format!("$6$${digest}"), InvalidHash::Form),
        (format!("$6$c2FsdA==${}", &digest[..40]), InvalidHash::Form),
        (format!("$7$many$c2FsdA==${digest}"), InvalidHash::Form),
        (format!("$7$0$c2FsdA==${digest}"), InvalidHash::Cost),
        (format!("$7$1000001$c2FsdA==${digest}"), InvalidHash::Cost),
        ("$argon2id$".to_owned(), InvalidHash::Form),
        (
            "$argon2id$v=19$m=19456,t=2,p=1$c2FsdHNhbHQ".to_owned(),
            InvalidHash::Form,
        ),
        (
            ARGON2_REFERENCE.replace("m=65536", "m=65537"),
            InvalidHash::Cost,
        ),
        (ARGON2_REFERENCE.replace("t=2", "t=11"), InvalidHash::Cost),
        (ARGON2_REFERENCE.replace("p=1", "p=9"), InvalidHash::Cost),
    ];
    for (text, expected) in cases {
        assert_eq!(PasswordHash::parse(&text).err(), Some(expected), "{text}");
    }
}

/// From the test program of the reference implementation of Argon2: "password" with "somesalt".
const ARGON2_REFERENCE: &str =
    "$argon2id$v=19$m=65536,t=2,p=1$c29tZXNhbHQ$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc";

// SPDX-License-Identifier: Apache-2.0 OR MIT
//! Verifiers of SCRAM-SHA-256: known vectors, what is prepared alike, and what is refused.

use broker_config::{HashError, InvalidHash, LoginMethod, PasswordHash, prepared};

/// "pencil" with the salt of RFC 7677, by hashlib and hmac of Python.
const PENCIL: &str = "SCRAM-SHA-256$4096:W22ZaJ0SNY7soEsUEjb6gQ==$WG5d8oPm3OtcPnkdi4Uo7BkeZkBFzpcXkuLmtbsT4qY=:wfPLwcE6nTWhTAmQ7tl2KeoiWGPlZqQxSrmfPwDl2dU=";
/// "pencil" with sixteen bytes 7 and the iterations of this broker, by the same.
const OURS: &str = "SCRAM-SHA-256$16384:BwcHBwcHBwcHBwcHBwcHBw==$T7AXIlykVgxqDRXeuFOZb14zl0spcb/uIrup81fu1wQ=:lJOSH0JGcTuhoBpuGhXaEAwfjyCwRKTg+pkBmIL7SV0=";

fn parse(text: &str) -> PasswordHash {
    PasswordHash::parse(text).unwrap_or_else(|fault| panic!("{text}: {fault}"))
}

#[test]
fn only_the_right_password_verifies() {
    for text in [PENCIL, OURS] {
        let hash = parse(text);
        assert_eq!(hash.method(), LoginMethod::Scram);
        assert_eq!(hash.as_str(), text);
        assert!(hash.verify(b"pencil"));
        for wrong in [&b"Pencil"[..], b"", b"pencil ", b"\xff"] {
            assert!(!hash.verify(wrong), "{}", wrong.escape_ascii());
        }
    }
}

#[test]
fn a_verifier_made_here_is_the_one_others_make() {
    let made = LoginMethod::Scram.hash("pencil", [7; 16]);
    assert_eq!(
        made.map(|hash| hash.as_str().to_owned()).as_deref(),
        Ok(OURS)
    );
}

#[test]
fn the_proof_of_the_standards_example_is_answered_with_its_signature() {
    use base64::Engine;
    use base64::engine::general_purpose::STANDARD;
    let messages = "n=user,r=rOprNGfwEbeRWgbNEkqO,\
                    r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096,\
                    c=biws,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0";
    let hash = parse(PENCIL);
    let prove = |messages: &str, proof: &str| {
        let proof = STANDARD.decode(proof).unwrap_or_default();
        let signature = hash
            .scram()
            .and_then(|scram| scram.prove(messages.as_bytes(), &proof));
        signature.map(|signature| STANDARD.encode(signature))
    };
    let proof = "dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ=";
    assert_eq!(
        prove(messages, proof).as_deref(),
        Some("6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=")
    );
    assert_eq!(prove(&messages.replace("user", "usor"), proof), None);
    assert_eq!(prove(messages, &proof.replace("dHzb", "eHzb")), None);
    assert_eq!(prove(messages, "dHzb"), None);
}

#[test]
fn texts_that_look_alike_are_prepared_alike() {
    for (text, expected) in [
        ("user", Some("user")),
        ("I\u{ad}X", Some("IX")),
        ("\u{2168}", Some("IX")),
        ("a\u{a0}b", Some("a b")),
        ("パスワード", Some("パスワード")),
        ("a\u{7}", None),
        ("\u{627}1", None),
        ("\u{ad}", None),
        ("", None),
    ] {
        assert_eq!(prepared(text).as_deref(), expected, "{text:?}");
    }
    let hash = LoginMethod::Scram.hash("\u{2168}", [0; 16]);
    assert!(hash.is_ok_and(|hash| hash.verify(b"IX")));
}

#[test]
fn a_password_that_cannot_be_proven_is_not_hashed() {
    for (password, expected) in [
        (String::new(), HashError::Length),
        ("p".repeat(129), HashError::Length),
        ("a\u{7}".to_owned(), HashError::Forbidden),
        ("\u{ad}".to_owned(), HashError::Forbidden),
    ] {
        let refused = LoginMethod::Scram.hash(&password, [0; 16]).err();
        assert_eq!(refused, Some(expected), "{password:?}");
    }
}

#[test]
fn what_is_no_acceptable_verifier_is_refused_with_its_reason() {
    let cases = [
        (PENCIL.replace("-256", "-1"), InvalidHash::Scheme),
        ("SCRAM-SHA-256".to_owned(), InvalidHash::Form),
        (PENCIL.replace("4096", "4095"), InvalidHash::Weak),
        (PENCIL.replace("4096", "0"), InvalidHash::Weak),
        (PENCIL.replace("4096", "1000001"), InvalidHash::Cost),
        (PENCIL.replace("4096", "many"), InvalidHash::Form),
        (PENCIL.replace("4096:", ""), InvalidHash::Form),
        (
            PENCIL.replace("W22ZaJ0SNY7soEsUEjb6gQ==", ""),
            InvalidHash::Form,
        ),
        (PENCIL.replace("W22Z", "!"), InvalidHash::Form),
        (PENCIL.replace("WG5d", ""), InvalidHash::Form),
        (PENCIL.replace("qY=:", "qY="), InvalidHash::Form),
        (format!("{PENCIL}$"), InvalidHash::Form),
    ];
    for (text, expected) in cases {
        assert_eq!(PasswordHash::parse(&text).err(), Some(expected), "{text}");
    }
}

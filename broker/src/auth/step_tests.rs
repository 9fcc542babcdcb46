// SPDX-License-Identifier: Apache-2.0 OR MIT
//! Logins by SCRAM-SHA-256 against accounts, by a client of the tests' own.

use hmac::{Hmac, Mac};
use sha2::{Digest, Sha256};

use broker_config::{Credential, LoginMethod};

use super::*;

const WRONG: Verdict = Verdict::Refused(LoginFailure::WrongPassword);

fn user(username: &str, method: LoginMethod, password: &str) -> User {
    let hash = method.hash(password, [7; 16]);
    User {
        username: username.to_owned(),
        method,
        credential: Credential::Hash(hash.unwrap_or_else(|error| panic!("{error}"))),
        access: Default::default(),
        line: 1,
    }
}

async fn authenticator(users: &[(&str, LoginMethod)]) -> Authenticator {
    let authenticator = Authenticator::new(None, Log::silent());
    let users = users
        .iter()
        .map(|(name, method)| user(name, *method, "pencil"));
    authenticator.replace(users.collect()).await.unwrap();
    authenticator
}

/// One connection's side of the dialogue.
#[derive(Default)]
struct Dialogue {
    kept: Option<Box<Exchange>>,
}

impl Dialogue {
    fn send(&mut self, authenticator: &Authenticator, data: &str) -> Verdict {
        authenticator
            .step(None, &mut self.kept, SCRAM, data.as_bytes())
            .0
    }

    /// The server's first message.
    fn challenge(&mut self, authenticator: &Authenticator, username: &str) -> String {
        match self.send(authenticator, &format!("n,,n={username},r=abc")) {
            Verdict::Continue(challenge) => String::from_utf8(challenge.to_vec()).unwrap(),
            other => panic!("{username}: {other:?}"),
        }
    }

    fn log_in(&mut self, authenticator: &Authenticator, username: &str, password: &str) -> Verdict {
        let challenge = self.challenge(authenticator, username);
        let last = last_message(username, password, &challenge);
        self.send(authenticator, &last)
    }
}

fn hmac(key: &[u8], message: &[u8]) -> [u8; 32] {
    let mut mac = Hmac::<Sha256>::new_from_slice(key).unwrap();
    mac.update(message);
    mac.finalize().into_bytes().into()
}

/// What a client that knows the password answers.
fn last_message(username: &str, password: &str, challenge: &str) -> String {
    let part = |name| {
        let found = challenge
            .split(',')
            .find_map(|part| part.strip_prefix(name));
        found.unwrap_or_else(|| panic!("{challenge}"))
    };
    let salt = STANDARD.decode(part("s=")).unwrap();
    let mut salted = hmac(
        password.as_bytes(),
        &[&salt[..], &1_u32.to_be_bytes()].concat(),
    );
    let mut sum = salted;
    for _ in 1..part("i=").parse().unwrap() {
        salted = hmac(password.as_bytes(), &salted);
        sum.iter_mut()
            .zip(salted)
            .for_each(|(sum, byte)| *sum ^= byte);
    }
    let client_key = hmac(&sum, b"Client Key");
    let without_proof = format!("c=biws,r={}", part("r="));
    let messages = format!("n={username},r=abc,{challenge},{without_proof}");
    let signature = hmac(&Sha256::digest(client_key), messages.as_bytes());
    let proof: Vec<u8> = client_key
        .iter()
        .zip(signature)
        .map(|(a, b)| a ^ b)
        .collect();
    format!("{without_proof},p={}", STANDARD.encode(proof))
}

#[tokio::test]
async fn a_user_proves_the_password_without_sending_it() {
    let authenticator = authenticator(&[("ann", LoginMethod::Scram)]).await;
    let mut dialogue = Dialogue::default();
    assert_eq!(
        dialogue.send(&authenticator, ""),
        Verdict::Continue(Bytes::new()),
        "a client may wait to be asked"
    );
    let verdict = dialogue.log_in(&authenticator, "ann", "pencil");
    assert!(matches!(&verdict, Verdict::Proven(data) if data.starts_with(b"v=")));
    assert_eq!(dialogue.log_in(&authenticator, "ann", "pen"), WRONG);
    assert!(dialogue.kept.is_none());
}

#[tokio::test]
async fn a_message_cannot_be_used_twice() {
    let authenticator = authenticator(&[("ann", LoginMethod::Scram)]).await;
    let mut dialogue = Dialogue::default();
    let challenge = dialogue.challenge(&authenticator, "ann");
    let last = last_message("ann", "pencil", &challenge);
    let mut other = Dialogue::default();
    assert_ne!(other.challenge(&authenticator, "ann"), challenge);
    assert!(matches!(
        other.send(&authenticator, &last),
        Verdict::Refused(LoginFailure::Data(_))
    ));
    assert!(matches!(
        dialogue.send(&authenticator, &last),
        Verdict::Proven(_)
    ));
}

#[tokio::test]
async fn each_user_logs_in_in_one_way_only() {
    let users = [("ann", LoginMethod::Scram), ("bob", LoginMethod::Password)];
    let authenticator = authenticator(&users).await;
    for (username, expected) in [
        ("ann", Verdict::Refused(LoginFailure::MethodRequired)),
        ("bob", Verdict::Accepted),
        ("cid", Verdict::Refused(LoginFailure::UnknownUser)),
    ] {
        let password = Some(Password::new(Bytes::from_static(b"pencil")));
        let verdict = authenticator.judge(None, Some(username.into()), password);
        assert_eq!(verdict.await, expected, "{username}");
    }
    let verdict = Dialogue::default().send(&authenticator, "n,,n=bob,r=abc");
    assert_eq!(verdict, Verdict::Refused(LoginFailure::MethodNotOfUser));
    let (verdict, user) = authenticator.step(None, &mut None, "SCRAM-SHA-1", b"n,,n=ann,r=abc");
    assert_eq!(verdict, Verdict::Refused(LoginFailure::UnknownMethod));
    assert_eq!(user, None);
}

#[tokio::test]
async fn an_unknown_name_is_answered_like_some_user_and_always_alike() {
    let users = [
        ("ann", LoginMethod::Scram),
        ("bob", LoginMethod::Password),
        ("dan", LoginMethod::Scram),
    ];
    let one = authenticator(&users).await;
    let restarted = authenticator(&users).await;
    let mut challenged = 0;
    for number in 0..60 {
        let name = format!("nobody-{number}");
        let answers = [&one, &one, &restarted].map(|authenticator| {
            let mut dialogue = Dialogue::default();
            match dialogue.send(authenticator, &format!("n,,n={name},r=abc")) {
                Verdict::Continue(data) => {
                    let challenge = String::from_utf8(data.to_vec()).unwrap();
                    let (nonce, _) = challenge.split_once(',').unwrap();
                    let last = format!("c=biws,{nonce},p={}", STANDARD.encode([0; 32]));
                    let verdict = dialogue.send(authenticator, &last);
                    assert_eq!(verdict, Verdict::Refused(LoginFailure::UnknownUser));
                    challenge.split_once(",s=").map(|(_, rest)| rest.to_owned())
                }
                refused => {
                    assert_eq!(refused, Verdict::Refused(LoginFailure::MethodOfNobody));
                    None
                }
            }
        });
        assert_eq!(answers[0], answers[1], "{name}");
        assert_eq!(answers[0], answers[2], "{name} after a restart");
        challenged += usize::from(answers[0].is_some());
    }
    assert!((20..60).contains(&challenged), "{challenged} of 60");
    let real = Dialogue::default().challenge(&one, "ann");
    let (_, real) = real.split_once(",s=").unwrap();
    assert_eq!(real.len(), "BwcHBwcHBwcHBwcHBwcHBw==,i=16384".len());
}

#[tokio::test]
async fn where_nobody_uses_scram_every_name_is_told_so() {
    let authenticator = authenticator(&[("bob", LoginMethod::Password)]).await;
    for name in ["bob", "cid"] {
        let (verdict, user) = authenticator.step(
            None,
            &mut None,
            SCRAM,
            format!("n,,n={name},r=abc").as_bytes(),
        );
        assert!(matches!(
            verdict,
            Verdict::Refused(LoginFailure::MethodNotOfUser | LoginFailure::MethodOfNobody)
        ));
        assert_eq!(user.as_deref(), Some(name));
    }
}

#[tokio::test]
async fn a_password_changed_in_the_middle_of_a_login_is_wrong() {
    let authenticator = authenticator(&[("ann", LoginMethod::Scram)]).await;
    let mut dialogue = Dialogue::default();
    let challenge = dialogue.challenge(&authenticator, "ann");
    let changed = vec![user("ann", LoginMethod::Scram, "crayon")];
    authenticator.replace(changed).await.unwrap();
    let last = last_message("ann", "pencil", &challenge);
    assert_eq!(dialogue.send(&authenticator, &last), WRONG);
}

#[tokio::test]
async fn wrong_proofs_make_an_address_wait_like_wrong_passwords() {
    let authenticator = authenticator(&[("ann", LoginMethod::Scram)]).await;
    let waits = Verdict::Refused(LoginFailure::BackedOff { seconds: 1 });
    for name in ["ann", "nobody"] {
        let mut begun: Vec<_> = (0..6)
            .map(|_| {
                let mut dialogue = Dialogue::default();
                let challenge = dialogue.challenge(&authenticator, name);
                let [right, wrong] =
                    ["pencil", "wrong"].map(|password| last_message(name, password, &challenge));
                (dialogue, right, wrong)
            })
            .collect();
        // What takes long is done: the wait is a second.
        let (mut late, last, _) = begun.pop().unwrap();
        for (dialogue, _, wrong) in &mut begun {
            let verdict = dialogue.send(&authenticator, wrong);
            assert!(matches!(verdict, Verdict::Refused(failure) if !failure.passes()));
        }
        assert_eq!(late.send(&authenticator, &last), waits, "{name}");
        let first = format!("n,,n={name},r=abc");
        let verdict = Dialogue::default().send(&authenticator, &first);
        assert_eq!(verdict, waits, "{name}");
    }
    let elsewhere = Some([192, 0, 2, 1].into());
    let mut kept = None;
    let (verdict, _) = authenticator.step(elsewhere, &mut kept, SCRAM, b"n,,n=ann,r=abc");
    assert!(matches!(verdict, Verdict::Continue(_)));
}

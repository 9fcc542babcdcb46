// SPDX-License-Identifier: Apache-2.0 OR MIT
//! Logins against accounts with cheap hashes; the cost of a hash is not what is tested here.

use std::sync::atomic::Ordering;

use broker_config::{Credential, LoginMethod, PasswordHash};
use sha2::{Digest, Sha512};

use super::*;

const REFUSED_USER: Verdict = Verdict::Refused(LoginFailure::UnknownUser);
const REFUSED_PASSWORD: Verdict = Verdict::Refused(LoginFailure::WrongPassword);

fn user(username: &str, password: &str) -> User {
    let digest = Sha512::new()
        .chain_update(password)
        .chain_update(b"salt")
        .finalize();
    let text = format!(
        "$6${}${}",
        STANDARD.encode(b"salt"),
        STANDARD.encode(digest)
    );
    let hash = PasswordHash::parse(&text).unwrap_or_else(|error| panic!("{error:?}"));
    User {
        username: username.to_owned(),
        method: LoginMethod::Password,
        credential: Credential::Hash(hash),
        access: Default::default(),
        line: 1,
    }
}

fn authenticator() -> Authenticator {
    Authenticator::new(None, Log::silent())
}

async fn judge(
    authenticator: &Authenticator,
    username: Option<&str>,
    password: Option<&str>,
) -> Verdict {
    judge_from(None, authenticator, username, password).await
}

async fn judge_from(
    origin: Origin,
    authenticator: &Authenticator,
    username: Option<&str>,
    password: Option<&str>,
) -> Verdict {
    let password = password.map(|text| Password::new(Bytes::copy_from_slice(text.as_bytes())));
    authenticator
        .judge(origin, username.map(ByteString::from), password)
        .await
}

/// How many passwords were compared with a hash.
fn compared(authenticator: &Authenticator) -> usize {
    let era = authenticator.era();
    era.accounts.compared.load(Ordering::Relaxed)
}

fn host(number: u8) -> Origin {
    Some([192, 0, 2, number].into())
}

#[tokio::test]
async fn each_login_is_accepted_or_refused_with_its_reason() {
    let long = "x".repeat(129);
    let cases = [
        (Some("ann"), Some("secret"), Verdict::Accepted),
        (Some("ann"), Some("secret"), Verdict::Accepted),
        (Some("ann"), Some("Secret"), REFUSED_PASSWORD),
        (Some("ann"), Some(""), REFUSED_PASSWORD),
        (Some("ann"), Some(long.as_str()), REFUSED_PASSWORD),
        (
            Some("ann"),
            None,
            Verdict::Refused(LoginFailure::NoPassword),
        ),
        (Some("bob"), Some("secret"), REFUSED_USER),
        (Some(long.as_str()), Some("secret"), REFUSED_USER),
        (Some(""), Some(""), REFUSED_USER),
        // Asked only where the listener lets everybody in.
        (None, Some("secret"), Verdict::Accepted),
        (None, None, Verdict::Accepted),
    ];
    let authenticator = authenticator();
    authenticator
        .replace(vec![user("ann", "secret")])
        .await
        .unwrap();
    for (username, password, expected) in cases {
        let verdict = judge(&authenticator, username, password).await;
        assert_eq!(verdict, expected, "{username:?} with {password:?}");
    }
}

#[tokio::test]
async fn a_new_authenticator_refuses_every_user() {
    let authenticator = authenticator();
    assert_eq!(
        judge(&authenticator, Some("ann"), Some("x")).await,
        REFUSED_USER
    );
}

#[tokio::test]
async fn a_remembered_login_is_forgotten_with_its_accounts() {
    let authenticator = authenticator();
    authenticator
        .replace(vec![user("ann", "old")])
        .await
        .unwrap();
    assert_eq!(
        judge(&authenticator, Some("ann"), Some("old")).await,
        Verdict::Accepted
    );
    authenticator
        .replace(vec![user("ann", "new")])
        .await
        .unwrap();
    assert_eq!(
        judge(&authenticator, Some("ann"), Some("old")).await,
        REFUSED_PASSWORD
    );
    assert_eq!(
        judge(&authenticator, Some("ann"), Some("new")).await,
        Verdict::Accepted
    );
}

#[tokio::test]
async fn accounts_that_cannot_be_used_leave_the_former_ones() {
    let authenticator = authenticator();
    authenticator
        .replace(vec![user("ann", "secret")])
        .await
        .unwrap();
    let kept = User {
        username: "bob".to_owned(),
        method: LoginMethod::Password,
        credential: Credential::Kept,
        access: Default::default(),
        line: 7,
    };
    let error = authenticator.replace(vec![kept]).await.unwrap_err();
    assert!(
        error
            .to_string()
            .starts_with("line 7: the password of user `bob` was taken"),
        "{error}"
    );
    assert_eq!(
        judge(&authenticator, Some("ann"), Some("secret")).await,
        Verdict::Accepted
    );
}

#[tokio::test]
async fn identical_attempts_share_one_hash() {
    let attempts = Attempts::default();
    let hashed = std::sync::atomic::AtomicUsize::new(0);
    let judge = || async {
        hashed.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        tokio::task::yield_now().await;
        REFUSED_PASSWORD
    };
    let (one, two, other) = tokio::join!(
        attempts.share([1; 32], judge()),
        attempts.share([1; 32], judge()),
        attempts.share([2; 32], judge())
    );
    assert_eq!([one, two, other], [REFUSED_PASSWORD; 3]);
    assert_eq!(hashed.load(std::sync::atomic::Ordering::Relaxed), 2);
    attempts.share([1; 32], judge()).await;
    assert_eq!(
        hashed.load(std::sync::atomic::Ordering::Relaxed),
        3,
        "a finished attempt is not kept"
    );
}

#[tokio::test]
async fn an_attempt_that_is_over_is_not_joined_while_others_have_not_heard_of_it() {
    let attempts = Attempts::default();
    let judge = |verdict| async move {
        tokio::task::yield_now().await;
        verdict
    };
    let waits = Verdict::Refused(LoginFailure::BackedOff { seconds: 1 });
    let mut first = std::pin::pin!(attempts.share([1; 32], judge(waits.clone())));
    let mut second = std::pin::pin!(attempts.share([1; 32], judge(Verdict::Accepted)));
    let mut context = std::task::Context::from_waker(std::task::Waker::noop());
    assert!(first.as_mut().poll(&mut context).is_pending());
    assert!(second.as_mut().poll(&mut context).is_pending());
    assert_eq!(first.await, waits);
    let third = attempts.share([1; 32], judge(Verdict::Accepted));
    assert_eq!(third.await, Verdict::Accepted, "it is judged by itself");
    assert_eq!(second.await, waits);
}

#[tokio::test]
async fn a_known_name_and_an_unknown_one_cost_the_same_and_what_is_known_costs_nothing() {
    let authenticator = authenticator();
    authenticator
        .replace(vec![user("ann", "secret")])
        .await
        .unwrap();
    let long = "x".repeat(129);
    let edge = "x".repeat(128);
    let cases = [
        ("ann", "secret", 1),
        ("ann", "secret", 0),
        ("ann", "wrong", 1),
        ("bob", "secret", 1),
        ("bob", "wrong", 1),
        (edge.as_str(), edge.as_str(), 1),
        (long.as_str(), "secret", 0),
        ("ann", long.as_str(), 0),
    ];
    for (username, password, hashes) in cases {
        let before = compared(&authenticator);
        judge(&authenticator, Some(username), Some(password)).await;
        let after = compared(&authenticator);
        assert_eq!(after - before, hashes, "{username} with {password}");
    }
}

#[tokio::test]
async fn who_fails_too_often_is_refused_without_a_hash_and_keeps_nobody_else_out() {
    let authenticator = authenticator();
    let users = vec![user("ann", "secret"), user("bob", "secret")];
    authenticator.replace(users).await.unwrap();
    for number in 0..5 {
        let wrong = format!("wrong {number}");
        let verdict = judge_from(host(1), &authenticator, Some("ann"), Some(&wrong)).await;
        assert_eq!(verdict, REFUSED_PASSWORD);
    }
    let waits = Verdict::Refused(LoginFailure::BackedOff { seconds: 1 });
    let before = compared(&authenticator);
    for password in ["secret", "wrong"] {
        let verdict = judge_from(host(1), &authenticator, Some("ann"), Some(password)).await;
        assert_eq!(verdict, waits, "{password}");
    }
    let after = compared(&authenticator);
    assert_eq!(after, before, "hashes");
    for (origin, username) in [(host(1), "bob"), (host(2), "ann")] {
        let verdict = judge_from(origin, &authenticator, Some(username), Some("secret")).await;
        assert_eq!(verdict, Verdict::Accepted, "{username} at {origin:?}");
    }
    let verdict = judge_from(host(1), &authenticator, Some("ann"), Some("secret")).await;
    assert_eq!(verdict, Verdict::Accepted, "it is remembered now");
}

#[tokio::test]
async fn guesses_that_were_under_way_together_cost_five_hashes() {
    let authenticator = authenticator();
    authenticator
        .replace(vec![user("ann", "secret")])
        .await
        .unwrap();
    // Nothing is hashed before all of them wait.
    let (release, released) = std::sync::mpsc::channel::<()>();
    let released = Arc::new(Mutex::new(released));
    let held = [released.clone(), released].map(|released| {
        let hold = move |_: &mut HashMemory| drop(released.lock().map(|released| released.recv()));
        let hashers = &authenticator.shared.hashers;
        hashers.run(backoff::Rank::Known, None, hold)
    });
    let guesses = (0..200).map(|number| {
        let authenticator = authenticator.clone();
        tokio::spawn(async move {
            let wrong = format!("wrong {number}");
            judge_from(host(1), &authenticator, Some("ann"), Some(&wrong)).await
        })
    });
    let guesses: Vec<_> = guesses.collect();
    for _ in 0..1_000 {
        tokio::task::yield_now().await;
    }
    drop((release, held));
    for guess in guesses {
        assert!(matches!(guess.await.unwrap(), Verdict::Refused(_)));
    }
    // Each thread may have had one more in hand.
    let hashes = compared(&authenticator);
    assert!((5..=6).contains(&hashes), "{hashes}");
}

#[tokio::test]
async fn the_first_login_with_a_user_leaves_its_mark() {
    let folder = std::env::temp_dir().join(format!("broker-first-login-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    let first_login = FirstLogin::new(Some(folder.clone()), Log::silent());
    first_login.mark();
    while !folder.join("first-login").exists() {
        tokio::task::yield_now().await;
    }
    std::fs::remove_dir_all(&folder).unwrap();
}

// SPDX-License-Identifier: Apache-2.0 OR MIT
//! Logins against accounts with cheap hashes; the cost of a hash is not what is tested here.

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
    let password = password.map(|text| Password::new(Bytes::copy_from_slice(text.as_bytes())));
    authenticator
        .judge(username.map(ByteString::from), password)
        .await
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
async fn a_login_beyond_the_queue_is_told_that_the_broker_is_busy() {
    let authenticator = authenticator();
    authenticator
        .replace(vec![user("ann", "secret")])
        .await
        .unwrap();
    let queue = authenticator
        .shared
        .waiting
        .acquire_many(MAX_WAITING as u32)
        .await
        .unwrap();
    assert_eq!(
        judge(&authenticator, Some("ann"), Some("secret")).await,
        Verdict::Refused(LoginFailure::Busy)
    );
    drop(queue);
    assert_eq!(
        judge(&authenticator, Some("ann"), Some("secret")).await,
        Verdict::Accepted
    );
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

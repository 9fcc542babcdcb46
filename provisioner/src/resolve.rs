// SPDX-License-Identifier: Apache-2.0 OR MIT
//! From checked settings to the desired state: hashes passwords, keeps those taken earlier, makes a login if needed.

use std::error::Error;
use std::fmt;
use std::io;
use std::num::NonZero;
use std::panic::resume_unwind;
use std::thread;

use broker_config::{
    Credential, HashError, LoginMethod, Settings, User, UserAccess, Wlan, WlanKey,
};

use crate::desired::Desired;
use crate::login::Login;
use crate::system::Randomness;

/// The desired state, and the login if one was made for it.
pub struct Resolved {
    pub desired: Desired,
    pub made: Option<Login>,
}

/// A `0` in place of a secret that this device does not have.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NotKept {
    /// Line of the user or of the key in the file, from 1.
    pub line: u32,
    pub whose: Whose,
}

/// Whose secret is not kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Whose {
    User {
        username: String,
        reason: WhyNotKept,
    },
    /// The wireless network of that name: another one, or none, was named before.
    Wlan { ssid: String },
}

/// Why a password cannot be kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WhyNotKept {
    NeverTaken,
    /// It was taken for logins of the other kind.
    TakenFor(LoginMethod),
}

/// Why valid settings have no desired state.
#[derive(Debug)]
pub enum ResolveError {
    /// The operator's fault: every such secret, in the order of the file.
    NotKept(Vec<NotKept>),
    Hash(HashError),
    Random(io::Error),
}

/// The desired state of these settings; `stored` is the one before.
pub fn resolve(
    settings: Settings,
    stored: Option<&Desired>,
    random: &dyn Randomness,
) -> Result<Resolved, ResolveError> {
    let Settings {
        mut machine,
        mut broker,
    } = settings;
    let mut missing = not_kept(&broker.users, stored);
    missing.extend(
        machine
            .wlan
            .as_mut()
            .and_then(|wlan| keep_key(wlan, stored)),
    );
    missing.sort_by_key(|missing| missing.line);
    if !missing.is_empty() {
        return Err(ResolveError::NotKept(missing));
    }
    broker.users = hash_all(&broker.users, stored, random)?;
    let mut made = None;
    let mut generated_user = None;
    if broker.keeps_everybody_out() {
        let user = match stored.and_then(generated) {
            Some(user) => user,
            None => {
                let login = made.insert(Login::generate(random).map_err(ResolveError::Random)?);
                user_of(login, random)?
            }
        };
        generated_user = Some(user.username.clone());
        broker.users.push(user);
    }
    Ok(Resolved {
        desired: Desired {
            machine,
            broker,
            generated_user,
        },
        made,
    })
}

fn not_kept(users: &[User], stored: Option<&Desired>) -> Vec<NotKept> {
    let reason = |user: &User| match stored.and_then(|stored| stored.hash_of(&user.username)) {
        None => Some(WhyNotKept::NeverTaken),
        Some(hash) if hash.method() == user.method => None,
        Some(hash) => Some(WhyNotKept::TakenFor(hash.method())),
    };
    let missing = |user: &User| {
        Some(NotKept {
            line: user.line,
            whose: Whose::User {
                username: user.username.clone(),
                reason: reason(user)?,
            },
        })
    };
    let kept = users
        .iter()
        .filter(|user| user.credential == Credential::Kept);
    kept.filter_map(missing).collect()
}

/// Puts the key of the same network, taken earlier, in place of its `0`.
fn keep_key(wlan: &mut Wlan, stored: Option<&Desired>) -> Option<NotKept> {
    let WlanKey::Kept { line } = wlan.key else {
        return None;
    };
    let before = stored.and_then(|stored| stored.machine.wlan.as_ref());
    let before = before.filter(|before| before.ssid == wlan.ssid);
    match before.map(|before| before.key.clone()) {
        Some(key @ (WlanKey::Password(_) | WlanKey::Psk(_))) => {
            wlan.key = key;
            None
        }
        _ => Some(NotKept {
            line,
            whose: Whose::Wlan {
                ssid: wlan.ssid.to_string(),
            },
        }),
    }
}

/// The users with hashes, in the same order, worked out on up to four cores: each hash takes 19 MiB, and a Raspberry
/// Pi 3 about half a second.
fn hash_all(
    users: &[User],
    stored: Option<&Desired>,
    random: &dyn Randomness,
) -> Result<Vec<User>, ResolveError> {
    let salts = users
        .iter()
        .map(|_| salt(random))
        .collect::<Result<Vec<Salt>, _>>()?;
    let work: Vec<(&User, Salt)> = users.iter().zip(salts).collect();
    let workers = thread::available_parallelism()
        .map_or(1, NonZero::get)
        .min(MOST_WORKERS);
    let share = work.len().div_ceil(workers).max(1);
    let shares = thread::scope(|scope| {
        let hash_share = |share: &[(&User, Salt)]| -> Result<Vec<User>, HashError> {
            share
                .iter()
                .map(|(user, salt)| hashed(user, stored, *salt))
                .collect()
        };
        let started: Vec<_> = work
            .chunks(share)
            .map(|share| scope.spawn(move || hash_share(share)))
            .collect();
        started
            .into_iter()
            .map(|worker| worker.join().unwrap_or_else(|panic| resume_unwind(panic)))
            .collect()
    });
    let shares: Result<Vec<Vec<User>>, HashError> = shares;
    Ok(shares
        .map_err(ResolveError::Hash)?
        .into_iter()
        .flatten()
        .collect())
}

/// The user with a hash; a password that fits the stored hash keeps it, so that accepting twice changes nothing.
fn hashed(user: &User, stored: Option<&Desired>, salt: Salt) -> Result<User, HashError> {
    let old = stored.and_then(|stored| stored.hash_of(&user.username));
    let credential = match (&user.credential, old) {
        (Credential::Kept, Some(old)) => Credential::Hash(old.clone()),
        (Credential::Plain(secret), Some(old))
            if old.method() == user.method && old.verify(secret.expose().as_bytes()) =>
        {
            Credential::Hash(old.clone())
        }
        (Credential::Plain(secret), _) => {
            Credential::Hash(user.method.hash(secret.expose(), salt)?)
        }
        (Credential::Hash(_) | Credential::Kept | Credential::Certificate, _) => {
            user.credential.clone()
        }
    };
    Ok(User {
        username: user.username.clone(),
        method: user.method,
        credential,
        access: user.access.clone(),
        line: 0,
    })
}

fn user_of(login: &Login, random: &dyn Randomness) -> Result<User, ResolveError> {
    let hash = LoginMethod::Password.hash(&login.password, salt(random)?);
    let credential = Credential::Hash(hash.map_err(ResolveError::Hash)?);
    Ok(User {
        username: login.username.clone(),
        method: LoginMethod::Password,
        credential,
        access: UserAccess::default(),
        line: 0,
    })
}

fn salt(random: &dyn Randomness) -> Result<Salt, ResolveError> {
    let mut salt = Salt::default();
    random.fill(&mut salt).map_err(ResolveError::Random)?;
    Ok(salt)
}

/// The user made earlier, with its hash.
fn generated(stored: &Desired) -> Option<User> {
    let username = stored.generated_user.clone()?;
    let credential = Credential::Hash(stored.hash_of(&username)?.clone());
    Some(User {
        username,
        method: LoginMethod::Password,
        credential,
        access: UserAccess::default(),
        line: 0,
    })
}

impl fmt::Display for NotKept {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let line = self.line;
        match &self.whose {
            Whose::Wlan { ssid } => write!(
                f,
                "line {line}: `0` keeps the password this device has of a wireless network, and it has none of \
                 `{}`; write the password of this network in quotes",
                ssid.escape_debug()
            ),
            Whose::User { username, reason } => reason.tell(f, line, username),
        }
    }
}

impl WhyNotKept {
    fn tell(self, f: &mut fmt::Formatter<'_>, line: u32, username: &str) -> fmt::Result {
        match self {
            Self::NeverTaken => write!(
                f,
                "line {line}: `password = 0` keeps the password this device has of a user, and it has none of \
                 `{username}`; write a password for this user in quotes"
            ),
            Self::TakenFor(method) => write!(
                f,
                "line {line}: the password of `{username}` was taken for `auth = \"{}\"` and cannot be used \
                 otherwise, because only its hash was kept; write it once more in quotes",
                method.name()
            ),
        }
    }
}

impl fmt::Display for ResolveError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotKept(_) => f.write_str("passwords are missing"),
            Self::Hash(_) => f.write_str("hashing a password"),
            Self::Random(_) => f.write_str("reading the kernel's random source"),
        }
    }
}

impl Error for ResolveError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Self::NotKept(_) => None,
            Self::Hash(source) => Some(source),
            Self::Random(source) => Some(source),
        }
    }
}

type Salt = [u8; 16];
/// Passwords hashed at the same time.
const MOST_WORKERS: usize = 4;

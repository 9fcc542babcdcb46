// SPDX-License-Identifier: Apache-2.0 OR MIT
//! From checked settings to the desired state: hashes passwords, keeps those taken earlier, makes a login if needed.

use std::error::Error;
use std::fmt;
use std::io;

use broker_config::{BrokerSettings, Credential, HashError, PasswordHash, Settings, User};

use crate::desired::Desired;
use crate::login::Login;
use crate::system::Randomness;

/// The desired state, and the login if one was made for it.
pub struct Resolved {
    pub desired: Desired,
    pub made: Option<Login>,
}

/// A `password = 0` for a user whose password this device never took.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NotKept {
    pub username: String,
    /// Line of the user in the file, from 1.
    pub line: u32,
}

/// Why valid settings have no desired state.
#[derive(Debug)]
pub enum ResolveError {
    /// The operator's fault: every such user, in the order of the file.
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
        hostname,
        timezone,
        broker:
            BrokerSettings {
                allow_anonymous,
                users,
                listeners,
            },
    } = settings;
    let missing = not_kept(&users, stored);
    if !missing.is_empty() {
        return Err(ResolveError::NotKept(missing));
    }
    let mut users = users
        .into_iter()
        .map(|user| hashed(user, stored, random))
        .collect::<Result<Vec<User>, ResolveError>>()?;
    let mut generated_user = None;
    let mut made = None;
    if users.is_empty() && !allow_anonymous {
        let user = match stored.and_then(generated) {
            Some(user) => user,
            None => {
                let login = made.insert(Login::generate(random).map_err(ResolveError::Random)?);
                let credential = Credential::Hash(hash(&login.password, random)?);
                User {
                    username: login.username.clone(),
                    credential,
                    line: 0,
                }
            }
        };
        generated_user = Some(user.username.clone());
        users.push(user);
    }
    let broker = BrokerSettings {
        allow_anonymous,
        users,
        listeners,
    };
    Ok(Resolved {
        desired: Desired {
            hostname,
            timezone,
            broker,
            generated_user,
        },
        made,
    })
}

fn not_kept(users: &[User], stored: Option<&Desired>) -> Vec<NotKept> {
    let kept = |user: &User| stored.is_some_and(|stored| stored.hash_of(&user.username).is_some());
    let missing = users
        .iter()
        .filter(|user| user.credential == Credential::Kept && !kept(user));
    missing
        .map(|user| NotKept {
            username: user.username.clone(),
            line: user.line,
        })
        .collect()
}

/// The user with a hash; a password that fits the stored hash keeps it, so that accepting twice changes nothing.
fn hashed(
    user: User,
    stored: Option<&Desired>,
    random: &dyn Randomness,
) -> Result<User, ResolveError> {
    let old = stored
        .and_then(|stored| stored.hash_of(&user.username))
        .cloned();
    let hash = match (user.credential, old) {
        (Credential::Hash(hash), _) | (Credential::Kept, Some(hash)) => hash,
        (Credential::Plain(secret), Some(old)) if old.verify(secret.expose().as_bytes()) => old,
        (Credential::Plain(secret), _) => hash(secret.expose(), random)?,
        (Credential::Kept, None) => {
            return Err(ResolveError::NotKept(vec![NotKept {
                username: user.username,
                line: user.line,
            }]));
        }
    };
    Ok(User {
        username: user.username,
        credential: Credential::Hash(hash),
        line: 0,
    })
}

fn hash(password: &str, random: &dyn Randomness) -> Result<PasswordHash, ResolveError> {
    let mut salt = [0; 16];
    random.fill(&mut salt).map_err(ResolveError::Random)?;
    PasswordHash::hash_argon2id(password.as_bytes(), salt).map_err(ResolveError::Hash)
}

/// The user made earlier, with its hash.
fn generated(stored: &Desired) -> Option<User> {
    let username = stored.generated_user.clone()?;
    let credential = Credential::Hash(stored.hash_of(&username)?.clone());
    Some(User {
        username,
        credential,
        line: 0,
    })
}

impl fmt::Display for NotKept {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "line {}: `password = 0` keeps the password this device has of a user, and it has none of `{}`; \
             write a password for this user in quotes",
            self.line, self.username
        )
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

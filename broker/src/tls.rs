// SPDX-License-Identifier: Apache-2.0 OR MIT
//! The certificates of listeners: loaded, swapped while connections go on, and told when something is wrong with them.
//!
//! A listener without anything it could offer is closed, never opened without TLS or with less than was asked for.

mod certificate;
mod der;
mod files;
mod offer;
mod words;

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use broker_config::{Listener, Tls, civil_date};
use tokio::sync::Notify;
use tokio::time::timeout;

use crate::logging::Log;

pub use certificate::common_name;
use files::{Paths, Stamp};
pub use offer::{Facts, Offer, fingerprint, provider};
pub use words::{not_tls, words};

/// What one listener offers, kept up to date with its files.
pub struct Keeper {
    folder: PathBuf,
    listener: Listener,
    kept: Mutex<Kept>,
    /// There is something else, or nothing any more.
    pub changed: Notify,
}

#[derive(Default)]
struct Kept {
    tls: Tls,
    paths: Option<Paths>,
    stamp: Stamp,
    offer: Option<Arc<Offer>>,
    /// Why the newest files are not used.
    fault: Option<String>,
    /// The step before the end of the certificate that was told last, and whether the list of revoked ones was late then.
    told: (Option<u64>, bool),
}

/// A line for the log.
#[derive(Debug, PartialEq, Eq)]
pub enum Line {
    Notice(String),
    Warning(String),
}

/// One listener's certificate in `broker status`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TlsState {
    /// None where there is nothing to offer.
    pub facts: Option<Facts>,
    /// What is wrong, in words.
    pub troubles: Vec<String>,
}

impl Keeper {
    /// That of a listener with TLS.
    pub fn of(folder: &Path, listener: &Listener) -> Option<Arc<Self>> {
        let tls = listener.tls.clone()?;
        Some(Self::new(folder.to_owned(), listener.clone(), tls))
    }

    /// Nothing is loaded yet; `folder` is that of the daemon's `broker.toml`.
    pub fn new(folder: PathBuf, listener: Listener, tls: Tls) -> Arc<Self> {
        let kept = Kept {
            tls,
            ..Kept::default()
        };
        Arc::new(Self {
            folder,
            listener,
            kept: Mutex::new(kept),
            changed: Notify::new(),
        })
    }

    /// What new connections are served with.
    pub fn offer(&self) -> Option<Arc<Offer>> {
        self.kept().offer.clone()
    }

    /// Why the newest files are not used.
    pub fn fault(&self) -> String {
        self.kept().fault.clone().unwrap_or_default()
    }

    /// [`Keeper::refresh`] away from the serving threads, with what it says in the log.
    pub async fn look(self: &Arc<Self>, settings: Option<Tls>, log: &Log) {
        let keeper = self.clone();
        let looked = tokio::task::spawn_blocking(move || keeper.refresh(settings.as_ref())).await;
        // A panic was told already.
        for line in looked.unwrap_or_default() {
            match line {
                Line::Notice(text) => log.notice(text),
                Line::Warning(text) => log.warning(text),
            }
        }
    }

    /// Looks once a minute and when told to; returns when there is nothing to offer any more.
    pub async fn watch(self: &Arc<Self>, log: &Log) {
        while self.offer().is_some() {
            if timeout(LOOK, self.changed.notified()).await.is_err() {
                self.look(None, log).await;
            }
        }
    }

    /// Looks at the files and takes what is new in them, under other settings if there are; blocks.
    ///
    /// Files that cannot be used leave what was in force before under the same settings; with other settings nothing is
    /// left, because what was in force may let in whom they would not.
    pub fn refresh(&self, settings: Option<&Tls>) -> Vec<Line> {
        let now = now();
        let mut kept = self.kept();
        if let Some(tls) = settings.filter(|tls| **tls != kept.tls) {
            *kept = Kept {
                tls: tls.clone(),
                ..Kept::default()
            };
        }
        let mut paths = Paths::of(&kept.tls, &self.folder);
        if let Some(before) = &kept.paths {
            // A list of revoked certificates that has gone is a fault, not the end of revocation.
            paths.crl = paths.crl.or_else(|| before.crl.clone());
        }
        let stamp = paths.stamp();
        let mut lines = Vec::new();
        if kept.paths.as_ref() != Some(&paths) || kept.stamp != stamp {
            let made = Offer::make(&kept.tls, self.listener.protocol, &paths);
            (kept.paths, kept.stamp) = (Some(paths), stamp);
            match made {
                Ok(offer) => lines.extend(self.take(&mut kept, offer)),
                Err(fault) => lines.extend(self.refuse(&mut kept, fault.to_string())),
            }
            self.changed.notify_one();
        }
        lines.extend(self.expiry(&mut kept, now));
        lines
    }

    /// For `broker status` and the status line.
    pub fn state(&self) -> TlsState {
        let kept = self.kept();
        let facts = kept.offer.as_ref().map(|offer| offer.facts.clone());
        let mut troubles: Vec<String> = facts
            .iter()
            .flat_map(|facts| facts.troubles(now()))
            .collect();
        if let (Some(fault), true) = (&kept.fault, facts.is_some()) {
            troubles.push(format!("{fault}; what was loaded before stays in use"));
        }
        TlsState { facts, troubles }
    }

    fn take(&self, kept: &mut Kept, offer: Offer) -> Vec<Line> {
        let facts = offer.facts.clone();
        let before = kept.offer.replace(Arc::new(offer));
        (kept.fault, kept.told) = (None, (None, false));
        let listener = &self.listener;
        if before.is_some_and(|before| before.facts.fingerprint == facts.fingerprint) {
            return vec![Line::Notice(format!(
                "The files of the listener ({listener}) were read again; connections stay."
            ))];
        }
        let mut lines = vec![Line::Notice(format!(
            "The listener ({listener}) shows the certificate {} from now on, good until {}; connections stay.",
            facts.fingerprint,
            date(facts.not_after)
        ))];
        lines.extend(misnamed(&facts.names).map(|names| {
            Line::Warning(format!(
                "The certificate of the listener ({listener}) does not name this machine: clients must connect by \
                 one of its names ({names})."
            ))
        }));
        lines
    }

    fn refuse(&self, kept: &mut Kept, fault: String) -> Option<Line> {
        let news = kept.fault.as_ref() != Some(&fault);
        kept.fault = Some(fault.clone());
        // Without anything to offer the listener is closed, and says so itself.
        let listener = &self.listener;
        (news && kept.offer.is_some()).then(|| {
            Line::Warning(format!(
                "New files of the listener ({listener}) are not used: {fault}. What was loaded before stays in use."
            ))
        })
    }

    /// Says once for each step that the end comes nearer.
    fn expiry(&self, kept: &mut Kept, now: u64) -> Vec<Line> {
        let Some(facts) = kept.offer.as_ref().map(|offer| offer.facts.clone()) else {
            return Vec::new();
        };
        let days = facts.not_after.saturating_sub(now).div_ceil(DAY);
        let step = match facts.not_before > now {
            true => Some(NOT_YET),
            false => STEPS.into_iter().find(|step| days <= *step),
        };
        let stage = (step, facts.list_due.is_some_and(|due| due <= now));
        if stage == kept.told {
            return Vec::new();
        }
        kept.told = stage;
        let line = |trouble| Line::Warning(format!("The listener ({}): {trouble}.", self.listener));
        facts.troubles(now).into_iter().map(line).collect()
    }

    fn kept(&self) -> MutexGuard<'_, Kept> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Facts {
    /// What is wrong with the dates, or soon will be.
    fn troubles(&self, now: u64) -> Vec<String> {
        let mut troubles = Vec::new();
        let days = self.not_after.saturating_sub(now).div_ceil(DAY);
        if now < self.not_before {
            troubles.push(format!(
                "the certificate is good from {} on: is the clock right?",
                date(self.not_before)
            ));
        } else if self.not_after <= now {
            troubles.push(format!(
                "the certificate has EXPIRED on {}, clients will refuse it",
                date(self.not_after)
            ));
        } else if days <= STEPS[STEPS.len() - 1] {
            let s = if days == 1 { "" } else { "s" };
            troubles.push(format!(
                "the certificate expires on {}, in {days} day{s}",
                date(self.not_after)
            ));
        }
        if let Some(due) = self.list_due.filter(|due| *due <= now) {
            troubles.push(format!(
                "the list of revoked certificates is out of date since {}, it still counts",
                date(due)
            ));
        }
        troubles
    }
}

/// The day of a time in seconds since 1970.
pub fn date(seconds: u64) -> String {
    let (year, month, day) = civil_date(seconds / DAY);
    format!("{year:04}-{month:02}-{day:02}")
}

/// The names of a certificate in words if none of them is this machine's, and no address stands there either.
fn misnamed(names: &[String]) -> Option<String> {
    let host = nix::unistd::gethostname().ok()?;
    let host = host.to_str()?.to_ascii_lowercase();
    let own = [
        host.clone(),
        format!("{host}.local"),
        "localhost".to_owned(),
    ];
    let fits = |name: &String| {
        let name = name.to_ascii_lowercase();
        own.contains(&name) || name.parse::<std::net::IpAddr>().is_ok()
    };
    let told = match names {
        [] => "none".to_owned(),
        names => names.join(", ").escape_debug().to_string(),
    };
    (!names.iter().any(fits)).then_some(told)
}

/// Seconds since 1970.
fn now() -> u64 {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .map_or(0, |since| since.as_secs())
}

/// Between two looks at the files.
const LOOK: Duration = Duration::from_secs(60);
/// Seconds.
const DAY: u64 = 24 * 60 * 60;
/// Days before the end of a certificate on which it is told.
const STEPS: [u64; 6] = [0, 1, 3, 7, 14, 30];
/// Told of a certificate that is not good yet.
const NOT_YET: u64 = u64::MAX;

/// PEM of what a test has made.
#[cfg(test)]
pub fn pem(label: &str, der: &[u8]) -> String {
    use base64::Engine;
    let text = base64::engine::general_purpose::STANDARD.encode(der);
    format!("-----BEGIN {label}-----\n{text}\n-----END {label}-----\n")
}

#[cfg(test)]
mod tests;

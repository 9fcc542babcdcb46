// SPDX-License-Identifier: Apache-2.0 OR MIT
//! Who may publish, subscribe to and receive what: nothing is retained, routed, subscribed or delivered without a [`Permit`].
//!
//! What a client may do is worked out once for its session ([`Rights`]) from what is in force ([`Access`]); every message and
//! filter is then judged by [`authorize`], and nowhere else.

mod access;
mod entry;

use std::marker::PhantomData;
use std::sync::Arc;

use mqtt_proto::{Filter, Topic};

use crate::SessionKey;
pub use access::{Access, Grants, Rules};
use entry::Identity;
pub use entry::{AccessEntry, Grant};

/// Topics of the broker's own liveness check.
const CANARY: &str = "$canary/";

/// The proof that something was allowed; it cannot be made elsewhere.
pub(crate) struct Permit<R>(PhantomData<R>);

impl<R> Permit<R> {
    /// For what the broker itself says, such as `$SYS`, and for what its store brings back.
    pub fn of_the_broker() -> Self {
        Self(PhantomData)
    }
}

/// To publish to a topic, retained or not.
pub(crate) enum ToPublish {}
/// To receive a message of a topic.
pub(crate) enum ToReceive {}
/// To hold a subscription.
pub(crate) enum ToSubscribe {}

/// What can be permitted.
pub(crate) trait Right {
    /// What it is a right to.
    type Of;
    const WANTED: Wanted;
    /// The topic, or the filter that is compared with topics: of a shared subscription that behind its group.
    fn text(of: &Self::Of) -> &str;
}

/// The rights as a value.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Wanted {
    Publish,
    Receive,
    Subscribe,
}

impl Right for ToPublish {
    type Of = Topic;
    const WANTED: Wanted = Wanted::Publish;
    fn text(of: &Topic) -> &str {
        of.as_str()
    }
}

impl Right for ToReceive {
    type Of = Topic;
    const WANTED: Wanted = Wanted::Receive;
    fn text(of: &Topic) -> &str {
        of.as_str()
    }
}

impl Right for ToSubscribe {
    type Of = Filter;
    const WANTED: Wanted = Wanted::Subscribe;
    fn text(of: &Filter) -> &str {
        of.matched()
    }
}

/// Whose rights are asked for.
#[derive(Clone, Copy)]
pub(crate) struct Who<'a> {
    pub rights: &'a Rights,
    pub key: &'a SessionKey,
}

/// What a client may do, worked out once for its session.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Rights {
    scope: Scope,
    /// Every SUBSCRIBE is granted; what it brings is judged message by message.
    subscribes_freely: bool,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Scope {
    /// Everything that anybody may: of a delivery only the first byte is looked at.
    Unrestricted,
    Listed(Box<Listed>),
    /// The broker's own liveness check.
    Internal,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Listed {
    rules: Arc<Rules>,
    /// The user name, or client identifier, can stand for a level.
    user_fits: bool,
    client_fits: bool,
    /// One of them has a wildcard in it.
    wild: bool,
}

/// Judges one right of one client; nobody publishes to `$` topics, and of these only `$SYS` can be read. (R18, R19)
///
/// A filter is judged by what it asks for: one entry must cover all of it, and no deny entry may.
pub(crate) fn authorize<R: Right>(who: Who<'_>, what: &R::Of) -> Option<Permit<R>> {
    let (rights, text) = (who.rights, R::text(what));
    let allowed = match &rights.scope {
        Scope::Internal => text.starts_with(CANARY),
        _ if R::WANTED == Wanted::Subscribe && rights.subscribes_freely => true,
        Scope::Unrestricted => is_on_offer(R::WANTED, text),
        Scope::Listed(listed) => {
            is_on_offer(R::WANTED, text) && listed.allows(who.key, R::WANTED, text)
        }
    };
    allowed.then_some(Permit(PhantomData))
}

/// Whether it is anything that a client can be allowed at all.
fn is_on_offer(wanted: Wanted, text: &str) -> bool {
    let readable = || text == "$SYS" || text.starts_with("$SYS/");
    !text.starts_with('$') || wanted != Wanted::Publish && readable()
}

impl Rights {
    fn of(scope: Scope, subscribes_freely: bool) -> Self {
        Self {
            scope,
            subscribes_freely,
        }
    }
}

impl Listed {
    fn new(rules: &Arc<Rules>, key: &SessionKey) -> Self {
        Self {
            rules: Arc::clone(rules),
            user_fits: fits(&key.user),
            client_fits: fits(&key.client_id),
            wild: [&key.user, &key.client_id]
                .into_iter()
                .any(|text| text.contains(['+', '#'])),
        }
    }

    /// The entries decide, denials first; then the patterns, unless the client's names would be wildcards in them.
    fn allows(&self, key: &SessionKey, wanted: Wanted, what: &str) -> bool {
        let identity = Identity {
            anonymous: key.user.is_empty(),
            user: self.user_fits.then_some(&*key.user),
            client: self.client_fits.then_some(&*key.client_id),
        };
        let decided = |entries: &[AccessEntry]| {
            let mut entries = entries.iter();
            let entry = entries.find(|entry| entry.decides(wanted, identity, what));
            entry.map(|entry| entry.grant() != Grant::Deny)
        };
        match decided(self.rules.entries()) {
            Some(allowed) => allowed,
            None => !self.wild && decided(self.rules.patterns()).unwrap_or(false),
        }
    }
}

/// Whether a name can take the place of one level, or of a part of one. (R20)
fn fits(name: &str) -> bool {
    !name.is_empty() && !name.contains(|c: char| c.is_control() || "+#/".contains(c))
}

#[cfg(test)]
mod tests;

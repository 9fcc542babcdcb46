// SPDX-License-Identifier: Apache-2.0 OR MIT
//! Who may publish and subscribe to what; nothing is routed without a [`Permit`].

use mqtt_proto::{Filter, Topic};

use crate::PeerKind;

/// Topics of the broker's own liveness check.
const CANARY: &str = "$canary/";

/// The proof that [`may_publish`] allowed a topic, or that the broker itself speaks.
pub(crate) struct Permit(());

impl Permit {
    /// For `$SYS`, which only the broker publishes.
    pub fn of_the_broker() -> Self {
        Self(())
    }
}

/// Every client may publish everywhere but to topics that start with `$`.
pub(crate) fn may_publish(who: PeerKind, topic: &Topic) -> Option<Permit> {
    let allowed = match who {
        PeerKind::Network => !topic.as_str().starts_with('$'),
        PeerKind::Internal => topic.as_str().starts_with(CANARY),
    };
    allowed.then_some(Permit(()))
}

/// Every client may subscribe to everything and `$SYS/#`; wildcards never reach other `$` topics.
pub(crate) fn may_subscribe(who: PeerKind, filter: &Filter) -> bool {
    let filter = filter.matched();
    match who {
        PeerKind::Network => {
            !filter.starts_with('$') || filter == "$SYS" || filter.starts_with("$SYS/")
        }
        PeerKind::Internal => filter.starts_with(CANARY),
    }
}

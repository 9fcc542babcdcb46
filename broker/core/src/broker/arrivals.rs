// SPDX-License-Identifier: Apache-2.0 OR MIT
//! How many connections begin in a second, in all and from one address.

use std::collections::HashMap;
use std::net::IpAddr;

use super::connections::counted;
use crate::connection::Pace;
use crate::{ConnectionLimit, Limits, Moment, Peer};

/// What is left of each rate.
pub(super) struct Arrivals {
    all: Pace,
    /// At most 4,096 addresses; then all begin anew.
    of: HashMap<IpAddr, Pace>,
}

impl Arrivals {
    pub fn new(now: Moment) -> Self {
        Self {
            all: Pace::new(now),
            of: HashMap::new(),
        }
    }

    /// Counts one more, or tells the bound that is reached.
    pub fn admit(
        &mut self,
        now: Moment,
        peer: &Peer,
        limits: &Limits,
    ) -> Result<(), ConnectionLimit> {
        let rate = limits.max_connect_rate_per_address;
        if let Some(address) = counted(peer).filter(|_| rate > 0) {
            if self.of.len() >= MAX_ADDRESSES && !self.of.contains_key(&address) {
                self.of.clear();
            }
            let pace = self.of.entry(address).or_insert_with(|| Pace::new(now));
            pace.take(now, rate)
                .map_err(|_| ConnectionLimit::AddressRate(rate))?;
        }
        let rate = limits.max_connect_rate;
        if rate > 0 {
            self.all
                .take(now, rate)
                .map_err(|_| ConnectionLimit::Rate(rate))?;
        }
        Ok(())
    }
}

const MAX_ADDRESSES: usize = 4_096;

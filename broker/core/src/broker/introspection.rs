// SPDX-License-Identifier: Apache-2.0 OR MIT
//! When `$SYS` is published, and when it is taken back.

use std::sync::Arc;

use super::Broker;
use super::route::FAN_OUT_SLICE;
use super::work::Work;
use crate::authz::Permit;
use crate::sys::View;
use crate::timers::Timer;
use crate::{Effects, Moment, Params};

impl Broker {
    /// Takes new settings; `$SYS` follows its interval at once.
    pub(super) fn reconfigure(&mut self, now: Moment, params: Params, fx: &mut Effects) {
        let before = self.limits().sys_interval;
        self.params = params;
        if self.limits().sys_interval == before {
            return;
        }
        self.publish_sys_from(now);
        if self.sys.due.is_none() {
            self.withdraw_sys(fx);
        }
    }

    /// Publishes next at `at`; never where the interval is zero.
    pub(super) fn publish_sys_from(&mut self, at: Moment) {
        let off = self.limits().sys_interval.is_zero();
        self.sys.due = (!off).then_some(at);
        if let Some(due) = self.sys.due {
            self.timers.set(due, Timer::Sys);
        }
    }

    /// Begins to publish the values that have changed, unless those of the last time are still on their way.
    pub(super) fn publish_sys(&mut self, now: Moment) {
        self.publish_sys_from(now.after(self.limits().sys_interval));
        if self.sys.is_publishing() {
            return;
        }
        let stats = self.stats();
        let view = View {
            stats: &stats,
            uptime: now.since(self.started),
            version: &self.params.version,
        };
        self.sys.renew(now, &view);
        self.work.push_back(Work::Sys);
    }

    /// Publishes as many of these values as one entry has time for; all have about the same receivers.
    pub(super) fn go_on_with_sys(&mut self, now: Moment, fx: &mut Effects) {
        let (mut sent, mut receivers) = (0, 0);
        while sent + receivers <= FAN_OUT_SLICE {
            let Some(message) = self.sys.next() else {
                return;
            };
            receivers = self.publish_own(now, &Permit::of_the_broker(), message, fx);
            sent += receivers;
        }
        if self.sys.is_publishing() {
            self.work.push_back(Work::Sys);
        }
    }

    /// Values that are no longer renewed would soon be untrue.
    fn withdraw_sys(&mut self, fx: &mut Effects) {
        for message in self.sys.withdrawn() {
            // Removing never meets a limit.
            let _ = self.retain(&Permit::of_the_broker(), &Arc::new(message), fx);
        }
    }
}

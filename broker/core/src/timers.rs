// SPDX-License-Identifier: Apache-2.0 OR MIT
//! Deadlines in order; whoever set one judges, when it comes, whether it still holds.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use crate::session::SessionId;
use crate::{ConnectionId, Moment};

/// What a deadline is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Timer {
    /// CONNECT or the next packet is due.
    Silence(ConnectionId),
    SessionExpiry(SessionId),
    WillDelay(SessionId),
    /// A client that was too fast, or whose message cost too much, may go on.
    Pace(ConnectionId),
    Sys,
}

/// Pending deadlines.
#[derive(Default)]
pub(crate) struct Timers(BinaryHeap<Reverse<(Moment, Timer)>>);

impl Timers {
    pub fn set(&mut self, at: Moment, timer: Timer) {
        self.0.push(Reverse((at, timer)));
    }

    pub fn next(&self) -> Option<Moment> {
        self.0.peek().map(|Reverse((at, _))| *at)
    }

    /// Takes the earliest deadline that has passed.
    pub fn pop_due(&mut self, now: Moment) -> Option<(Moment, Timer)> {
        if self.next()? > now {
            return None;
        }
        self.0.pop().map(|Reverse(entry)| entry)
    }
}
